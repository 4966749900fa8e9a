"""The calendar that the simulated schools keep: terms, weekends, public holidays, days that make up for them.

2026 follows the State Council's notice of public holidays. That of 2027 comes late in 2026: its days are what the rules
of the years before give. Terms are those of a school year in Jiangsu, to a few days. Other years go by fixed dates.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

_SATURDAY: Final = 5


class DayKind(StrEnum):
    SCHOOL = "school"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"  # a public holiday in term
    VACATION = "vacation"  # winter and summer


def _days(first: str, last: str) -> Iterator[date]:
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    while day <= end:
        yield day
        day += timedelta(days=1)


#: First and last day.
_HOLIDAYS: Final = (
    ("2026-01-01", "2026-01-03"),  # New Year (元旦)
    ("2026-02-15", "2026-02-23"),  # Spring Festival (春节)
    ("2026-04-04", "2026-04-06"),  # Qingming (清明)
    ("2026-05-01", "2026-05-05"),  # Labour Day (劳动节)
    ("2026-06-19", "2026-06-21"),  # Dragon Boat Festival (端午)
    ("2026-09-25", "2026-09-27"),  # Mid-Autumn Festival (中秋)
    ("2026-10-01", "2026-10-07"),  # National Day (国庆)
    ("2027-01-01", "2027-01-03"),
    ("2027-02-05", "2027-02-13"),
    ("2027-04-03", "2027-04-05"),
    ("2027-05-01", "2027-05-05"),
    ("2027-06-09", "2027-06-09"),
    ("2027-09-15", "2027-09-15"),
    ("2027-10-01", "2027-10-07"),
)
#: Days of a weekend on which school is kept (调休).
_MADE_UP: Final = frozenset(
    date.fromisoformat(day)
    for day in (
        "2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10",
        "2027-02-20", "2027-05-08", "2027-09-26", "2027-10-09",
    )
)  # fmt: skip
_VACATIONS: Final = (
    ("2026-02-07", "2026-03-01"),
    ("2026-07-04", "2026-08-31"),
    ("2027-01-30", "2027-02-21"),
    ("2027-07-03", "2027-08-31"),
)
_KNOWN_YEARS: Final = (2026, 2027)
_HOLIDAY: Final = frozenset(day for first, last in _HOLIDAYS for day in _days(first, last))
_VACATION: Final = frozenset(day for first, last in _VACATIONS for day in _days(first, last))


@lru_cache(maxsize=64)
def day_kind(day: date) -> DayKind:
    """What kind of day ``day`` (China's date) is for a school."""
    known = day.year in _KNOWN_YEARS
    if day in _VACATION if known else _usual_vacation(day):
        return DayKind.VACATION
    if day in _HOLIDAY if known else _usual_holiday(day):
        return DayKind.HOLIDAY
    if day.weekday() >= _SATURDAY and day not in _MADE_UP:
        return DayKind.WEEKEND
    return DayKind.SCHOOL


def is_school_day(day: date) -> bool:
    return day_kind(day) is DayKind.SCHOOL


def _usual_vacation(day: date) -> bool:
    return day.month in (7, 8) or (1, 25) <= (day.month, day.day) <= (2, 20)


def _usual_holiday(day: date) -> bool:
    return (day.month, day.day) in ((1, 1), *((5, n) for n in range(1, 4)), *((10, n) for n in range(1, 8)))
