"""What the live wall is made of, cut so that the dear part (20,000 devices) is not asked as often as the cheap ones.

Who remembers the open incidents reads those alone that changed: the database sums up the versions of each slice of them
(`slice_sums`), and the slices that differ are read (`marks_in_slices`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, LiteralString
from uuid import UUID

import msgspec
from psycopg import AsyncCursor

from domain.finding import Category, Severity
from domain.incident import OPEN_STATES, IncidentState
from domain.site import SiteKind
from storage.casework import ASIDE
from storage.instants import utc, utc_or_none
from storage.pool import Connection

LinkCondition = Literal["ok", "failing", "unknown"]

#: Seconds over which the ingest rate is the mean.
RATE_WINDOW_S = 10

#: Reset incidents wait for somebody to close them; the wall follows the newest ones only.
RESET_LIMIT = 500

_SITE_COUNTS = """
SELECT s.site_no, s.site_id, s.name, s.name_en, s.township, s.kind,
       coalesce(c.devices, 0), coalesce(c.online, 0), coalesce(c.offline, 0), coalesce(c.behind, 0),
       coalesce(w.windows, 0), s.longitude, s.latitude
FROM site AS s
LEFT JOIN (
    SELECT d.site_no,
           count(*) AS devices,
           count(*) FILTER (WHERE st.connectivity = 'online') AS online,
           count(*) FILTER (WHERE st.connectivity = 'offline') AS offline,
           count(*) FILTER (WHERE st.connectivity = 'unknown' AND st.reason <> '') AS behind
    FROM device AS d LEFT JOIN device_state AS st USING (device_no)
    WHERE d.retired_at IS NULL
    GROUP BY d.site_no
) AS c USING (site_no)
LEFT JOIN (
    SELECT site_no, count(*) AS windows FROM maintenance_window
    WHERE ended_at IS NULL AND starts_at <= %(now)s AND ends_at > %(now)s
    GROUP BY site_no
) AS w USING (site_no)
ORDER BY s.site_id
"""

#: Incidents lie in so many slices, by their number.
SLICES = 256

# xmin is the version of the row: it tells every change, whoever made it and whatever the clocks say. Whether one is
# aside lies with another row too. The number is hashed with both, so that versions of several can be summed up by xor.
_VERSION: LiteralString = f"hashint8extended(number, 2 * xmin::text::bigint + {ASIDE}::int)"
_MARK: LiteralString = f"""
SELECT incident_id, {_VERSION}, number, site_no, category, severity, state, raised_at,
       shelved_until IS NOT NULL, {ASIDE}
FROM incident AS i
"""
_OPEN: LiteralString = "state IN ('raised', 'acknowledged', 'returned', 'normal')"
_RESET: LiteralString = "WHERE state = 'reset' ORDER BY changed_at DESC LIMIT %(most)s"
_SLICE_SUMS: LiteralString = f"""
SELECT slice, bit_xor(version) FROM (
    SELECT (number %% {SLICES})::int AS slice, {_VERSION} AS version FROM incident AS i WHERE {_OPEN}
    UNION ALL
    (SELECT (number %% {SLICES})::int, {_VERSION} FROM incident AS i {_RESET})
) AS told
GROUP BY slice
"""
_MARKS_IN_SLICES: LiteralString = f"""
{_MARK}
WHERE {_OPEN} AND (number %% {SLICES})::int = ANY(%(slices)s)
UNION ALL
SELECT * FROM ({_MARK} {_RESET}) AS reset WHERE (number %% {SLICES})::int = ANY(%(slices)s)
"""
_WORST: LiteralString = "severity_rank, state NOT IN ('raised', 'returned'), raised_at DESC, number DESC"
_AT_SITES: LiteralString = f"""
SELECT DISTINCT ON (site_no) site_no, count(*) OVER at_site,
       count(*) FILTER (WHERE state IN ('raised', 'returned')) OVER at_site, incident_id, category, severity,
       count(*) FILTER (WHERE {ASIDE}) OVER at_site
