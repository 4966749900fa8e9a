"""How sites stand to targets: now, at any past moment, and over any period by time.

The past keeps its own definitions: each interval names the version that it was judged by. A rate is weighted by time:
the seconds that sites met the target, of those in which it is known whether they did. ``proved`` counts what is not
known against them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Literal, LiteralString

import msgspec

from domain.access import Sites
from domain.target import Standing
from storage.instants import utc, utc_or_none
from storage.pool import Connection
from storage.reach import listed

By = Literal["district", "township", "site"]


class StandingView(msgspec.Struct, frozen=True, kw_only=True):
    """``until`` None: so it stands to this day."""

    site_id: str
    name: str
    name_en: str
    township: str
    target_id: str
    version: int
    standing: Standing
    since: datetime
    until: datetime | None
    causes: list[dict[str, Any]]


class RateView(msgspec.Struct, frozen=True, kw_only=True):
    """Sites by standing at a moment. ``rate`` of those of which it is known, 0 to 1; None where of none is."""

    target_id: str
    version: int
    name_zh: str
    name_en: str
    compliant: int
    dropped: int
    unknown: int
    exempt: int

    @property
    def rate(self) -> float | None:
        return share(self.compliant, self.dropped)


class ShareView(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of a period by standing. ``group``: the site's id, the township, or "" for the district."""

    group: str
    name: str
    name_en: str
    target_id: str
    sites: int
    compliant_s: float
    dropped_s: float
    unknown_s: float
    drops: int

    @property
    def rate(self) -> float | None:
        return share(self.compliant_s, self.dropped_s)

    @property
    def proved(self) -> float | None:
        return share(self.compliant_s, self.dropped_s + self.unknown_s)


class CauseView(msgspec.Struct, frozen=True, kw_only=True):
    """How long something kept sites from a target, and how many."""

    target_id: str
    requirement: str
    site_id: str
    seconds: float
    sites: int


class DayView(msgspec.Struct, frozen=True, kw_only=True):
    day: date
    target_id: str
    compliant_s: float
    dropped_s: float
    unknown_s: float

    @property
    def rate(self) -> float | None:
        return share(self.compliant_s, self.dropped_s)


def share(part: float, rest: float) -> float | None:
    return None if part + rest <= 0 else part / (part + rest)


#: The three in the order in which the documents name them, and the fourth.
_ORDER: LiteralString = "ARRAY['guard_staffing', 'closed_campus', 'networking', 'guard_posts']"
_OF_THESE: LiteralString = "(%(sites)s::text[] IS NULL OR s.site_id = ANY(%(sites)s))"
_OF_THEIR_NUMBERS: LiteralString = (
    "(%(sites)s::text[] IS NULL OR c.site_no IN (SELECT site_no FROM site WHERE site_id = ANY(%(sites)s)))"
)
_AT: LiteralString = "c.since <= %(at)s AND (c.until IS NULL OR c.until > %(at)s)"


async def standings_at(
    conn: Connection, at: datetime, *, target_id: str | None = None, site_id: str | None = None, sites: Sites = None
) -> list[StandingView]:
    """Every site and target as they stood, by site and target; of no other than ``sites``."""
    cursor = await conn.execute(
        "SELECT s.site_id, s.name, s.name_en, s.township, c.target_id, c.version, c.standing, c.since, c.until,"
        f" c.causes FROM compliance_interval AS c JOIN site AS s USING (site_no) WHERE {_AT}"
        " AND (%(target)s::text IS NULL OR c.target_id = %(target)s)"
        f" AND (%(site)s::text IS NULL OR s.site_id = %(site)s) AND {_OF_THESE} ORDER BY s.site_id, c.target_id",
        {"at": at, "target": target_id, "site": site_id, "sites": listed(sites)},
    )
    return [_standing(row) for row in await cursor.fetchall()]


async def history_of(
    conn: Connection,
    site_id: str,
    *,
    since: datetime,
    until: datetime,
    target_id: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int,
) -> list[StandingView]:
    """The intervals of a site that touch a period, newest first; those behind the moment and target ``before``."""
    cursor = await conn.execute(
        "SELECT s.site_id, s.name, s.name_en, s.township, c.target_id, c.version, c.standing, c.since, c.until,"
        " c.causes FROM compliance_interval AS c JOIN site AS s USING (site_no)"
        " WHERE s.site_id = %(site)s AND c.since < %(until)s AND (c.until IS NULL OR c.until > %(since)s)"
        " AND (%(target)s::text IS NULL OR c.target_id = %(target)s)"
        " AND (%(before)s::timestamptz IS NULL OR c.since < %(before)s"
        "  OR (c.since = %(before)s AND c.target_id > %(after)s))"
        " ORDER BY c.since DESC, c.target_id LIMIT %(limit)s",
        {"site": site_id, "since": since, "until": until, "target": target_id, "limit": limit}
        | {"before": None if before is None else before[0], "after": "" if before is None else before[1]},
    )
    return [_standing(row) for row in await cursor.fetchall()]


