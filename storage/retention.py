"""What records of people and incidents are kept, and for how long: one table.

Never removed: an incident that is open, one that others are merged into, one of which a report was due (with all that
belongs to it), the reports themselves, and the audit trail. Rows go in batches, each a transaction of its own that
passes over what somebody has locked, so nobody waits for it. What has gone stands in the audit trail.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple

from psycopg import sql

from domain.retention import Kept
from storage.audit_trail import append
from storage.pool import Connection

#: Incidents of one transaction, and rows of other tables.
INCIDENTS_AT_ONCE, ROWS_AT_ONCE = 200, 2_000
#: Transactions of one sweep: what is more goes the next time.
MOST_BATCHES = 50


class Rows(NamedTuple):
    """Rows of one table that go with the age of their kind: those of ``t`` for which ``over`` holds."""

    table: LiteralString
    over: LiteralString


#: In an order that foreign keys allow. Incidents have `_INCIDENTS` beside it.
ROWS: Mapping[Kept, tuple[Rows, ...]] = {
    Kept.INCIDENTS: (),
    Kept.NOTICES: (
        Rows(
            "used_link",
            "EXISTS (SELECT FROM delivery AS d WHERE d.delivery_id = t.delivery_id AND d.incident_id IS NULL"
            " AND d.created_at < %(before)s)",
        ),
        Rows(
            "delivery",
            "t.incident_id IS NULL AND t.created_at < %(before)s AND t.state <> 'queued'"
            " AND NOT EXISTS (SELECT FROM report AS r WHERE r.delivery_id = t.delivery_id)"
            " AND NOT EXISTS (SELECT FROM used_link AS u WHERE u.delivery_id = t.delivery_id)",
        ),
    ),
    Kept.ROSTERS: (
        # A swap says who has the other shift, too.
        Rows(
            "duty_shift",
            "t.ends_at < %(before)s AND NOT EXISTS (SELECT FROM duty_swap AS s JOIN duty_shift AS o"
            " ON o.shift_no IN (s.shift_no, s.other_no) AND o.ends_at >= %(before)s"
            " WHERE t.shift_no IN (s.shift_no, s.other_no))",
        ),
        Rows("duty_override", "t.ends_at < %(before)s"),
        Rows("duty_handover", "t.at < %(before)s"),
        Rows("duty_pattern", "t.last_day < %(before)s::date"),
    ),
    Kept.WARNINGS: (
        Rows(
            "warning_receipt",
            "EXISTS (SELECT FROM early_warning AS w WHERE w.warning_id = t.warning_id AND w.valid_until < %(before)s)",
        ),
        Rows(
            "early_warning",
            "t.valid_until < %(before)s"
            " AND NOT EXISTS (SELECT FROM warning_receipt AS r WHERE r.warning_id = t.warning_id)",
        ),
    ),
    Kept.WINDOWS: (
        Rows(
            "maintenance_window",
            "t.ends_at < %(before)s AND NOT EXISTS (SELECT FROM held_finding AS h WHERE h.window_no = t.window_no)",
        ),
    ),
    Kept.TARGETS: (
        Rows("compliance_interval", "t.until < %(before)s"),
        Rows("expiry_warning", "t.over_at < %(before)s"),
    ),
    Kept.PREMISES: (
        Rows("post_report", "t.at < %(before)s"),
        Rows("barrier_inspection", "t.recorded_at < %(before)s"),
    ),
}

#: An incident that may go: over, old, of no report, and nothing is merged into it.
_OVER: LiteralString = (
    "t.state IN ('reset', 'closed') AND t.raised_at < %(before)s"
    " AND greatest(t.closed_at, t.reset_at, t.last_event_at) < %(before)s"
    " AND NOT EXISTS (SELECT FROM report_clock AS c WHERE c.incident_id = t.incident_id)"
    " AND NOT EXISTS (SELECT FROM incident AS merged WHERE merged.merged_into = t.incident_id)"
)
#: What goes with an incident, in an order that foreign keys allow.
OF_INCIDENT: tuple[LiteralString, ...] = (
    "response_tick",
    "response_upgrade",
    "response",
    "attachment",
    "delivery",
    "incident_entry",
    "incident",
)


async def due(conn: Connection, days: Mapping[Kept, int], *, now: datetime) -> dict[str, int]:
    """How many rows a sweep would remove now, by table. ``days``: how long each is kept; 0 = for good."""
    found: dict[str, int] = {}
    for kept, before in _ages(days, now):
        parts = ROWS[kept] or (Rows("incident", _OVER),)
        for part in parts:
            cursor = await conn.execute(
                sql.SQL("SELECT count(*) FROM {table} AS t WHERE {over}").format(
                    table=sql.Identifier(part.table), over=sql.SQL(part.over)
                ),
                {"before": before},
            )
            row = await cursor.fetchone()
            found[part.table] = found.get(part.table, 0) + (int(row[0]) if row else 0)
    return found


async def sweep(
    conn: Connection, days: Mapping[Kept, int], *, now: datetime, actor: str = "system", most: int = MOST_BATCHES
) -> dict[str, int]:
    """Remove what is past its time (autocommit connection), at most ``most`` batches of each table; rows by table."""
    removed: dict[str, int] = {}
    for kept, before in _ages(days, now):
        for part in ROWS[kept] or (None,):
            for _ in range(most):
                async with conn.transaction():
                    if part is None:
                        gone, full = await _incidents(conn, before)
                    else:
                        gone, full = await _rows(conn, part, before)
                    if any(gone.values()):
                        await append(
                            conn,
                            at=now,
                            actor=actor,
                            action="retention.removed",
                            subject=kept.value,
                            detail={"before": before.isoformat(), "rows": gone},
                        )
                for table, count in gone.items():
                    removed[table] = removed.get(table, 0) + count
                if not full:
                    break
    return removed


def _ages(days: Mapping[Kept, int], now: datetime) -> list[tuple[Kept, datetime]]:
    return [(kept, now - timedelta(days=days[kept])) for kept in Kept if days.get(kept)]


async def _rows(conn: Connection, part: Rows, before: datetime) -> tuple[dict[str, int], bool]:
    statement = sql.SQL(
        "DELETE FROM {table} WHERE ctid = ANY (ARRAY("
        "SELECT t.ctid FROM {table} AS t WHERE {over} LIMIT %(most)s FOR UPDATE OF t SKIP LOCKED))"
    ).format(table=sql.Identifier(part.table), over=sql.SQL(part.over))
    cursor = await conn.execute(statement, {"before": before, "most": ROWS_AT_ONCE})
    return {part.table: cursor.rowcount}, cursor.rowcount == ROWS_AT_ONCE


async def _incidents(conn: Connection, before: datetime) -> tuple[dict[str, int], bool]:
    cursor = await conn.execute(
        f"SELECT t.incident_id FROM incident AS t WHERE {_OVER} ORDER BY t.raised_at LIMIT %(most)s"
        " FOR UPDATE OF t SKIP LOCKED",
        {"before": before, "most": INCIDENTS_AT_ONCE},
    )
    ids = [incident_id for (incident_id,) in await cursor.fetchall()]
    if not ids:
        return {}, False
    cursor = await conn.execute(
        "DELETE FROM used_link WHERE delivery_id IN (SELECT delivery_id FROM delivery WHERE incident_id = ANY(%s))",
        (ids,),
    )
    gone = {"used_link": cursor.rowcount}
    for table in OF_INCIDENT:
        cursor = await conn.execute(
            sql.SQL("DELETE FROM {table} WHERE incident_id = ANY(%s)").format(table=sql.Identifier(table)), (ids,)
        )
        gone[table] = cursor.rowcount
    return {table: count for table, count in gone.items() if count}, len(ids) == INCIDENTS_AT_ONCE
