"""Hours of a school: whether it is class, arrival, night ... at a site, and until when.

::

    closed ── gate opens ── arrival ── lessons ── class hours ── leaving ── gate shuts ── staff leave ── closed
                                                                                  (boarders: lights out)

Days are the district's. Night is from 22:00, or lights out where pupils board, to 06:00.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from math import inf
from zoneinfo import ZoneInfo

from detectors.documents.form import DAYS, Schedule, Weekly
from domain.bells import Bells
from domain.school_calendar import USUAL, SchoolCalendar

_DAY = 1440
_NIGHT, _MORNING = 22 * 60, 6 * 60
DISTRICT_ZONE = ZoneInfo("Asia/Shanghai")


class Hours:
    """One schedule at sites with the same bells."""

    __slots__ = ("_bells", "_calendar", "_from_s", "_holds", "_until_s", "_what", "_zone")

    def __init__(
        self,
        what: Schedule | Weekly,
        bells: Bells,
        calendar: SchoolCalendar = USUAL,
        zone: tzinfo = DISTRICT_ZONE,
    ) -> None:
        self._what, self._bells, self._calendar, self._zone = what, bells, calendar, zone
        self._from_s, self._until_s, self._holds = inf, -inf, False  # what was worked out last

    def holds(self, at_s: float) -> bool:
        if not self._from_s <= at_s < self._until_s:
            self._work_out(at_s)
        return self._holds

    def next_s(self, at_s: float) -> float:
        """When it may be otherwise for the first time after ``at_s``."""
        if not self._from_s <= at_s < self._until_s:
            self._work_out(at_s)
        return self._until_s

    def _work_out(self, at_s: float) -> None:
        day = datetime.fromtimestamp(at_s, self._zone).date()
        midnight_s = start_of(day, self._zone)
        self._from_s, self._until_s, self._holds = midnight_s, start_of(day + timedelta(days=1), self._zone), False
        for since, until in self._spans(day):
            since_s, until_s = midnight_s + since * 60.0, midnight_s + until * 60.0
            if since_s <= at_s < until_s:
                self._from_s, self._until_s, self._holds = since_s, min(until_s, self._until_s), True
                return
            if until_s <= at_s:
                self._from_s = max(self._from_s, until_s)
            else:
                self._until_s = min(self._until_s, since_s)

    def _spans(self, day: date) -> Iterator[tuple[int, int]]:
        """Minutes of ``day`` in which it holds, from and to."""
        what, bells = self._what, self._bells
        if isinstance(what, Weekly):
            today, yesterday = DAYS[day.weekday()], DAYS[day.weekday() - 1]
            if what.since < what.until:
                if today in what.weekly:
                    yield what.since, what.until
                return
            if yesterday in what.weekly:
                yield 0, what.until
            if today in what.weekly:
                yield what.since, _DAY
            return
        school = self._calendar.is_school_day(day)
        match what.schedule:
            case "school_days":
                if school:
                    yield 0, _DAY
            case "class_hours":
                if school:
                    yield bells.lessons, bells.leaving
            case "arrival":
                if school:
                    yield bells.arrival, bells.lessons
            case "leaving":
                if school:
                    yield bells.leaving, bells.leaving_to
            case "night":
                yield 0, _MORNING
                yield bells.lights_out or _NIGHT, _DAY
            case _:  # closed hours
                if not school:
                    yield 0, _DAY
                    return
                yield 0, bells.arrival
                yield bells.lights_out or bells.staff_leave, _DAY


def start_of(day: date, zone: tzinfo) -> float:
    """Seconds since 1970 at its midnight."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def day_of(at_s: float, zone: tzinfo) -> date:
    return datetime.fromtimestamp(at_s, zone).date()


def moments(day: date, zone: tzinfo = DISTRICT_ZONE) -> Iterator[float]:
    """Every quarter of an hour of ``day``."""
    midnight_s = start_of(day, zone)
    return (midnight_s + 900.0 * number for number in range(96))


def instant(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