def _standing(row: Sequence[Any]) -> StandingView:
    return StandingView(
        site_id=row[0],
        name=row[1],
        name_en=row[2],
        township=row[3],
        target_id=row[4],
        version=row[5],
        standing=Standing(row[6]),
        since=utc(row[7]),
        until=utc_or_none(row[8]),
        causes=row[9],
    )


async def rates_at(conn: Connection, at: datetime, *, sites: Sites = None) -> list[RateView]:
    """The district, or ``sites``, by target, with the definition that was in force then."""
    cursor = await conn.execute(
        "SELECT d.target_id, d.version, d.name_zh, d.name_en,"
        " count(*) FILTER (WHERE c.standing = 'compliant'), count(*) FILTER (WHERE c.standing = 'dropped'),"
        " count(*) FILTER (WHERE c.standing = 'unknown'), count(*) FILTER (WHERE c.standing = 'exempt')"
        " FROM (SELECT DISTINCT ON (target_id) * FROM target_definition WHERE starts_at <= %(at)s"
        "       ORDER BY target_id, version DESC) AS d"
        f" LEFT JOIN compliance_interval AS c ON c.target_id = d.target_id AND {_AT} AND {_OF_THEIR_NUMBERS}"
        " WHERE d.enabled GROUP BY d.target_id, d.version, d.name_zh, d.name_en"
        f" ORDER BY array_position({_ORDER}, d.target_id), d.target_id",
        {"at": at, "sites": listed(sites)},
    )
    return [
        RateView(
            target_id=row[0],
            version=row[1],
            name_zh=row[2],
            name_en=row[3],
            compliant=row[4],
            dropped=row[5],
            unknown=row[6],
            exempt=row[7],
        )
        for row in await cursor.fetchall()
    ]


#: What of each interval lies in the period.
_SECONDS: LiteralString = (
    "extract(epoch FROM least(coalesce(c.until, %(until)s), %(until)s) - greatest(c.since, %(since)s))::float8"
)
_TOUCHES: LiteralString = (
    "c.since < %(until)s AND (c.until IS NULL OR c.until > %(since)s)"
    " AND (%(target)s::text IS NULL OR c.target_id = %(target)s)"
)


async def shares(
    conn: Connection, *, since: datetime, until: datetime, by: By, target_id: str | None = None, sites: Sites = None
) -> list[ShareView]:
    """Time by standing in [since, until), by group and target. A drop is a change from anything else to not met."""
    return grouped(await site_shares(conn, since=since, until=until, target_id=target_id, sites=sites), by)


async def site_shares(
    conn: Connection, *, since: datetime, until: datetime, target_id: str | None = None, sites: Sites = None
) -> list[tuple[str, ShareView]]:
    """Of each site with its township: what every other grouping is the sum of."""
    cursor = await conn.execute(
        "SELECT s.township, s.site_id, s.name, s.name_en, x.target_id, x.compliant_s, x.dropped_s, x.unknown_s, x.drops"
        " FROM (SELECT c.site_no, c.target_id,"
        f"  sum({_SECONDS}) FILTER (WHERE c.standing = 'compliant') AS compliant_s,"
        f"  sum({_SECONDS}) FILTER (WHERE c.standing = 'dropped') AS dropped_s,"
        f"  sum({_SECONDS}) FILTER (WHERE c.standing = 'unknown') AS unknown_s,"
        "   count(*) FILTER (WHERE c.drops AND c.since >= %(since)s) AS drops"
        f"  FROM compliance_interval AS c WHERE {_TOUCHES} GROUP BY 1, 2) AS x"
        f" JOIN site AS s USING (site_no) WHERE {_OF_THESE} ORDER BY s.site_id, x.target_id",
        {"since": since, "until": until, "target": target_id, "sites": listed(sites)},
    )
    return [
        (
            row[0],
            ShareView(
                group=row[1],
                name=row[2],
                name_en=row[3],
                target_id=row[4],
                sites=1,
                compliant_s=row[5] or 0.0,
                dropped_s=row[6] or 0.0,
                unknown_s=row[7] or 0.0,
                drops=row[8],
            ),
        )
        for row in await cursor.fetchall()
    ]