FROM incident AS i WHERE {_OPEN} AND shelved_until IS NULL
WINDOW at_site AS (PARTITION BY site_no)
ORDER BY site_no, {_WORST}
"""
#: Marks that are made in one go: ten thousand at once would hold up everybody else of the process for a moment.
_AT_ONCE = 100

# Along delivery_by_recipient backwards: the newest that arrived, the newest that came to an end.
_LINKS = """
SELECT link.link_id, arrived.received_at, finished.state, coalesce(waiting.queued, 0), coalesce(waiting.tried, false),
       s.silent_since IS NOT NULL, s.alive_since IS NOT NULL
FROM unnest(%s::text[]) WITH ORDINALITY AS link (link_id, place)
LEFT JOIN link_state AS s USING (link_id)
LEFT JOIN LATERAL (
    SELECT d.received_at FROM delivery AS d
    WHERE d.recipient = link.link_id AND d.channel = 'webhook' AND d.received_at IS NOT NULL
    ORDER BY d.created_at DESC LIMIT 1
) AS arrived ON true
LEFT JOIN LATERAL (
    SELECT d.state FROM delivery AS d
    WHERE d.recipient = link.link_id AND d.channel = 'webhook'
      AND d.state IN ('sent', 'received', 'accepted', 'refused', 'failed')
    ORDER BY d.created_at DESC LIMIT 1
) AS finished ON true
LEFT JOIN (
    SELECT d.recipient, count(*) AS queued, bool_or(d.attempts > 0) AS tried
    FROM delivery AS d
    WHERE d.state = 'queued' AND d.channel = 'webhook'
    GROUP BY d.recipient
) AS waiting ON waiting.recipient = link.link_id
ORDER BY link.place
"""

_INGEST = """
SELECT (SELECT coalesce(sum(u.received), 0)::bigint
        FROM ledger_entry AS e, LATERAL unnest(e.received) AS u (received)
        WHERE e.ts > %(since)s AND e.ts <= %(now)s),
       (SELECT max(ts) FROM ledger_entry WHERE ts <= %(now)s),
       (SELECT count(*) FROM quarantine WHERE received_at > %(hour_ago)s)
