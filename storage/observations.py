"""Writing what devices said: binary COPY, and the slow way only for a batch that brings something known.

Every ``store_*`` function runs inside the caller's transaction and returns the positions of those observations that
had been stored before, so that the caller can tell stored from duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from domain.observation import Alarm, Event, Heartbeat, Reading, StateReport
from domain.quarantine import Rejected
from storage.pool import Connection


@dataclass(frozen=True, slots=True)
class _Target:
    """A table to COPY into: its columns with their types, the columns that make a row unique."""

    table: LiteralString
    columns: tuple[LiteralString, ...]
    types: tuple[LiteralString, ...]
    key: tuple[LiteralString, ...]

    @property
    def copy(self) -> sql.Composed:
        return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            sql.Identifier(self.table), sql.SQL(", ").join(map(sql.Identifier, self.columns))
        )


_HEARTBEAT = _Target(
    "heartbeat",
    ("ts", "device_no", "received_at", "battery_pct"),
    ("timestamptz", "int4", "timestamptz", "float4"),
    ("device_no", "ts"),
)
_READING = _Target(
    "reading",
    ("ts", "device_no", "metric", "value", "received_at"),
    ("timestamptz", "int4", "text", "float8", "timestamptz"),
    ("device_no", "metric", "ts"),
)

Row = tuple[Any, ...]


async def _copy(conn: Connection, statement: sql.Composed, types: Sequence[str], rows: Sequence[Row]) -> None:
    async with conn.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            await copy.write_row(row)


async def _merge(conn: Connection, target: _Target, rows: Sequence[Row]) -> set[Row]:
    """The slow way: by a staging table; the keys that were new."""
    staging = sql.Identifier(f"staging_{target.table}")
    columns = sql.SQL(", ").join(map(sql.Identifier, target.columns))
    key = sql.SQL(", ").join(map(sql.Identifier, target.key))
    await conn.execute(
        sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {} (LIKE {}) ON COMMIT DELETE ROWS").format(
            staging, sql.Identifier(target.table)
        )
    )
    await conn.execute(sql.SQL("TRUNCATE {}").format(staging))
    await _copy(
        conn,
        sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(staging, columns),
        target.types,
        rows,
    )
    cursor = await conn.execute(
        sql.SQL(
            "INSERT INTO {table} ({columns}) SELECT DISTINCT ON ({key}) {columns} FROM {staging}"
            " ON CONFLICT DO NOTHING RETURNING {key}"
        ).format(table=sql.Identifier(target.table), columns=columns, key=key, staging=staging)
    )
    return set(await cursor.fetchall())


async def _store(conn: Connection, target: _Target, rows: Sequence[Row], owner: Sequence[int]) -> set[int]:
    """COPY ``rows``; ``owner[i]`` is the observation that row i belongs to. The owners with no new row."""
    if not rows:
        return set()
    try:
        async with conn.transaction():
            await _copy(conn, target.copy, target.types, rows)
    except psycopg.errors.UniqueViolation:
        fresh = await _merge(conn, target, rows)
        positions = [target.columns.index(name) for name in target.key]
        stored: set[int] = set()
        for row, position in zip(rows, owner, strict=True):
            key = tuple(row[p] for p in positions)
            if key in fresh:
                fresh.discard(key)  # a second row of the same key in this batch is a duplicate
                stored.add(position)
        return set(owner) - stored
    return set()


async def store_heartbeats(conn: Connection, heartbeats: Sequence[Heartbeat]) -> set[int]:
    """Store heartbeats once by (device, ts); the positions of those that were known."""
    rows = [(h.at, h.device.device_no, h.received_at, h.battery_pct) for h in heartbeats]
    return await _store(conn, _HEARTBEAT, rows, range(len(rows)))


async def store_readings(conn: Connection, readings: Sequence[Reading]) -> set[int]:
    """Store readings once by (device, metric, ts); the positions of those of which nothing was new."""
    rows: list[Row] = []
    owner: list[int] = []
    for position, reading in enumerate(readings):
        for metric, value in reading.values.items():
            rows.append((reading.at, reading.device.device_no, metric, value, reading.received_at))
            owner.append(position)
    return await _store(conn, _READING, rows, owner)


def _event_columns(report: Alarm | Event | StateReport) -> tuple[str, str, bool, bool, bool, dict[str, Any]]:
    match report:
        case Alarm():
            return "alarm", report.alarm, report.active, report.test, report.drill, report.detail or {}
        case Event():
            return "event", report.event, report.active, False, False, report.detail or {}
        case StateReport():
            return "state", "state", True, False, False, report.state


async def store_events(conn: Connection, reports: Sequence[Alarm | Event | StateReport]) -> set[int]:
    """Store alarms, events and states once by uid; the positions of those that were known."""
    if not reports:
        return set()
    cursor = await conn.execute(
        "INSERT INTO event_key (uid, received_at)"
        " SELECT DISTINCT ON (uid) uid, received_at FROM unnest(%s::uuid[], %s::timestamptz[]) AS u (uid, received_at)"
        " ON CONFLICT DO NOTHING RETURNING uid",
        ([r.uid for r in reports], [r.received_at for r in reports]),
    )
    fresh = {row[0] for row in await cursor.fetchall()}
    known: set[int] = set()
    rows: list[Row] = []
    for position, report in enumerate(reports):
        if report.uid not in fresh:
            known.add(position)
            continue
        fresh.discard(report.uid)
        channel, kind, active, test, drill, detail = _event_columns(report)
        rows.append(
            (
                report.at,
                report.uid,
                report.device.device_no,
                channel,
                kind,
                active,
                test,
                drill,
                Jsonb(detail, dumps=_dumps),
                report.received_at,
            )
        )
    async with conn.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO event (ts, uid, device_no, channel, kind, active, test, drill, detail, received_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            rows,
        )
    return known


def _dumps(value: object) -> bytes:
    # PostgreSQL's jsonb cannot hold NUL; devices may send it.
    return msgspec.json.encode(value).replace(b"\\u0000", b"\\ufffd")


async def store_rejected(conn: Connection, rejected: Sequence[Rejected]) -> None:
    """Put messages into the quarantine; the payload is kept as bytes."""
    if not rejected:
        return
    async with conn.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO quarantine (received_at, topic, site_id, device_id, channel, reason, detail, payload, size)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    r.received_at,
                    storable_text(r.topic, 1024),
                    storable_text(r.site_id, 128),
                    storable_text(r.device_id, 128),
                    storable_text(r.channel, 64),
                    r.reason.value,
                    storable_text(r.detail, 2000),
                    r.payload,
                    r.size,
                )
                for r in rejected
            ],
        )


def storable_text(text: str, limit: int) -> str:
    """``text`` as PostgreSQL can hold it: no NUL, no lone surrogate, at most ``limit`` characters."""
    clean = text[:limit].replace("\0", "\ufffd")
    return clean.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """What came in of one site in one commit, in observations. received = stored + rejected + duplicate."""

    site_no: int
    received: int
    stored: int
    rejected: int
    duplicate: int


async def store_ledger(conn: Connection, lane: str, lines: Sequence[LedgerLine]) -> None:
    """One row for a commit of ``lane``."""
    if not lines:
        return
    await conn.execute(
        "INSERT INTO ledger_entry (ts, lane, site_no, received, stored, rejected, duplicate)"
        " VALUES (now(), %s, %s, %s, %s, %s, %s)",
        (
            lane,
            [line.site_no for line in lines],
            [line.received for line in lines],
            [line.stored for line in lines],
            [line.rejected for line in lines],
            [line.duplicate for line in lines],
        ),
    )
