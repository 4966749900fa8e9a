"""The facts that targets rest on, gathered from the registry and from what devices and links proved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString, TypeVar

import msgspec

from domain.device import DeviceKind
from domain.liveness import Connectivity
from domain.site_facts import DeviceFact, LinkFact, SiteFacts
from storage.facts import list_site_facts
from storage.guard_posts import POSTS, list_post_reports
from storage.guards import GUARDS, last_check_ins, list_shifts
from storage.instants import utc, utc_or_none
from storage.link_proofs import load_proofs
from storage.links import link_states
from storage.pool import Connection
from storage.premises import BARRIERS, GATES
from storage.school_calendar import BELLS, school_calendar
from storage.versions import load

Item = TypeVar("Item")

#: Shifts and check-ins are looked at so far back and so far ahead.
BACK, AHEAD = timedelta(days=2), timedelta(days=2)

_DEVICES: LiteralString = """
SELECT d.site_no, d.device_no, d.device_id, d.kind, d.name, d.place, coalesce(n.valid_from, d.created_at),
       n.device_no IS NOT NULL, st.connectivity, st.since, st.last_seen_at,
       CASE WHEN st.reason NOT IN ('', 'inferred') THEN coalesce(b.device_id, st.reason) ELSE '' END,
       c.condition, c.since
FROM device AS d
LEFT JOIN networked_device AS n ON n.device_no = d.device_no AND n.valid_to IS NULL
LEFT JOIN device_state AS st ON st.device_no = d.device_no
LEFT JOIN device_condition AS c ON c.device_no = d.device_no
LEFT JOIN device AS b ON b.device_no = st.behind_no
WHERE d.retired_at IS NULL AND (n.device_no IS NOT NULL OR d.kind IN ('access_control', 'barrier'))
  AND (%(sites)s::integer[] IS NULL OR d.site_no = ANY(%(sites)s))
ORDER BY d.site_no, d.device_id
"""

# xmin is the version of a row: it tells every change, whoever made it and whatever the clocks say.
_MARKS: LiteralString = """
SELECT d.site_no, sum(hashtextextended(concat(d.device_no, ':', st.xmin::text, ':', c.xmin::text), 0))
FROM unnest(%s::integer[], %s::integer[]) AS d (site_no, device_no)
LEFT JOIN device_state AS st USING (device_no)
LEFT JOIN device_condition AS c USING (device_no)
GROUP BY 1
"""


async def load_device_facts(
    conn: Connection, site_nos: Sequence[int] | None = None
) -> dict[int, dict[str, DeviceFact]]:
    """By site_no and device_id: the devices that a target asks for, at all sites or at some."""
    proofs = await load_proofs(conn, site_nos)
    cursor = await conn.execute(_DEVICES, {"sites": None if site_nos is None else list(site_nos)})
    found: defaultdict[int, dict[str, DeviceFact]] = defaultdict(dict)
    for row in await cursor.fetchall():
        found[row[0]][row[2]] = DeviceFact(
            device_no=row[1],
            device_id=row[2],
            kind=DeviceKind(row[3]),
            name=row[4],
            place=row[5],
            registered_at=utc(row[6]),
            networked=row[7],
            connectivity=Connectivity(row[8] or "unknown"),
            since=utc_or_none(row[9]),
            last_seen_at=utc_or_none(row[10]),
            behind=row[11],
            condition=row[12] or {},
            condition_since=utc_or_none(row[13]),
            proofs=proofs.get(row[1], ()),
        )
    return found


async def device_marks(conn: Connection, facts: Iterable[SiteFacts]) -> dict[int, Any]:
    """By site_no a mark that is another one as soon as one of the devices lives or stands otherwise: cheap, so that one
    change among all of them is found by looking at all.
    """
    watched = [(one.site_no, device.device_no) for one in facts for device in one.devices.values()]
    # Thousands of numbers: as one text each they cost a tenth of what they do one by one.
    columns = ["{" + ",".join(map(str, column)) + "}" for column in zip(*watched, strict=True)] or ["{}", "{}"]
    cursor = await conn.execute(_MARKS, columns)
    return dict(await cursor.fetchall())


async def load_link_facts(conn: Connection) -> tuple[LinkFact, ...]:
    """The links of the district, as their supervision has it. Its heartbeats are no facts of their own: what counts
    is whether the link is alive, and what test alarm it has receipted.
    """
    return tuple(
        LinkFact(
            link_id=one.link_id,
            alive=False if one.silent_since is not None else True if one.alive_since is not None else None,
            since=one.silent_since or one.alive_since,
            proved_at=one.test_receipted_at,
            watched_since=one.watched_since,
        )
        for one in await link_states(conn)
    )


async def load_site_facts(conn: Connection, *, now: datetime, site_id: str | None = None) -> dict[int, SiteFacts]:
    """By site_no: everything, of all sites or of one."""
    sites = await list_site_facts(conn, site_id=site_id)
    devices = await load_device_facts(conn, None if site_id is None else [site.site_no for site in sites])
    links = await load_link_facts(conn)
    calendar = await school_calendar(conn)
    guards = _by_site(one.fact for one in await load(conn, GUARDS, site_id=site_id))
    shifts = _by_site(one.fact for one in await list_shifts(conn, since=now - BACK, until=now + AHEAD, site_id=site_id))
    seen = _by_site(await last_check_ins(conn, since=now - BACK, until=now + AHEAD, site_id=site_id))
    posts = _by_site(one.fact for one in await load(conn, POSTS, site_id=site_id))
    reports = _by_site(
        one for _, one in await list_post_reports(conn, since=now - BACK, until=now + AHEAD, site_id=site_id)
    )
    gates = _by_site(one.fact for one in await load(conn, GATES, site_id=site_id))
    barriers = _by_site(one.fact for one in await load(conn, BARRIERS, site_id=site_id))
    bells = _by_site(one.fact for one in await load(conn, BELLS, site_id=site_id))
    return {
        site.site_no: SiteFacts(
            site_no=site.site_no,
            site_id=site.site_id,
            kind=site.kind,
            pupils=site.pupils,
            boarders=site.boarders,
            guards=tuple(guards[site.site_id]),
            shifts=tuple(shifts[site.site_id]),
            check_ins={one.guard_id: one for one in seen[site.site_id]},
            posts=tuple(posts[site.site_id]),
            post_reports=tuple(reports[site.site_id]),
            gates=tuple(gates[site.site_id]),
            barriers=tuple(barriers[site.site_id]),
            devices=devices.get(site.site_no, {}),
            links=links,
            calendar=calendar,
            own_bells=tuple(bells[site.site_id]),
        )
        for site in sites
    }


def with_devices(facts: SiteFacts, devices: Mapping[int, dict[str, DeviceFact]]) -> SiteFacts:
    """``facts`` with what is newly known of its devices."""
    return msgspec.structs.replace(facts, devices=devices.get(facts.site_no, {}))


def _by_site(items: Iterable[Item]) -> defaultdict[str, list[Item]]:
    found: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        key: Any = item
        found[key.site_id].append(item)
    return found
