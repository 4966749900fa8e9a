"""All devices of the district as one long table: any stretch of it at once, filtered and sorted by the server.

Twenty thousand rows are too many for a browser and few for the database, so a stretch is named by its offset: a
scrollbar goes anywhere, and nobody pages through ten thousand rows to reach the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

import msgspec

from domain.access import Sites
from domain.device import DeviceKind
from storage.instants import utc_or_none
from storage.pool import Connection
from storage.reach import listed

Connectivity = Literal["online", "offline", "unknown"]
Order = Literal["place", "trouble"]

_FROM: LiteralString = (
    " FROM device AS d JOIN site AS s USING (site_no) LEFT JOIN device_state AS st USING (device_no)"
    " WHERE d.retired_at IS NULL"
    " AND (%(site_id)s::text IS NULL OR s.site_id = %(site_id)s)"
    " AND (%(sites)s::text[] IS NULL OR s.site_id = ANY(%(sites)s))"
    " AND (%(township)s::text IS NULL OR s.township = %(township)s)"
    " AND (%(kind)s::text IS NULL OR d.kind = %(kind)s)"
    " AND (%(text)s::text IS NULL OR strpos(lower(concat_ws(' ', s.site_id, s.name, s.name_en, d.device_id, d.name,"
    " d.place)), lower(%(text)s)) > 0)"
)
_CONNECTIVITY: LiteralString = (
    " AND (%(connectivity)s::text IS NULL OR coalesce(st.connectivity, 'unknown') = %(connectivity)s)"
)
_ORDERS: dict[Order, LiteralString] = {
    "place": "site_id, device_id",
    # Offline first, those that have just gone before those that have been away for long.
    "trouble": "array_position(ARRAY['offline', 'unknown', 'online'], connectivity), since DESC NULLS LAST,"
    " site_id, device_id",
}
# The worst open incident is looked up for the rows that are shown, not for all.
_SHOWN: LiteralString = (
    "SELECT d.device_no, s.site_no, s.site_id, s.name AS site_name, s.name_en AS site_name_en, s.township,"
    " d.device_id, d.kind, d.name, d.place, coalesce(st.connectivity, 'unknown') AS connectivity,"
    " coalesce(st.reason, '') AS reason, st.since, st.last_seen_at"
)
_ROWS: LiteralString = (
    "SELECT site_id, site_name, site_name_en, township, device_id, kind, name, place, connectivity, reason, since,"
    " last_seen_at, trouble.incident_id"
    " FROM ({shown}{source}{where} ORDER BY {order} OFFSET %(offset)s LIMIT %(limit)s) AS shown"
    " LEFT JOIN LATERAL (SELECT i.incident_id FROM incident AS i WHERE i.site_no = shown.site_no"
    " AND i.device_no = shown.device_no AND i.state IN ('raised', 'acknowledged', 'returned', 'normal')"
    " ORDER BY i.severity_rank, i.raised_at DESC LIMIT 1) AS trouble ON true ORDER BY {order}"
)


class DeviceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is left out means any. ``text``: part of an id, a name or a place."""

    site_id: str | None = None
    sites: Sites = None
    township: str | None = None
    kind: DeviceKind | None = None
    connectivity: Connectivity | None = None
    text: str | None = None


class DeviceLine(msgspec.Struct, frozen=True, gc=False):
    site_id: str
    site_name: str
    site_name_en: str
    township: str
    device_id: str
    kind: DeviceKind
    name: str
    place: str
    connectivity: Connectivity
    reason: str
    since: datetime | None
    last_seen_at: datetime | None
    open_incident_id: UUID | None


def _values(only: DeviceFilter) -> dict[str, Any]:
    return {**msgspec.to_builtins(only), "sites": listed(only.sites)}


async def count_devices(conn: Connection, only: DeviceFilter) -> dict[str, int]:
    """By connectivity, whatever connectivity the filter names: what the other choices would show."""
    cursor = await conn.execute(
        f"SELECT coalesce(st.connectivity, 'unknown'), count(*){_FROM} GROUP BY 1", _values(only)
    )
    return {"online": 0, "offline": 0, "unknown": 0, **dict(await cursor.fetchall())}


async def device_lines(
    conn: Connection, only: DeviceFilter, *, order: Order, offset: int, limit: int
) -> Sequence[DeviceLine]:
    cursor = await conn.execute(
        _ROWS.format(shown=_SHOWN, source=_FROM, where=_CONNECTIVITY, order=_ORDERS[order]),
        {**_values(only), "offset": offset, "limit": limit},
    )
    return [
        DeviceLine(
            site_id,
            site_name,
            site_name_en,
            township,
            device_id,
            DeviceKind(kind),
            name,
            place,
            connectivity,
            reason,
            utc_or_none(since),
            utc_or_none(last_seen_at),
            incident_id,
        )
        for (
            site_id,
            site_name,
            site_name_en,
            township,
            device_id,
            kind,
            name,
            place,
            connectivity,
            reason,
            since,
            last_seen_at,
            incident_id,
        ) in await cursor.fetchall()
    ]
