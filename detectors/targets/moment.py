"""A moment in the district's time zone, and the hours of a school day around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.bells import Bells
from domain.site_facts import SiteFacts

#: How far ahead a school day is looked for: longer than any holiday.
_LOOK_AHEAD_DAYS = 100


class Asked(NamedTuple):
    """Whether something is asked now: the span that is under way, and when the next one begins."""

    since: datetime | None
    until: datetime | None
    next_at: datetime | None

    @property
    def now(self) -> bool:
        return self.since is not None


class Moment:
    """``at`` is aware UTC, and so is everything that comes out."""

    __slots__ = ("at", "today", "zone")

    def __init__(self, at: datetime, zone: ZoneInfo) -> None:
        self.at = at
        self.zone = zone
        self.today = at.astimezone(zone).date()

    def begin(self, day: date) -> datetime:
        """The first moment of a day."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def minute(self, day: date, minutes: int) -> datetime:
        """``minutes`` after midnight of ``day``."""
        return self.begin(day) + timedelta(minutes=minutes)

    def asked(self, facts: SiteFacts, spans: Callable[[Bells], Sequence[tuple[int, int]]]) -> Asked:
        """``spans`` of a school day with these bells, in minutes after midnight, in their order."""
        since = until = None
        for ahead in range(_LOOK_AHEAD_DAYS):
            day = self.today + timedelta(days=ahead)
            if not facts.calendar.is_school_day(day):
                continue
            for first, last in spans(facts.bells(day)):
                begins, ends = self.minute(day, first), self.minute(day, last)
                if begins <= self.at < ends:
                    since, until = begins, ends
                elif begins > self.at:
                    return Asked(since, until, begins)
        return Asked(since, until, None)


def birthday(born_on: date, age: int) -> date:
    """The day on which somebody becomes ``age``; who was born on 29 February does so on 1 March of other years."""
    try:
        return born_on.replace(year=born_on.year + age)
    except ValueError:
        return date(born_on.year + age, 3, 1)
