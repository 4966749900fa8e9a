"""What a device said over a time, folded into as many steps as a chart can show, and what became of it.

Short times are read from the readings themselves, longer ones from the hourly sums.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import msgspec

from storage.instants import utc, utc_or_none
from storage.pool import Connection

#: Steps of a chart; the first that gives at most `_STEPS_AT_MOST` is taken.
STEPS = tuple(timedelta(seconds=s) for s in (60, 300, 900, 3600, 4 * 3600, 86_400))
_STEPS_AT_MOST = 300
_HOUR = timedelta(hours=1)
REPORTS_AT_MOST = 200
INCIDENTS_AT_MOST = 100

_ORIGIN: LiteralString = "TIMESTAMPTZ '2000-01-01 00:00:00+00'"
_READINGS: LiteralString = (
    "SELECT metric, date_bin(%(step)s, ts, " + _ORIGIN + ") AS at, min(value), avg(value), max(value) FROM reading"
    " WHERE device_no = %(device)s AND ts >= %(since)s AND ts < %(until)s GROUP BY 1, 2 ORDER BY 1, 2"
)
_HOURS: LiteralString = (
    "SELECT metric, date_bin(%(step)s, hour, " + _ORIGIN + ") AS at, min(low), sum(mean * samples) / sum(samples),"
    " max(high) FROM reading_hourly"
    " WHERE device_no = %(device)s AND hour >= %(since)s AND hour < %(until)s GROUP BY 1, 2 ORDER BY 1, 2"
)
_HEARTBEATS: LiteralString = (
    "SELECT date_bin(%(step)s, received_at, " + _ORIGIN + ") AS at, count(*) FROM heartbeat"
    # What a device dates a little wrongly is looked for as well; what counts is when it was heard.
    " WHERE device_no = %(device)s AND ts >= %(since)s - interval '10 minutes'"
    " AND ts < %(until)s + interval '10 minutes'"
    " AND received_at >= %(since)s AND received_at < %(until)s GROUP BY 1 ORDER BY 1"
)


class Point(NamedTuple):
    at: datetime
    low: float
    mean: float
    high: float


class Beats(NamedTuple):
    at: datetime
    heard: int


class PastReport(msgspec.Struct, frozen=True):
    at: datetime
    channel: str
    kind: str
    active: bool
    test: bool
    drill: bool


class PastIncident(msgspec.Struct, frozen=True):
    incident_id: UUID
    number: int
    rule: str
    severity: str
    state: str
    raised_at: datetime
    ended_at: datetime | None


class DevicePast(msgspec.Struct, frozen=True, kw_only=True):
    """``registered_at``: before that nothing was expected of it; ``heartbeat_s``: how often it has to be heard."""

    registered_at: datetime
    since: datetime
    until: datetime
    step_s: int
    heartbeat_s: int
    metrics: dict[str, list[Point]]
    heartbeats: list[Beats]
    reports: list[PastReport]
    incidents: list[PastIncident]


def step_for(span: timedelta) -> timedelta:
    return next((step for step in STEPS if span / step <= _STEPS_AT_MOST), STEPS[-1])


async def device_past(
    conn: Connection, site_id: str, device_id: str, *, since: datetime, until: datetime
) -> DevicePast | None:
    """None where no such device is in service. Newest reports and incidents first."""
    cursor = await conn.execute(
        "SELECT d.device_no, d.site_no, d.heartbeat_s, d.created_at FROM device AS d JOIN site AS s USING (site_no)"
        " WHERE s.site_id = %s AND d.device_id = %s AND d.retired_at IS NULL",
        (site_id, device_id),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    device_no, site_no, heartbeat_s, registered_at = row
    step = step_for(until - since)
    values = {"device": device_no, "site": site_no, "since": since, "until": until, "step": step}
    metrics: dict[str, list[Point]] = {}
    cursor = await conn.execute(_HOURS if step >= _HOUR else _READINGS, values)
    for metric, at, low, mean, high in await cursor.fetchall():
        metrics.setdefault(metric, []).append(Point(utc(at), low, mean, high))
    cursor = await conn.execute(_HEARTBEATS, values)
    return DevicePast(
        registered_at=utc(registered_at),
        since=since,
        until=until,
        step_s=int(step.total_seconds()),
        heartbeat_s=heartbeat_s,
        metrics=metrics,
        heartbeats=[Beats(utc(at), heard) for at, heard in await cursor.fetchall()],
        reports=await _reports(conn, values),
        incidents=await _incidents(conn, values),
    )


async def _reports(conn: Connection, values: dict[str, Any]) -> list[PastReport]:
    cursor = await conn.execute(
        "SELECT ts, channel, kind, active, test, drill FROM event WHERE device_no = %(device)s AND ts >= %(since)s"
        " AND ts < %(until)s ORDER BY ts DESC LIMIT %(most)s",
        {**values, "most": REPORTS_AT_MOST},
    )
    return [PastReport(utc(at), *rest) for at, *rest in await cursor.fetchall()]


async def _incidents(conn: Connection, values: dict[str, Any]) -> list[PastIncident]:
    """Those that were open at any moment of the time."""
    cursor = await conn.execute(
        "SELECT incident_id, number, rule, severity, state, raised_at, coalesce(returned_at, reset_at, closed_at)"
        " FROM incident WHERE site_no = %(site)s AND device_no = %(device)s AND raised_at < %(until)s"
        " AND coalesce(returned_at, reset_at, closed_at, 'infinity') >= %(since)s"
        " ORDER BY raised_at DESC LIMIT %(most)s",
        {**values, "most": INCIDENTS_AT_MOST},
    )
    return [
        PastIncident(incident_id, number, rule, severity, state, utc(raised_at), utc_or_none(ended_at))
        for incident_id, number, rule, severity, state, raised_at, ended_at in await cursor.fetchall()
    ]
