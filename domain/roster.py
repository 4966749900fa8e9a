"""The roster: who is on duty at a moment, and when nobody is. Pure.

What is nearer to the moment wins::

    override ──► else shifts (their swaps applied) ──► else patterns of the calendar

Shifts that overlap put all their people on duty, the one that began first in front. Patterns hold only where no shift
of the site and role is written for that moment. Of two overrides for the same the later one holds. A pattern's times
are those of the clock on the wall, so a night with a change of the clock is an hour shorter or longer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from domain.duty import (
    BUREAU,
    DutyOverride,
    DutyPattern,
    DutyRequirement,
    DutyRole,
    DutyShift,
    DutySwap,
    OnDuty,
    Person,
    Source,
)
from domain.school_calendar import USUAL, DayKind, SchoolCalendar

_DAY = timedelta(days=1)

Written = TypeVar("Written", DutyShift, DutyPattern, DutyOverride)


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody is on duty who should be."""

    site_id: str
    role: DutyRole
    starts_at: datetime
    ends_at: datetime


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that says who is on duty, for some sites and some time. Order does not matter but for swaps and
    overrides, which are told by their numbers.
    """

    zone: ZoneInfo
    people: Mapping[int, Person] = {}
    shifts: tuple[DutyShift, ...] = ()
    patterns: tuple[DutyPattern, ...] = ()
    swaps: tuple[DutySwap, ...] = ()
    overrides: tuple[DutyOverride, ...] = ()
    calendar: SchoolCalendar = USUAL

    def who(self, at: datetime, site_id: str, role: DutyRole) -> tuple[OnDuty, ...]:
        """Who is on duty at ``at`` (aware) for a site, or for the bureau."""
        at = at.astimezone(UTC)
        found = self._of_shifts(at, site_id, role) or self._of_patterns(at, site_id, role)
        for override in sorted(self.overrides, key=lambda one: one.override_no):
            if (override.site_id, override.role) != (site_id, role) or not _covers(override, at):
                continue
            person = self.people.get(override.person_no)
            if person is None:
                continue
            rest = [
                one
                for one in found
                if override.instead_of is not None
                and one.person.person_no not in (override.instead_of, override.person_no)
            ]
            if override.instead_of is not None and not any(
                one.person.person_no in (override.instead_of, override.person_no) for one in found
            ):
                continue  # whom it replaces is not on duty: somebody else stands in for him already
            found = [*rest, OnDuty(person=person, site_id=site_id, role=role, source=Source.OVERRIDE)]
        return tuple(found)

    @property
    def sites(self) -> list[str]:
        """The sites of which it says anything."""
        return sorted(
            {
                *(shift.site_id for shift in self.shifts),
                *(pattern.site_id for pattern in self.patterns),
                *(override.site_id for override in self.overrides),
            }
            - {BUREAU}
        )

    def parts(self, kept: Iterable[tuple[str, DutyRole]]) -> Iterator[tuple[str, DutyRole, Roster]]:
        """For each of ``kept`` (site and role) what concerns it alone: a district's week of shifts looked through for
        each moment of each site would take a quarter of a minute.
        """
        swapped = {number for swap in self.swaps for number in (swap.shift_no, swap.other_no)}
        beside = [shift for shift in self.shifts if shift.shift_no in swapped]
        shifts = _by_post(shift for shift in self.shifts if shift.shift_no not in swapped)
        patterns, overrides = _by_post(self.patterns), _by_post(self.overrides)
        for post in kept:
            yield (
                *post,
                msgspec.structs.replace(
                    self,
                    shifts=(*shifts.get(post, ()), *beside),
                    patterns=tuple(patterns.get(post, ())),
                    overrides=tuple(overrides.get(post, ())),
                ),
            )

    def until(self, at: datetime, site_id: str, role: DutyRole, person_no: int) -> datetime:
        """Until when somebody who is on duty at ``at`` stays so; at most two days are looked ahead."""
        ends = at + timedelta(days=2)
        for mark in sorted({*self.edges(site_id, role, at, ends), ends}):
            if mark > at and all(one.person.person_no != person_no for one in self.who(mark, site_id, role)):
                return min(mark, ends)
        return ends

    def gaps(
        self, site_id: str, role: DutyRole, starts_at: datetime, ends_at: datetime, required: Iterable[DutyRequirement]
    ) -> list[Gap]:
        """When nobody is on duty between the two, of the time that is ``required`` (nothing named = all of it)."""
        named = list(required)
        marks = {starts_at.astimezone(UTC), ends_at.astimezone(UTC)}
        marks.update(self.edges(site_id, role, starts_at, ends_at))
        for one in named:
            for begin, end in self._daily(one.day_kinds, None, one.starts, one.ends, starts_at, ends_at):
                marks.update((begin, end))
        times = sorted(mark for mark in marks if starts_at <= mark <= ends_at)
        found: list[Gap] = []
        for begin, end in pairwise(times):
            wanted = not named or any(self._requires(one, begin) for one in named)
            if not wanted or self.who(begin, site_id, role):
                continue
            if found and found[-1].ends_at == begin:
                found[-1] = msgspec.structs.replace(found[-1], ends_at=end)
            else:
                found.append(Gap(site_id=site_id, role=role, starts_at=begin, ends_at=end))
        return found

    # -- shifts -------------------------------------------------------------------------------------------------------

    def _of_shifts(self, at: datetime, site_id: str, role: DutyRole) -> list[OnDuty]:
        running = [
            shift
            for shift in self.shifts
            if shift.site_id == site_id and shift.role is role and shift.starts_at <= at < shift.ends_at
        ]
        if not running:
            return []
        holders = self._holders()
        found: dict[int, OnDuty] = {}
        for shift in sorted(running, key=lambda one: (one.starts_at, one.shift_no)):
            holder = holders.get(shift.shift_no, shift)
            person = _person_of(holder, self.people)
            if person is not None:
                source = Source.SHIFT if holder is shift else Source.SWAP
                found.setdefault(person.person_no, OnDuty(person=person, site_id=site_id, role=role, source=source))
        return list(found.values())

    def _holders(self) -> dict[int, DutyShift]:
        """Shift number → the shift whose person holds it, where swaps were made."""
        by_no = {shift.shift_no: shift for shift in self.shifts}
        holders: dict[int, DutyShift] = {}
        for swap in sorted(self.swaps, key=lambda one: one.swap_no):
            first, second = by_no.get(swap.shift_no), by_no.get(swap.other_no)
            if first is None or second is None:
                continue
            one, other = holders.get(first.shift_no, first), holders.get(second.shift_no, second)
            holders[first.shift_no], holders[second.shift_no] = other, one
        return holders

    # -- patterns -----------------------------------------------------------------------------------------------------

    def _of_patterns(self, at: datetime, site_id: str, role: DutyRole) -> list[OnDuty]:
        found: dict[int, OnDuty] = {}
        for pattern in sorted(self.patterns, key=lambda one: one.pattern_no):
            if pattern.site_id != site_id or pattern.role is not role or pattern.person_no in found:
                continue
            if any(begin <= at < end for begin, end in self._pattern_spans(pattern, at, at)):
                person = self.people.get(pattern.person_no)
                if person is not None:
                    found[pattern.person_no] = OnDuty(person=person, site_id=site_id, role=role, source=Source.PATTERN)
        return list(found.values())

    def _pattern_spans(
        self, pattern: DutyPattern, since: datetime, until: datetime
    ) -> Iterator[tuple[datetime, datetime]]:
        for begin, end in self._daily(pattern.day_kinds, pattern.weekdays, pattern.starts, pattern.ends, since, until):
            if pattern.first_day <= begin.astimezone(self.zone).date() <= pattern.last_day:
                yield begin, end

    def _daily(
        self,
        kinds: frozenset[DayKind],
        weekdays: frozenset[int] | None,
        starts: time,
        ends: time,
        since: datetime,
        until: datetime,
    ) -> Iterator[tuple[datetime, datetime]]:
        """What recurs by day and touches [``since``, ``until``], as UTC."""
        day = since.astimezone(self.zone).date() - _DAY
        last = until.astimezone(self.zone).date()
        while day <= last:
            if self.calendar.day_kind(day) in kinds and (weekdays is None or day.isoweekday() in weekdays):
                until_day = day if ends > starts else day + _DAY
                yield self._instant(day, starts), self._instant(until_day, ends)
            day += _DAY

    def _requires(self, required: DutyRequirement, at: datetime) -> bool:
        spans = self._daily(required.day_kinds, None, required.starts, required.ends, at, at)
        return any(begin <= at < end for begin, end in spans)

    def _instant(self, day: date, at: time) -> datetime:
        # Two aware times of one zone are compared by the clock on the wall; UTC has no such traps.
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def edges(self, site_id: str, role: DutyRole, since: datetime, until: datetime) -> Iterator[datetime]:
        """The moments at which somebody may come or go."""
        written: tuple[DutyShift | DutyOverride, ...] = (*self.shifts, *self.overrides)
        for one in written:
            if (one.site_id, one.role) == (site_id, role):
                yield one.starts_at.astimezone(UTC)
                yield one.ends_at.astimezone(UTC)
        for pattern in self.patterns:
            if (pattern.site_id, pattern.role) == (site_id, role):
                for begin, end in self._pattern_spans(pattern, since, until):
                    yield begin
                    yield end


def _by_post(written: Iterable[Written]) -> dict[tuple[str, DutyRole], list[Written]]:
    found: defaultdict[tuple[str, DutyRole], list[Written]] = defaultdict(list)
    for one in written:
        found[one.site_id, one.role].append(one)
    return found


def _covers(override: DutyOverride, at: datetime) -> bool:
    return override.starts_at <= at < override.ends_at


def _person_of(shift: DutyShift, people: Mapping[int, Person]) -> Person | None:
    if shift.person_no is not None:
        return people.get(shift.person_no)
    # Somebody who is named in the shift alone. Negative, so that he is nobody of the list.
    return Person(
        person_no=-shift.shift_no,
        person_id=f"shift-{shift.shift_no}",
        name=shift.leader,
        site_id=shift.site_id,
        language=shift.language,
        shift_no=shift.shift_no,
    )
