"""Devices as people see them: what is registered, and what they last said.

What a device said is looked for in the last day only (`RECENT`): on TimescaleDB that is two chunks, not four hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, LiteralString
from uuid import UUID

import msgspec

from domain.device import DeviceKind
from domain.metric import METRICS
from storage.instants import utc, utc_or_none
from storage.pool import Connection

RECENT = timedelta(days=1)

# Newest by index for each device; for readings once more for each metric that exists.
_DEVICES: LiteralString = """
WITH here AS (
    SELECT d.*, s.site_id FROM device AS d JOIN site AS s USING (site_no)
    WHERE s.site_id = %(site_id)s AND d.retired_at IS NULL AND {which}
    ORDER BY d.device_id LIMIT %(limit)s
), trouble AS (
    SELECT DISTINCT ON (i.device_no) i.device_no, i.incident_id
    FROM incident AS i
    WHERE i.site_no = (SELECT site_no FROM site WHERE site_id = %(site_id)s)
      AND i.state IN ('raised', 'acknowledged', 'returned', 'normal') AND i.device_no IS NOT NULL
    ORDER BY i.device_no, i.severity_rank, i.raised_at DESC, i.number DESC
)
SELECT here.site_id, here.device_id, here.kind, here.name, here.place, coalesce(parent.device_id, ''), here.profile,
       coalesce(st.connectivity, 'unknown'), coalesce(st.reason, ''), coalesce(behind.device_id, ''), st.since,
       greatest(st.last_seen_at, beat.received_at, measured.received_at, happened.received_at),
       beat.battery_pct, st.clock_offset_s, measured.metrics, measured.values, measured.times, trouble.incident_id
FROM here
LEFT JOIN device AS parent ON parent.device_no = here.parent_no
LEFT JOIN device_state AS st ON st.device_no = here.device_no
LEFT JOIN device AS behind ON behind.device_no = st.behind_no
LEFT JOIN trouble ON trouble.device_no = here.device_no
LEFT JOIN LATERAL (
    SELECT h.received_at, h.battery_pct FROM heartbeat AS h
    WHERE h.device_no = here.device_no AND h.ts > %(since)s
    ORDER BY h.ts DESC LIMIT 1
) AS beat ON true
LEFT JOIN LATERAL (
    SELECT e.received_at FROM event AS e
    WHERE e.device_no = here.device_no AND e.ts > %(since)s
    ORDER BY e.ts DESC LIMIT 1
) AS happened ON true
LEFT JOIN LATERAL (
    SELECT array_agg(m.metric) AS metrics, array_agg(newest.value) AS values, array_agg(newest.ts) AS times,
           max(newest.received_at) AS received_at
    FROM unnest(%(metrics)s::text[]) AS m (metric),
         LATERAL (SELECT r.value, r.ts, r.received_at FROM reading AS r
                  WHERE r.device_no = here.device_no AND r.metric = m.metric AND r.ts > %(since)s
                  ORDER BY r.ts DESC LIMIT 1) AS newest
) AS measured ON true
ORDER BY here.device_id
"""


class ReadingView(msgspec.Struct, frozen=True, gc=False):
    value: float
    at: datetime


class DeviceView(msgspec.Struct, frozen=True):
    """``last_seen_at`` is when anything of the device last reached us; ``at`` of a reading is the device's own time.
    ``reason``: why its connectivity is unknown, where that is known; ``behind_id``: the dead device that it hangs on.
    ``clock_offset_s``: how far its clock is ahead of ours (negative: behind), None = right, or not known.
    """

    site_id: str
    device_id: str
    kind: DeviceKind
    name: str
    place: str
    parent_id: str
    profile: str
    connectivity: Literal["online", "offline", "unknown"]
    reason: Literal["", "behind", "site", "returning", "inferred"]
    behind_id: str
    since: datetime | None
    last_seen_at: datetime | None
    battery_pct: float | None
    clock_offset_s: float | None
    readings: dict[str, ReadingView]
    open_incident_id: UUID | None


async def devices(conn: Connection, site_id: str, *, now: datetime, limit: int, after: str = "") -> list[DeviceView]:
    """The devices of a site by their id, without the retired ones."""
    cursor = await conn.execute(
        _DEVICES.format(which="d.device_id > %(after)s"),
        {"site_id": site_id, "after": after, "limit": limit, "since": now - RECENT, "metrics": list(METRICS)},
    )
    return [_device(row) for row in await cursor.fetchall()]


async def device(conn: Connection, site_id: str, device_id: str, *, now: datetime) -> DeviceView | None:
    cursor = await conn.execute(
        _DEVICES.format(which="d.device_id = %(device_id)s"),
        {"site_id": site_id, "device_id": device_id, "limit": 1, "since": now - RECENT, "metrics": list(METRICS)},
    )
    row = await cursor.fetchone()
    return None if row is None else _device(row)


def _device(row: Sequence[Any]) -> DeviceView:
    site_id, device_id, kind, name, place, parent_id, profile, connectivity, reason, behind_id = row[:10]
    since, last_seen_at, battery_pct, clock_offset_s, metrics, values, times, incident_id = row[10:]
    readings = {
        metric: ReadingView(value, utc(at))
        for metric, value, at in sorted(zip(metrics or (), values or (), times or (), strict=True))
    }
    if battery_pct is None and "battery_pct" in readings:
        battery_pct = readings["battery_pct"].value
    return DeviceView(
        site_id,
        device_id,
        DeviceKind(kind),
        name,
        place,
        parent_id,
        profile,
        connectivity,
        reason,
        behind_id,
        utc_or_none(since),
        utc_or_none(last_seen_at),
        battery_pct,
        clock_offset_s,
        readings,
        incident_id,
    )