"""


class SiteCounts(msgspec.Struct, frozen=True, gc=False):
    """A site and how many of its devices are in which condition; the rest is unknown. ``behind``: of the unknown, those
    that are behind a dead device or silent with the whole site.
    """

    site_no: int
    site_id: str
    name: str
    name_en: str
    township: str
    kind: SiteKind
    devices: int
    online: int
    offline: int
    behind: int = 0
    maintenance: int = 0
    longitude: float | None = None
    latitude: float | None = None

    @property
    def unknown(self) -> int:
        return self.devices - self.online - self.offline


class IncidentMark(msgspec.Struct, frozen=True, gc=False):
    """As little of an incident as colours a tile, and the ``version`` that changes with every write."""

    incident_id: UUID
    version: int
    number: int
    site_no: int
    category: Category
    severity: Severity
    state: IncidentState
    raised_at: datetime
    shelved: bool = False
    aside: bool = False  # not in the queue: shelved, or handled under another

    @property
    def open(self) -> bool:
        return self.state in OPEN_STATES and not self.shelved

    @property
    def unacknowledged(self) -> bool:
        return self.state in (IncidentState.RAISED, IncidentState.RETURNED)


class Worst(msgspec.Struct, frozen=True, gc=False):
    incident_id: UUID
    category: Category
    severity: Severity


class SiteIncidents(msgspec.Struct, frozen=True, gc=False):
    """What is open at a site, without what is shelved. ``aside``: of it, handled under another."""

    open: int = 0
    unacknowledged: int = 0
    worst: Worst | None = None
    aside: int = 0


class LinkView(msgspec.Struct, frozen=True, gc=False):
    """A link to police or education: does what is sent there arrive?"""

    link_id: str
    state: LinkCondition
    last_receipt_at: datetime | None
    queued: int


class IngestView(msgspec.Struct, frozen=True, gc=False):
    messages_per_s: float
    last_received_at: datetime | None
    quarantined_1h: int


async def site_counts(conn: Connection, now: datetime) -> list[SiteCounts]:
    cursor = await conn.execute(_SITE_COUNTS, {"now": now})
    return [
        SiteCounts(no, site_id, name, name_en, township, SiteKind(kind), *counts)
        for no, site_id, name, name_en, township, kind, *counts in await cursor.fetchall()
    ]


async def incidents_at_sites(conn: Connection) -> dict[int, SiteIncidents]:
    """By site number; 0 is no site."""
    cursor = await conn.execute(_AT_SITES)
    return {
        site_no: SiteIncidents(count, unacknowledged, Worst(incident_id, Category(category), Severity(severity)), aside)
        for site_no, count, unacknowledged, incident_id, category, severity, aside in await cursor.fetchall()
    }


async def slice_sums(conn: Connection) -> dict[int, int]:
    """The versions of all open incidents, and of those that are reset and wait to be closed, summed up by slice."""
    cursor = await conn.execute(_SLICE_SUMS, {"most": RESET_LIMIT})
    return dict(await cursor.fetchall())


async def marks_in_slices(conn: Connection, slices: Collection[int]) -> AsyncIterator[list[IncidentMark]]:
    """Some at a time, those of `slice_sums` that lie in ``slices``."""
    cursor = await conn.execute(_MARKS_IN_SLICES, {"most": RESET_LIMIT, "slices": list(slices)})
    async for marks in _marks(cursor):
        yield marks


async def marks_by_id(conn: Connection, incident_ids: Collection[UUID]) -> AsyncIterator[list[IncidentMark]]:
    """Some at a time, of ``incident_ids`` and what is handled under them whatever is open, or reset and not closed."""
    if not incident_ids:
        return
    cursor = await conn.execute(
        f"{_MARK} WHERE (incident_id = ANY(%(ids)s) OR merged_into = ANY(%(ids)s))"
        " AND state IN ('raised', 'acknowledged', 'returned', 'normal', 'reset')",
        {"ids": list(incident_ids)},
    )
    async for marks in _marks(cursor):
        yield marks


async def _marks(cursor: AsyncCursor[Any]) -> AsyncIterator[list[IncidentMark]]:
    while rows := await cursor.fetchmany(_AT_ONCE):
        yield [
            IncidentMark(
                incident_id,
                version,
                number,
                site_no,
                Category(category),
                Severity(severity),
                IncidentState(state),
                utc(at),
                shelved,
                aside,
            )
            for incident_id, version, number, site_no, category, severity, state, at, shelved, aside in rows
        ]
        await asyncio.sleep(0)


def link_condition(
    *, arrived: bool, newest_finished: str | None, retrying: bool, silent: bool = False, alive: bool = False
) -> LinkCondition:
    """``failing`` while its heartbeats are not answered or something waits that was tried in vain, or when the newest
    that came to an end failed.
    """
    if silent or retrying or newest_finished == "failed":
        return "failing"
    return "ok" if alive or arrived or newest_finished is not None else "unknown"


async def link_views(conn: Connection, link_ids: Sequence[str]) -> list[LinkView]:
    """In the order of ``link_ids``; a link that nothing was ever sent to is there as unknown."""
    if not link_ids:
        return []
    cursor = await conn.execute(_LINKS, (list(link_ids),))
    return [
        LinkView(
            link_id,
            link_condition(
                arrived=received_at is not None, newest_finished=finished, retrying=tried, silent=silent, alive=alive
            ),
            utc_or_none(received_at),
            queued,
        )
        for link_id, received_at, finished, queued, tried, silent, alive in await cursor.fetchall()
    ]


async def ingest_view(conn: Connection, now: datetime) -> IngestView:
    cursor = await conn.execute(
        _INGEST,
        {
            "now": now,
            "since": now - timedelta(seconds=RATE_WINDOW_S),
            "hour_ago": now - timedelta(hours=1),
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    received, newest, quarantined = row
    return IngestView(received / RATE_WINDOW_S, utc_or_none(newest), quarantined)
