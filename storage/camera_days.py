"""Days that are over, added up: what a year's availability is read from (migration 0151, `storage.availability`)."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.camera import Truth
from storage.availability import Availability, By, availability
from storage.pool import Connection

#: So long after its end a day is added up: what was found out about it late is in by then.
FOLD_AFTER = timedelta(hours=6)
#: Days that are added up in one go.
_MOST_DAYS = 7
#: Windows may begin in the past; those of days longer ago than this change nothing any more.
_REFOLD_DAYS = 40


def days_within(since: datetime, until: datetime, zone: ZoneInfo) -> list[date]:
    """The district's days that lie whole within the period."""
    first = since.astimezone(zone).date()
    if beginning(first, zone) < since:
        first += timedelta(days=1)
    days = []
    while beginning(first + timedelta(days=1), zone) <= until:
        days.append(first)
        first += timedelta(days=1)
    return days


def beginning(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


async def fold_days(conn: Connection, now: datetime, zone: ZoneInfo) -> int:
    """Add up days that are over and not added up yet, the oldest first, and anew where maintenance was changed: so
    many, at most a week's. Call it again while it answers a week.
    """
    cursor = await conn.execute("SELECT min(known_since) FROM camera_truth")
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        return 0
    cursor = await conn.execute(
        "SELECT f.day FROM camera_day_folded AS f WHERE f.day < %s OR NOT EXISTS ("
        " SELECT FROM maintenance_window AS w WHERE greatest(w.made_at, w.ended_at) > f.folded_at"
        " AND (w.starts_at AT TIME ZONE %s)::date <= f.day AND (w.ends_at AT TIME ZONE %s)::date >= f.day)",
        ((now - timedelta(days=_REFOLD_DAYS)).date(), zone.key, zone.key),
    )
    folded = {day for (day,) in await cursor.fetchall()}
    over = days_within(beginning(row[0].astimezone(zone).date(), zone), now - FOLD_AFTER, zone)
    due = [day for day in over if day not in folded][:_MOST_DAYS]
    for days in _runs(due):
        await fold(conn, days, now, zone)
    return len(due)


async def fold(conn: Connection, days: Sequence[date], now: datetime, zone: ZoneInfo) -> None:
    """Add up days that follow each other."""
    bounds = [beginning(day, zone) for day in (*days, days[-1] + timedelta(days=1))]
    place = dict(zip(bounds, days, strict=False))
    found = await availability(conn, bounds, by="site")
    cursor = await conn.execute("SELECT site_id, site_no FROM site")
    numbers = dict(await cursor.fetchall())
    async with conn.transaction():
        await conn.execute("DELETE FROM camera_day WHERE day = ANY(%s)", (list(days),))
        await conn.execute(
            "INSERT INTO camera_day (day, site_no, truth, yes_s, no_s, unknown_s, planned_s)"
            " SELECT * FROM unnest(%s::date[], %s::int[], %s::text[], %s::float8[], %s::float8[], %s::float8[],"
            " %s::float8[])",
            (
                [place[one.since] for one in found],
                [numbers[one.group] for one in found],
                [one.truth.value for one in found],
                [one.yes_s for one in found],
                [one.no_s for one in found],
                [one.unknown_s for one in found],
                [one.planned_s for one in found],
            ),
        )
        await conn.execute(
            "INSERT INTO camera_day_folded SELECT u.day, %s FROM unnest(%s::date[]) AS u (day)"
            " ON CONFLICT (day) DO UPDATE SET folded_at = excluded.folded_at",
            (now, list(days)),
        )


async def by_day(
    conn: Connection,
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
    *,
    by: By = "district",
    truths: Sequence[Truth] = tuple(Truth),
    site_id: str | None = None,
    township: str | None = None,
    within: Collection[str] | None = None,
) -> list[Availability]:
    """Availability of each of the district's days from ``since`` to ``until``; the first and last may be parts of one.

    Days that were added up are read; the others, such as today, are made of the intervals.
    """
    if by == "camera":
        raise ValueError("cameras are asked for with `storage.availability.availability`")
    days = days_within(since, until, zone)
    cursor = await conn.execute("SELECT day FROM camera_day_folded WHERE day = ANY(%s)", (days,))
    folded = {day for (day,) in await cursor.fetchall()}
    found = await _read(
        conn, sorted(folded), zone, by=by, truths=truths, site_id=site_id, township=township, within=within
    )
    bounds = sorted({since, until, *(beginning(day, zone) for day in _with_last(days))})
    for run in _unfolded(bounds, folded, zone):
        found += await availability(conn, run, by=by, truths=truths, site_id=site_id, township=township, within=within)
    order = {truth: place for place, truth in enumerate(Truth)}
    return sorted(found, key=lambda one: (one.group, order[one.truth], one.since))


def summed(parts: Sequence[Availability]) -> list[Availability]:
    """By group and truth, over the whole period."""
    groups: defaultdict[tuple[str, Truth], list[Availability]] = defaultdict(list)
    for part in parts:
        groups[part.group, part.truth].append(part)
    return [
        Availability(
            group=group,
            truth=truth,
            since=min(part.since for part in own),
            until=max(part.until for part in own),
            yes_s=sum(part.yes_s for part in own),
            no_s=sum(part.no_s for part in own),
            unknown_s=sum(part.unknown_s for part in own),
            planned_s=sum(part.planned_s for part in own),
        )
        for (group, truth), own in groups.items()
    ]


async def _read(
    conn: Connection,
    days: Sequence[date],
    zone: ZoneInfo,
    *,
    by: By,
    truths: Sequence[Truth],
    site_id: str | None,
    township: str | None,
    within: Collection[str] | None,
) -> list[Availability]:
    if not days:
        return []
    group = {"district": "''", "township": "s.township", "site": "s.site_id"}[by]
    cursor = await conn.execute(
        f"SELECT {group}, c.truth, c.day, sum(c.yes_s), sum(c.no_s), sum(c.unknown_s), sum(c.planned_s)"
        " FROM camera_day AS c JOIN site AS s USING (site_no)"
        " WHERE c.truth = ANY(%(truths)s) AND c.day BETWEEN %(first)s AND %(last)s AND c.day = ANY(%(days)s)"
        " AND (%(site_id)s::text IS NULL OR s.site_id = %(site_id)s)"
        " AND (%(township)s::text IS NULL OR s.township = %(township)s)"
        " AND (%(within)s::text[] IS NULL OR s.site_id = ANY(%(within)s)) GROUP BY 1, 2, 3",
        {
            "truths": [one.value for one in truths],
            "first": days[0],
            "last": days[-1],
            "days": list(days),
            "site_id": site_id,
            "township": township,
            "within": None if within is None else list(within),
        },
        prepare=False,
    )
    begins = {day: beginning(day, zone) for one in days for day in (one, one + timedelta(days=1))}
    return [
        Availability(
            group=name,
            truth=Truth(truth),
            since=begins[day],
            until=begins[day + timedelta(days=1)],
            yes_s=yes_s,
            no_s=no_s,
            unknown_s=unknown_s,
            planned_s=planned_s,
        )
        for name, truth, day, yes_s, no_s, unknown_s, planned_s in await cursor.fetchall()
    ]


def _with_last(days: Sequence[date]) -> list[date]:
    return [*days, days[-1] + timedelta(days=1)] if days else []


def _runs(days: Sequence[date]) -> Iterator[list[date]]:
    run: list[date] = []
    for day in days:
        if run and day != run[-1] + timedelta(days=1):
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def _unfolded(bounds: Sequence[datetime], folded: set[date], zone: ZoneInfo) -> Iterator[list[datetime]]:
    """Bounds of the stretches that were not added up."""
    run: list[datetime] = []
    for begin, end in itertools.pairwise(bounds):
        day = begin.astimezone(zone).date()
        if day in folded and begin == beginning(day, zone) and end == beginning(day + timedelta(days=1), zone):
            if run:
                yield run
            run = []
        else:
            run = [*run, end] if run else [begin, end]
    if run:
        yield run
