"""What a report on the targets holds: rates by time over a period, worst sites, and what kept them from compliance."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.access import Sites
from domain.target import TargetDefinition
from storage.compliance_views import (
    By,
    CauseView,
    RateView,
    ShareView,
    causes_over,
    causes_together,
    grouped,
    rates_at,
    site_shares,
)
from storage.pool import Connection
from storage.targets import target_definitions

#: Sites that are named one by one as the worst.
WORST = 20
#: Causes that are named of each.
CAUSES_EACH = 3


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One group and target over the period. ``rate`` and ``proved``: 0 to 1, None where nothing is known."""

    group: str
    name: str
    name_en: str
    target_id: str
    sites: int
    rate: float | None
    proved: float | None
    dropped_h: float
    unknown_h: float
    drops: int


class Worst(msgspec.Struct, frozen=True, kw_only=True):
    """A site that long did not meet a target, and why: the requirement and its hours."""

    line: Line
    causes: list[tuple[str, float]]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """``until`` is cut at the moment of asking. ``targets``: name in Chinese and English by id, those in force at
    the end. ``causes``: what kept sites from each target, in hours over all sites.
    """

    since: datetime
    until: datetime
    made_at: datetime
    by: By
    targets: dict[str, tuple[str, str]]
    at_end: list[RateView]
    district: list[Line]
    lines: list[Line]
    worst: list[Worst]
    causes: list[CauseView]


def _line(one: ShareView) -> Line:
    return Line(
        group=one.group,
        name=one.name,
        name_en=one.name_en,
        target_id=one.target_id,
        sites=one.sites,
        rate=one.rate,
        proved=one.proved,
        dropped_h=one.dropped_s / 3600,
        unknown_h=one.unknown_s / 3600,
        drops=one.drops,
    )


async def gather(
    conn: Connection, *, since: datetime, until: datetime, by: By, now: datetime, only: Sites = None
) -> Report:
    """:param until: later than ``since``; what lies ahead of ``now`` is left out. :param only: of these sites."""
    until = min(until, now)
    each = await site_shares(conn, since=since, until=until, sites=only)
    sites = grouped(each, "site")
    causes = await causes_over(conn, since=since, until=until, sites=only)
    reasons: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for cause in causes:
        reasons.setdefault((cause.site_id, cause.target_id), []).append((cause.requirement, cause.seconds / 3600))
    district = grouped(each, "district")
    worst = sorted((one for one in sites if one.dropped_s > 0), key=lambda one: -one.dropped_s)[:WORST]
    # A target has a name for as long as it was ever in force in the period.
    names: dict[str, TargetDefinition] = {}
    for definition in await target_definitions(conn):
        if definition.starts_at < until:
            names[definition.target_id] = definition
    told = {one.target_id for one in district}
    return Report(
        since=since,
        until=until,
        made_at=now,
        by=by,
        targets={key: (one.name_zh, one.name_en) for key, one in names.items() if key in told},
        at_end=await rates_at(conn, until, sites=only),
        district=[_line(one) for one in district],
        lines=[_line(one) for one in grouped(each, by)],
        worst=[
            Worst(line=_line(one), causes=reasons.get((one.group, one.target_id), [])[:CAUSES_EACH]) for one in worst
        ],
        causes=causes_together(causes),
    )
