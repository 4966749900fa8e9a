"""Which days school is kept: terms, weekends, public holidays and the days that make up for them.

A district keeps its own calendar in the database; `USUAL` is what holds where it has none. 2026 follows the State
Council's notice of public holidays. That of 2027 comes late in 2026: its days are what the rules of the years before
give. Terms are those of a school year in Jiangsu, to a few days. Other years go by fixed dates.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from functools import lru_cache

import msgspec

_SATURDAY = 5


class DayKind(StrEnum):
    SCHOOL = "school"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"  # a public holiday in term
    VACATION = "vacation"  # winter and summer


class Span(msgspec.Struct, frozen=True, order=True):
    """Whole days, ``first`` and ``last`` included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


class SchoolCalendar(msgspec.Struct, frozen=True, kw_only=True):
    """``made_up``: days of a weekend on which school is kept (调休). ``years``: those that the spans tell all of;
    other years go by fixed dates.
    """

    years: tuple[int, ...] = ()
    vacations: tuple[Span, ...] = ()
    holidays: tuple[Span, ...] = ()
    made_up: frozenset[date] = frozenset()

    def day_kind(self, day: date) -> DayKind:
        """What kind of day ``day`` (of the district's time zone) is for a school."""
        known = day.year in self.years
        if any(day in span for span in self.vacations) if known else _usual_vacation(day):
            return DayKind.VACATION
        if any(day in span for span in self.holidays) if known else _usual_holiday(day):
            return DayKind.HOLIDAY
        if day.weekday() >= _SATURDAY and day not in self.made_up:
            return DayKind.WEEKEND
        return DayKind.SCHOOL

    def is_school_day(self, day: date) -> bool:
        return self.day_kind(day) is DayKind.SCHOOL


def _usual_vacation(day: date) -> bool:
    return day.month in (7, 8) or (1, 25) <= (day.month, day.day) <= (2, 20)


def _usual_holiday(day: date) -> bool:
    return (day.month, day.day) in ((1, 1), *((5, n) for n in range(1, 4)), *((10, n) for n in range(1, 8)))


def _span(first: str, last: str) -> Span:
    return Span(date.fromisoformat(first), date.fromisoformat(last))


USUAL = SchoolCalendar(
    years=(2026, 2027),
    holidays=(
        _span("2026-01-01", "2026-01-03"),  # New Year (元旦)
        _span("2026-02-15", "2026-02-23"),  # Spring Festival (春节)
        _span("2026-04-04", "2026-04-06"),  # Qingming (清明)
        _span("2026-05-01", "2026-05-05"),  # Labour Day (劳动节)
        _span("2026-06-19", "2026-06-21"),  # Dragon Boat Festival (端午)
        _span("2026-09-25", "2026-09-27"),  # Mid-Autumn Festival (中秋)
        _span("2026-10-01", "2026-10-07"),  # National Day (国庆)
        _span("2027-01-01", "2027-01-03"),
        _span("2027-02-05", "2027-02-13"),
        _span("2027-04-03", "2027-04-05"),
        _span("2027-05-01", "2027-05-05"),
        _span("2027-06-09", "2027-06-09"),
        _span("2027-09-15", "2027-09-15"),
        _span("2027-10-01", "2027-10-07"),
    ),
    made_up=frozenset(
        date.fromisoformat(day)
        for day in (
            "2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10",
            "2027-02-20", "2027-05-08", "2027-09-26", "2027-10-09",
        )
    ),
    vacations=(
        _span("2026-02-07", "2026-03-01"),
        _span("2026-07-04", "2026-08-31"),
        _span("2027-01-30", "2027-02-21"),
        _span("2027-07-03", "2027-08-31"),
    ),
)  # fmt: skip


@lru_cache(maxsize=64)
def day_kind(day: date) -> DayKind:
    """`SchoolCalendar.day_kind` of `USUAL`, remembered."""
    return USUAL.day_kind(day)


def is_school_day(day: date) -> bool:
    return day_kind(day) is DayKind.SCHOOL
