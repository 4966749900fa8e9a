"""Tidying: deletes what is past its retention and keeps bounded what must stay bounded.

On full TimescaleDB the retention policies drop chunks by themselves; on the Apache build chunks are dropped here; on
plain PostgreSQL rows are deleted in slices, so that nobody waits behind a long lock.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import LiteralString

from psycopg import sql

from storage.hypertables import RETENTION_DAYS, TimescaleLevel, timescale_level
from storage.ledger import forget_entries
from storage.pool import Connection
from storage.quarantine import trim_quarantine

#: Days that ids of events are remembered: longer than a message may be old (see `IngestSettings.oldest_days`).
EVENT_KEY_DAYS = 400
LEDGER_DAYS = 400
HANDLED_FINDING_DAYS = 30
#: A client that repeats a request tries for minutes, not for days.
ACTION_KEY_DAYS = 7
#: What windows held back and is settled.
HELD_FINDING_DAYS = 400
#: Guards are seen thousands of times a day; as long as the events that most of it comes from.
CHECK_IN_DAYS = RETENTION_DAYS["event"]

_SLICE = 20_000


async def tidy(conn: Connection, *, now: datetime) -> dict[str, int]:
    """Tidy everything (autocommit connection); rows (or chunks) removed by table."""
    removed: dict[str, int] = {}
    level = await timescale_level(conn)
    for table, days in RETENTION_DAYS.items():
        before = now - timedelta(days=days)
        if level is TimescaleLevel.NONE:
            removed[table] = await _delete_before(conn, table, "ts", before)
        elif level is TimescaleLevel.APACHE:
            cursor = await conn.execute("SELECT drop_chunks(%s::regclass, older_than => %s)", (table, before))
            removed[table] = cursor.rowcount
    for plain, column, days in (
        ("event_key", "received_at", EVENT_KEY_DAYS),
        ("ledger_hour", "hour", LEDGER_DAYS),
        ("ledger_audit", "hour", LEDGER_DAYS),
        ("finding", "handled_at", HANDLED_FINDING_DAYS),
        ("action_key", "at", ACTION_KEY_DAYS),
        ("held_finding", "settled_at", HELD_FINDING_DAYS),
        ("guard_check_in", "at", CHECK_IN_DAYS),
    ):
        removed[plain] = await _delete_before(conn, plain, column, now - timedelta(days=days))
    removed["ledger_entry"] = await forget_entries(conn, now=now)
    removed["quarantine"] = await trim_quarantine(conn)
    return removed


async def _delete_before(conn: Connection, table: LiteralString, column: LiteralString, before: datetime) -> int:
    statement = sql.SQL(
        "DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {column} < %s LIMIT %s))"
    ).format(table=sql.Identifier(table), column=sql.Identifier(column))
    total = 0
    while True:
        cursor = await conn.execute(statement, (before, _SLICE))
        total += cursor.rowcount
        if cursor.rowcount < _SLICE:
            return total
