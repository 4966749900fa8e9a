"""The results of a round or of a month: how often the diagnosis was right, and what became of the hazards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from domain.patrol_round import Hazard, ItemVerdict
from storage.patrol_rounds import ItemView, get_round, hazards, items_of, judged_items
from storage.pool import Connection


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """``open``: items that nobody judged. ``label``: of a site its name."""

    name: str
    label: str = ""
    confirmed: int = 0
    rejected: int = 0
    good: int = 0
    missed: int = 0
    unseen: int = 0
    removed: int = 0
    open: int = 0
    precision: float | None = None


class PatrolReport(msgspec.Struct, frozen=True, kw_only=True):
    """``late``: hazards that were not over by their deadline, though they may be now."""

    since: datetime
    until: datetime
    rounds: int
    total: Tally
    by_fault: tuple[Tally, ...]
    by_site: tuple[Tally, ...]
    by_person: tuple[Tally, ...]
    hazards: tuple[Hazard, ...]
    in_time: int
    late: int


async def of_round(conn: Connection, round_no: int, *, now: datetime) -> PatrolReport:
    """:raises UnknownRound: there is none."""
    about = await get_round(conn, round_no)
    items = await items_of(conn, round_no)
    numbers = {item.hazard_no for item in items if item.hazard_no is not None}
    found = [one for one in await hazards(conn) if one.hazard_no in numbers]
    return summed(items, found, since=about.started_at, until=about.ended_at or now, now=now)


async def of_period(conn: Connection, *, since: datetime, until: datetime, now: datetime) -> PatrolReport:
    items = await judged_items(conn, since=since, until=until)
    found = await hazards(conn, since=since, until=until, limit=10_000)
    return summed(items, found, since=since, until=until, now=now)


def summed(
    items: Sequence[ItemView], found: Sequence[Hazard], *, since: datetime, until: datetime, now: datetime
) -> PatrolReport:
    over = {one.hazard_no: _over_at(one) for one in found}
    in_time = sum(end is not None and end <= one.due_at for one in found for end in [over[one.hazard_no]])
    late = sum((over[one.hazard_no] or now) > one.due_at for one in found)
    return PatrolReport(
        since=since,
        until=until,
        rounds=len({item.round_no for item in items}),
        total=_tally("", items),
        by_fault=_tallies([one for one in items if one.found or one.fault], lambda one: one.found or one.fault),
        by_site=_tallies(items, lambda one: one.site_id, lambda one: one.site_name),
        by_person=_tallies([one for one in items if one.judged_by], lambda one: one.judged_by or ""),
        hazards=tuple(found),
        in_time=in_time,
        late=late,
    )


def _over_at(hazard: Hazard) -> datetime | None:
    ends = [at for at in (hazard.cleared_at, hazard.struck_at) if at is not None]
    return min(ends, default=None)


def _tallies(
    items: Sequence[ItemView], name: Callable[[ItemView], str], label: Callable[[ItemView], str] = lambda one: ""
) -> tuple[Tally, ...]:
    groups: dict[str, list[ItemView]] = {}
    for item in items:
        groups.setdefault(name(item), []).append(item)
    return tuple(_tally(group, own, label(own[0])) for group, own in sorted(groups.items()))


def _tally(name: str, items: Sequence[ItemView], label: str = "") -> Tally:
    counts = Counter(item.verdict for item in items)
    told = counts[ItemVerdict.CONFIRMED] + counts[ItemVerdict.REJECTED]
    return Tally(
        name=name,
        label=label,
        confirmed=counts[ItemVerdict.CONFIRMED],
        rejected=counts[ItemVerdict.REJECTED],
        good=counts[ItemVerdict.GOOD],
        missed=counts[ItemVerdict.MISSED],
        unseen=counts[ItemVerdict.UNSEEN],
        removed=counts[ItemVerdict.REMOVED],
        open=counts[None],
        precision=counts[ItemVerdict.CONFIRMED] / told if told else None,
    )