def grouped(sites: Iterable[tuple[str, ShareView]], by: By) -> list[ShareView]:
    """The sums by township, or of the district; by site they are what they are."""
    if by == "site":
        return [one for _, one in sites]
    sums: dict[tuple[str, str], list[ShareView]] = {}
    for township, one in sites:
        sums.setdefault((township if by == "township" else "", one.target_id), []).append(one)
    return [
        ShareView(
            group=group,
            name=group,
            name_en="",
            target_id=target_id,
            sites=len(each),
            compliant_s=sum(one.compliant_s for one in each),
            dropped_s=sum(one.dropped_s for one in each),
            unknown_s=sum(one.unknown_s for one in each),
            drops=sum(one.drops for one in each),
        )
        for (group, target_id), each in sorted(sums.items())
    ]


async def causes_over(conn: Connection, *, since: datetime, until: datetime, sites: Sites = None) -> list[CauseView]:
    """What kept each site from targets in [since, until), the longest first. Two causes of one kind at one time count
    once.
    """
    cursor = await conn.execute(
        "SELECT x.target_id, x.requirement, s.site_id, x.s FROM ("
        f" SELECT c.site_no, c.target_id, r.requirement, sum({_SECONDS}) AS s"
        " FROM compliance_interval AS c, unnest(c.requirements) AS r (requirement)"
        f" WHERE {_TOUCHES} AND c.standing = 'dropped' GROUP BY 1, 2, 3) AS x JOIN site AS s USING (site_no)"
        f" WHERE {_OF_THESE} ORDER BY x.s DESC, 1, 2, 3",
        {"since": since, "until": until, "target": None, "sites": listed(sites)},
    )
    return [
        CauseView(target_id=row[0], requirement=row[1], site_id=row[2], seconds=row[3], sites=1)
        for row in await cursor.fetchall()
    ]


def causes_together(causes: Iterable[CauseView]) -> list[CauseView]:
    """The same over all sites."""
    sums: dict[tuple[str, str], list[CauseView]] = {}
    for one in causes:
        sums.setdefault((one.target_id, one.requirement), []).append(one)
    found = [
        CauseView(
            target_id=target_id,
            requirement=requirement,
            site_id="",
            seconds=sum(one.seconds for one in each),
            sites=len(each),
        )
        for (target_id, requirement), each in sums.items()
    ]
    return sorted(found, key=lambda one: (-one.seconds, one.target_id, one.requirement))


async def days_over(
    conn: Connection,
    days: Sequence[tuple[date, datetime, datetime]],
    *,
    target_id: str | None = None,
    sites: Sites = None,
) -> list[DayView]:
    """The district, or ``sites``, on each of ``days`` (the day, its beginning and its end), by day and target."""
    cursor = await conn.execute(
        "SELECT d.day, c.target_id,"
        " sum(x.s) FILTER (WHERE c.standing = 'compliant'), sum(x.s) FILTER (WHERE c.standing = 'dropped'),"
        " sum(x.s) FILTER (WHERE c.standing = 'unknown')"
        " FROM unnest(%(days)s::date[], %(begins)s::timestamptz[], %(ends)s::timestamptz[]) AS d (day, b, e)"
        " JOIN compliance_interval AS c ON c.since < d.e AND (c.until IS NULL OR c.until > d.b),"
        " LATERAL (SELECT extract(epoch FROM least(coalesce(c.until, d.e), d.e) - greatest(c.since, d.b))::float8 AS s)"
        f"  AS x WHERE (%(target)s::text IS NULL OR c.target_id = %(target)s) AND {_OF_THEIR_NUMBERS}"
        " GROUP BY 1, 2 ORDER BY 1, 2",
        {
            "days": [day for day, _, _ in days],
            "begins": [begin for _, begin, _ in days],
            "ends": [end for _, _, end in days],
            "target": target_id,
            "sites": listed(sites),
        },
    )
    return [
        DayView(day=row[0], target_id=row[1], compliant_s=row[2] or 0, dropped_s=row[3] or 0, unknown_s=row[4] or 0)
        for row in await cursor.fetchall()
    ]
