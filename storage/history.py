"""What was stored, read back in the order in which it was received: for rules that are tried on it.

Rows of readings and heartbeats come by binary COPY and all have the same width, so a block of thousands is taken apart
by one call of `struct`. Everything here is blocking: it is work for a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg import pq, sql

from domain.device import DeviceKind, RegisteredDevice
from domain.errors import StorageError, StorageUnavailable
from domain.site import SiteKind

#: What a device dates wrongly by more than this is not found by when it was received.
_MISDATED = timedelta(days=2)
#: Rows that are taken apart at a time.
_BLOCK = 4096
_HEADER, _TRAILER = 19, 2  # of binary COPY: signature, flags and extension; the end
_READING = Struct(">hiqiqiiidii")
_HEARTBEAT = Struct(">hiqiqiiid")
_EPOCH_US = 946_684_800_000_000  # PostgreSQL counts from 2000, in microseconds


class PastReading(NamedTuple):
    """``metric``: its place in the list that was asked for. Times are epoch seconds."""

    said_s: float
    received_s: float
    device_no: int
    value: float
    metric: int


class PastHeartbeat(NamedTuple):
    """``battery_pct`` below 0: none was said."""

    said_s: float
    received_s: float
    device_no: int
    battery_pct: float


class PastReport(NamedTuple):
    """An alarm, event or state."""

    at: datetime
    received_at: datetime
    device_no: int
    uid: Any
    channel: str
    kind: str
    active: bool
    test: bool
    drill: bool
    detail: dict[str, Any]


class PastIncident(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    site_id: str
    device_id: str
    raised_at: datetime
    ended_at: datetime | None


class Ground(NamedTuple):
    device: RegisteredDevice
    place: str
    name: str


class Span(NamedTuple):
    """From when on and until when something was received; of which devices (None = all)."""

    since: datetime
    until: datetime
    device_nos: Sequence[int] | None = None


class History:
    """A database that is read; use as a context manager. ``dsn``: where it is."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def __enter__(self) -> History:
        try:
            self._conn = psycopg.connect(self._dsn, autocommit=True, application_name="campuswatch rules try")
        except psycopg.Error as error:
            raise StorageUnavailable(f"the database cannot be reached: {error}") from error
        # Sorting a month takes memory that no other work of this connection needs.
        self._conn.execute("SET work_mem = '128MB'")
        self._conn.execute("SET TimeZone = 'UTC'")
        return self

    def __exit__(self, *_: object) -> None:
        self._conn.close()

    def grounds(self) -> list[Ground]:
        """Every device that is or was registered."""
        rows = self._conn.execute(
            "SELECT d.device_no, d.site_no, s.site_id, d.device_id, d.kind, d.heartbeat_s, d.parent_no, d.place, d.name"
            " FROM device AS d JOIN site AS s USING (site_no)"
        )
        return [
            Ground(
                RegisteredDevice(no, site_no, site_id, device_id, DeviceKind(kind), heartbeat_s, parent_no), place, name
            )
            for no, site_no, site_id, device_id, kind, heartbeat_s, parent_no, place, name in rows
        ]

    def sites(self) -> list[tuple[int, SiteKind, str]]:
        rows = self._conn.execute("SELECT site_no, kind, township FROM site")
        return [(number, SiteKind(kind), township) for number, kind, township in rows]

    def readings(self, metrics: Sequence[str], span: Span) -> Iterator[PastReading]:
        statement = sql.SQL(
            "SELECT ts, received_at, device_no, value, array_position({metrics}::text[], metric)::int4 FROM reading"
            " WHERE metric = ANY ({metrics}::text[]) AND {within} ORDER BY received_at, device_no, ts"
        ).format(metrics=sql.Literal(list(metrics)), within=_within(span))
        for block in self._copied(statement, _READING):
            for _, _, said, _, received, _, number, _, value, _, metric in block:
                yield PastReading((said + _EPOCH_US) / 1e6, (received + _EPOCH_US) / 1e6, number, value, metric - 1)

    def reading_blocks(self, metric: str, span: Span) -> Iterator[Iterator[tuple[Any, ...]]]:
        """Readings of one quantity, a block at a time as `_READING` has them: the fast way (`PastReading`)."""
        statement = sql.SQL(
            "SELECT ts, received_at, device_no, value, 1::int4 FROM reading"
            " WHERE metric = {metric} AND {within} ORDER BY received_at, device_no, ts"
        ).format(metric=sql.Literal(metric), within=_within(span))
        return self._copied(statement, _READING)

    def battery_blocks(self, span: Span) -> Iterator[Iterator[tuple[Any, ...]]]:
        """Heartbeats that tell of a battery, in the same form."""
        statement = sql.SQL(
            "SELECT ts, received_at, device_no, battery_pct::float8, 1::int4 FROM heartbeat"
            " WHERE battery_pct IS NOT NULL AND {within} ORDER BY received_at, device_no, ts"
        ).format(within=_within(span))
        return self._copied(statement, _READING)

    def heartbeats(self, span: Span, *, with_battery: bool) -> Iterator[PastHeartbeat]:
        """``with_battery``: only those that tell of one."""
        statement = sql.SQL(
            "SELECT ts, received_at, device_no, coalesce(battery_pct, -1)::float8 FROM heartbeat"
            " WHERE {within}{told} ORDER BY received_at, device_no, ts"
        ).format(within=_within(span), told=sql.SQL(" AND battery_pct IS NOT NULL" if with_battery else ""))
        for block in self._copied(statement, _HEARTBEAT):
            for _, _, said, _, received, _, number, _, battery_pct in block:
                yield PastHeartbeat((said + _EPOCH_US) / 1e6, (received + _EPOCH_US) / 1e6, number, battery_pct)

    def reports(self, kinds: Sequence[str] | None, channels: Sequence[str], span: Span) -> Iterator[PastReport]:
        """``kinds``: of events and alarms; None = all."""
        statement = sql.SQL(
            "SELECT ts, received_at, device_no, uid, channel, kind, active, test, drill, detail FROM event"
            " WHERE channel = ANY ({channels}::text[]) AND ({all_kinds} OR kind = ANY ({kinds}::text[]))"
            " AND {within} ORDER BY received_at, device_no, ts"
        ).format(
            channels=sql.Literal(list(channels)),
            kinds=sql.Literal(list(kinds or ())),
            all_kinds=sql.Literal(kinds is None),
            within=_within(span),
        )
        with self._conn.transaction(), self._conn.cursor(name="reports", binary=True) as cursor:
            cursor.itersize = _BLOCK
            cursor.execute(statement)
            for row in cursor:
                yield PastReport(*row)

    def incidents(self, rule: str, span: Span, *, site_id: str | None) -> list[PastIncident]:
        rows = self._conn.execute(
            "SELECT key, site_id, device_id, raised_at, coalesce(returned_at, reset_at, closed_at) FROM incident"
            " WHERE rule = %s AND raised_at >= %s AND raised_at < %s AND (%s::text IS NULL OR site_id = %s)"
            " ORDER BY raised_at, number",
            (rule, span.since, span.until, site_id, site_id),
        )
        return [
            PastIncident(
                key=key,
                site_id=site,
                device_id=device,
                raised_at=raised_at.astimezone(UTC),
                ended_at=None if ended_at is None else ended_at.astimezone(UTC),
            )
            for key, site, device, raised_at, ended_at in rows
        ]

    def _copied(self, query: sql.Composed, layout: Struct) -> Iterator[Iterator[tuple[Any, ...]]]:
        """Blocks of rows of ``query``, taken apart. libpq's own calls: psycopg's would cost more than the rule."""
        wire = self._conn.pgconn
        wire.nonblocking = 0
        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(query)
        result = wire.exec_(statement.as_bytes(self._conn))
        if result.status != pq.ExecStatus.COPY_OUT:
            raise StorageError(f"the database refused: {result.error_message.decode(errors='replace').strip()}")
        rows: list[Any] = []
        first, get = True, wire.get_copy_data
        while True:
            size, row = get(0)
            if size > 0:
                rows.append(row)
                if len(rows) < _BLOCK:
                    continue
            block = b"".join(rows)
            rows.clear()
            if first and block:
                block, first = block[_HEADER:], False
            if size <= 0 and block:
                block = block[:-_TRAILER]
            yield layout.iter_unpack(block)
            if size <= 0:
                break
        while (result := wire.get_result()) is not None:  # type: ignore[assignment]
            if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
                raise StorageError(f"the database broke off: {result.error_message.decode(errors='replace').strip()}")


def _within(span: Span) -> sql.Composed:
    """The bounds of ts say it all to a hypertable: few chunks are looked at."""
    devices = (
        sql.SQL("")
        if span.device_nos is None
        else sql.SQL(" AND device_no = ANY ({}::int4[])").format(sql.Literal(list(span.device_nos)))
    )
    return sql.SQL(
        "received_at >= {since} AND received_at < {until} AND ts >= {earliest} AND ts < {latest}{devices}"
    ).format(
        since=sql.Literal(span.since),
        until=sql.Literal(span.until),
        earliest=sql.Literal(span.since - _MISDATED),
        latest=sql.Literal(span.until + _MISDATED),
        devices=devices,
    )
