"""How sites stand to targets: now, at any past moment, and over any period by time.

The past keeps its own definitions: each interval names the version that it was judged by. A rate is weighted by time:
the seconds that sites met the target, of those in which it is known whether they did. ``proved`` counts what is not
known against them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, LiteralString

import msgspec

from domain.target import Standing
from storage.instants import utc, utc_or_none
from storage.pool import Connection

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


_AT: LiteralString = "c.since <= %(at)s AND (c.until IS NULL OR c.until > %(at)s)"


async def standings_at(
    conn: Connection, at: datetime, *, target_id: str | None = None, site_id: str | None = None
) -> list[StandingView]:
    """Every site and target as they stood, by site and target."""
    cursor = await conn.execute(
        "SELECT s.site_id, s.name, s.name_en, s.township, c.target_id, c.version, c.standing, c.since, c.until,"
        f" c.causes FROM compliance_interval AS c JOIN site AS s USING (site_no) WHERE {_AT}"
        " AND (%(target)s::text IS NULL OR c.target_id = %(target)s)"
        " AND (%(site)s::text IS NULL OR s.site_id = %(site)s) ORDER BY s.site_id, c.target_id",
        {"at": at, "target": target_id, "site": site_id},
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


async def rates_at(conn: Connection, at: datetime) -> list[RateView]:
    """The district by target, with the definition that was in force then."""
    cursor = await conn.execute(
        "SELECT d.target_id, d.version, d.name_zh, d.name_en,"
        " count(*) FILTER (WHERE c.standing = 'compliant'), count(*) FILTER (WHERE c.standing = 'dropped'),"
        " count(*) FILTER (WHERE c.standing = 'unknown'), count(*) FILTER (WHERE c.standing = 'exempt')"
        " FROM (SELECT DISTINCT ON (target_id) * FROM target_definition WHERE starts_at <= %(at)s"
        "       ORDER BY target_id, version DESC) AS d"
        f" LEFT JOIN compliance_interval AS c ON c.target_id = d.target_id AND {_AT}"
        " WHERE d.enabled GROUP BY d.target_id, d.version, d.name_zh, d.name_en ORDER BY d.target_id",
        {"at": at},
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
_CUT: LiteralString = """
SELECT c.site_no, c.target_id, c.standing, c.since, c.causes,
       extract(epoch FROM least(coalesce(c.until, %(until)s), %(until)s) - greatest(c.since, %(since)s))::float8 AS s,
       lag(c.standing) OVER (PARTITION BY c.site_no, c.target_id ORDER BY c.since) AS before
FROM compliance_interval AS c
WHERE c.since < %(until)s AND (c.until IS NULL OR c.until > %(since)s)
  AND (%(target)s::text IS NULL OR c.target_id = %(target)s)
"""

_GROUPS: dict[By, tuple[LiteralString, LiteralString, LiteralString]] = {
    "district": ("''", "''", "''"),
    "township": ("s.township", "s.township", "''"),
    "site": ("s.site_id", "s.name", "s.name_en"),
}


async def shares(
    conn: Connection, *, since: datetime, until: datetime, by: By, target_id: str | None = None
) -> list[ShareView]:
    """Time by standing in [since, until), by group and target. A drop is a change from anything else to not met."""
    group, name, name_en = _GROUPS[by]
    cursor = await conn.execute(
        f"WITH cut AS ({_CUT})"
        f" SELECT {group} AS g, {name} AS n, {name_en} AS e, c.target_id, count(DISTINCT c.site_no),"
        " coalesce(sum(c.s) FILTER (WHERE c.standing = 'compliant'), 0),"
        " coalesce(sum(c.s) FILTER (WHERE c.standing = 'dropped'), 0),"
        " coalesce(sum(c.s) FILTER (WHERE c.standing = 'unknown'), 0),"
        " count(*) FILTER (WHERE c.standing = 'dropped' AND c.since >= %(since)s"
        "  AND c.before IS DISTINCT FROM 'dropped')"
        " FROM cut AS c JOIN site AS s USING (site_no) GROUP BY 1, 2, 3, 4 ORDER BY 1, 4",
        {"since": since, "until": until, "target": target_id},
    )
    return [
        ShareView(
            group=row[0],
            name=row[1],
            name_en=row[2],
            target_id=row[3],
            sites=row[4],
            compliant_s=row[5],
            dropped_s=row[6],
            unknown_s=row[7],
            drops=row[8],
        )
        for row in await cursor.fetchall()
    ]


async def causes_over(
    conn: Connection, *, since: datetime, until: datetime, by_site: bool, target_id: str | None = None
) -> list[CauseView]:
    """What kept sites from targets in [since, until), the longest first: of the district, or of each site. Two causes
    of one kind at one site at one time count once.
    """
    site: LiteralString = "s.site_id" if by_site else "''"
    cursor = await conn.execute(
        f"WITH cut AS ({_CUT})"
        f" SELECT c.target_id, r.requirement, {site} AS g, sum(c.s), count(DISTINCT c.site_no)"
        " FROM cut AS c JOIN site AS s USING (site_no),"
        " LATERAL (SELECT DISTINCT one ->> 'requirement' AS requirement FROM jsonb_array_elements(c.causes) AS one"
        "          WHERE (one -> 'known')::boolean) AS r"
        " WHERE c.standing = 'dropped' GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3",
        {"since": since, "until": until, "target": target_id},
    )
    return [
        CauseView(target_id=row[0], requirement=row[1], site_id=row[2], seconds=row[3], sites=row[4])
        for row in await cursor.fetchall()
    ]


async def days_over(
    conn: Connection, days: Sequence[tuple[date, datetime, datetime]], *, target_id: str | None = None
) -> list[DayView]:
    """The district on each of ``days`` (the day, its beginning and its end), by day and target."""
    cursor = await conn.execute(
        "SELECT d.day, c.target_id,"
        " sum(x.s) FILTER (WHERE c.standing = 'compliant'), sum(x.s) FILTER (WHERE c.standing = 'dropped'),"
        " sum(x.s) FILTER (WHERE c.standing = 'unknown')"
        " FROM unnest(%(days)s::date[], %(begins)s::timestamptz[], %(ends)s::timestamptz[]) AS d (day, b, e)"
        " JOIN compliance_interval AS c ON c.since < d.e AND (c.until IS NULL OR c.until > d.b),"
        " LATERAL (SELECT extract(epoch FROM least(coalesce(c.until, d.e), d.e) - greatest(c.since, d.b))::float8 AS s)"
        "  AS x WHERE (%(target)s::text IS NULL OR c.target_id = %(target)s) GROUP BY 1, 2 ORDER BY 1, 2",
        {
            "days": [day for day, _, _ in days],
            "begins": [begin for _, begin, _ in days],
            "ends": [end for _, _, end in days],
            "target": target_id,
        },
    )
    return [
        DayView(day=row[0], target_id=row[1], compliant_s=row[2] or 0, dropped_s=row[3] or 0, unknown_s=row[4] or 0)
        for row in await cursor.fetchall()
    ]
