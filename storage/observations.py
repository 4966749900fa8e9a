"""Writing what devices said: binary COPY, and the slow way only for a batch that brings something known.

Every ``store_*`` function runs inside the caller's transaction and returns what the database made of it, by its own
word: rows that it took, keys that were new, keys that were there. What is neither new nor there it has swallowed; that
is refused, so that the message goes where it is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, LiteralString, NamedTuple

import msgspec
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from domain.errors import StorageError
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


class Stored(NamedTuple):
    """``known``: positions of observations that had been stored before. ``rows``: how many rows were written.
    ``fewer``: position → rows, of those of which a part had been stored before.
    """

    known: set[int]
    rows: int
    fewer: dict[int, int]


NOTHING = Stored(set(), 0, {})


async def _copy(conn: Connection, statement: sql.Composed, types: Sequence[str], rows: Sequence[Row]) -> int:
    """The rows that the database says it took."""
    async with conn.cursor() as cursor:
        async with cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                await copy.write_row(row)
        return cursor.rowcount


async def _merge(conn: Connection, target: _Target, rows: Sequence[Row]) -> set[Row]:
    """The slow way: by a staging table; the keys that were new. All others are there already.

    :raises StorageError: some are neither new nor there.
    """
    staging = sql.Identifier(f"staging_{target.table}")
    columns = sql.SQL(", ").join(map(sql.Identifier, target.columns))
    key = sql.SQL(", ").join(map(sql.Identifier, target.key))
    names = {"table": sql.Identifier(target.table), "columns": columns, "key": key, "staging": staging}
    await conn.execute(
        sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {staging} (LIKE {table}) ON COMMIT DELETE ROWS").format(**names)
    )
    await conn.execute(sql.SQL("TRUNCATE {}").format(staging))
    await _copy(
        conn, sql.SQL("COPY {staging} ({columns}) FROM STDIN (FORMAT BINARY)").format(**names), target.types, rows
    )
    cursor = await conn.execute(
        sql.SQL(
            "INSERT INTO {table} ({columns}) SELECT DISTINCT ON ({key}) {columns} FROM {staging}"
            " ON CONFLICT DO NOTHING RETURNING {key}"
        ).format(**names)
    )
    fresh = set(await cursor.fetchall())
    # The bounds of ts say it all to a hypertable: few chunks are looked at.
    times = [row[0] for row in rows]
    cursor = await conn.execute(
        sql.SQL(
            "SELECT count(*) FROM {staging} AS s WHERE NOT EXISTS (SELECT FROM {table} AS t"
            " WHERE ({theirs}) = ({ours}) AND t.ts BETWEEN %s AND %s)"
        ).format(
            **names,
            theirs=sql.SQL(", ").join(sql.Identifier("t", name) for name in target.key),
            ours=sql.SQL(", ").join(sql.Identifier("s", name) for name in target.key),
        ),
        (min(times), max(times)),
    )
    row = await cursor.fetchone()
    if row is None or row[0]:
        raise StorageError(f"the database swallowed rows of {target.table}: {row[0] if row else len(rows)}")
    return fresh


async def _store(conn: Connection, target: _Target, rows: Sequence[Row], owner: Sequence[int]) -> Stored:
    """COPY ``rows``; ``owner[i]`` is the observation that row i belongs to.

    :raises StorageError: the database took fewer rows than it was given.
    """
    if not rows:
        return NOTHING
    try:
        async with conn.transaction():
            taken = await _copy(conn, target.copy, target.types, rows)
    except psycopg.errors.UniqueViolation:
        return _merged(target, rows, owner, await _merge(conn, target, rows))
    if taken != len(rows):
        raise StorageError(f"the database took {taken} of {len(rows)} rows of {target.table}")
    return Stored(set(), taken, {})


def _merged(target: _Target, rows: Sequence[Row], owner: Sequence[int], fresh: set[Row]) -> Stored:
    """What the keys that were new mean for the owners of the rows."""
    positions = [target.columns.index(name) for name in target.key]
    written: dict[int, int] = {}
    wanted = Counter(owner)
    for row, position in zip(rows, owner, strict=True):
        key = tuple(row[p] for p in positions)
        if key in fresh:
            fresh.discard(key)  # a second row of the same key in this batch is a duplicate
            written[position] = written.get(position, 0) + 1
    return Stored(
        set(owner) - written.keys(),
        sum(written.values()),
        {position: count for position, count in written.items() if count < wanted[position]},
    )


async def store_heartbeats(conn: Connection, heartbeats: Sequence[Heartbeat]) -> Stored:
    """Store heartbeats once by (device, ts)."""
    rows = [(h.at, h.device.device_no, h.received_at, h.battery_pct) for h in heartbeats]
    return await _store(conn, _HEARTBEAT, rows, range(len(rows)))


async def store_readings(conn: Connection, readings: Sequence[Reading]) -> Stored:
    """Store readings once by (device, metric, ts); known is one of which nothing was new."""
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


async def store_events(conn: Connection, reports: Sequence[Alarm | Event | StateReport]) -> Stored:
    """Store alarms, events and states once by uid.

    :raises StorageError: the database took fewer rows than it was given.
    """
    if not reports:
        return NOTHING
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
        taken = cursor.rowcount
    if taken < len(rows):
        # An event outlives its key: then it is there, and only came very late.
        there = await conn.execute(
            "SELECT count(DISTINCT uid) FROM event WHERE uid = ANY(%s)", ([row[1] for row in rows],)
        )
        row = await there.fetchone()
        if row is None or row[0] < len(rows):
            raise StorageError(f"the database took {taken} of {len(rows)} rows of event")
    return Stored(known, taken, {})


def _dumps(value: object) -> bytes:
    # PostgreSQL's jsonb cannot hold NUL; devices may send it.
    return msgspec.json.encode(value).replace(b"\\u0000", b"\\ufffd")


async def store_rejected(conn: Connection, rejected: Sequence[Rejected]) -> Stored:
    """Put messages into the quarantine; the payload is kept as bytes.

    Known is one that is there already: with the very same time of receipt (a journal that is read once more), or any
    one like it where the broker says that it may have sent it before.
    """
    if not rejected:
        return NOTHING
    marks = [_mark(one) for one in rejected]
    cursor = await conn.execute(
        "SELECT u.place - 1 FROM unnest(%s::bytea[], %s::timestamptz[], %s::boolean[])"
        " WITH ORDINALITY AS u (same, received_at, again, place)"
        " WHERE EXISTS (SELECT FROM quarantine AS q"
        " WHERE q.same = u.same AND (u.again OR q.received_at = u.received_at))",
        (marks, [one.received_at for one in rejected], [one.again for one in rejected]),
    )
    known = {int(place) for (place,) in await cursor.fetchall()}
    rows = [
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
            marks[place],
        )
        for place, r in enumerate(rejected)
        if place not in known
    ]
    if not rows:
        return Stored(known, 0, {})
    async with conn.cursor() as inserting:
        await inserting.executemany(
            "INSERT INTO quarantine (received_at, topic, site_id, device_id, channel, reason, detail, payload, size,"
            " same) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            rows,
        )
        return Stored(known, inserting.rowcount, {})


def _mark(rejected: Rejected) -> bytes:
    """The same for the same message, however often it comes."""
    mark = blake2b(rejected.topic.encode("utf-8", "replace"), digest_size=16)
    mark.update(b"\0%d\0%d\0" % (rejected.place, rejected.size))
    mark.update(rejected.payload)
    return mark.digest()


def storable_text(text: str, limit: int) -> str:
    """``text`` as PostgreSQL can hold it: no NUL, no lone surrogate, at most ``limit`` characters."""
    clean = text[:limit].replace("\0", "\ufffd")
    return clean.encode("utf-8", "replace").decode("utf-8")
