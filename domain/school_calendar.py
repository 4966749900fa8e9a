"""Which days school is kept: terms, weekends, public holidays and the days that make up for them.

A district keeps its own calendar in the database; `USUAL` is what holds where it has none. 2026 follows the State
Council's notice of public holidays. That of 2027 comes late in 2026: its days are what the rules of the years before
give. Terms are those of a school year in Jiangsu, to a few days. Other years go by fixed dates.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
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


class SpanKind(StrEnum):
    """What a calendar says of some days."""

    VACATION = "vacation"  # 寒暑假
    HOLIDAY = "holiday"  # 节假日
    MADE_UP = "made_up"  # 调休上学


class CalendarSpan(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Days of one year, ``first`` and ``last`` included."""

    first: date
    last: date
    kind: SpanKind
    name: str = ""


class CalendarYear(msgspec.Struct, frozen=True, kw_only=True):
    """All that a district says of one year: what no span names is an ordinary day."""

    year: int
    spans: tuple[CalendarSpan, ...]


def calendar_of(years: Iterable[CalendarYear], *, beside: SchoolCalendar) -> SchoolCalendar:
    """The calendar that ``years`` tell; a year that is not among them goes by ``beside``."""
    told = {one.year: one for one in years}
    if not told:
        return beside
    spans = [span for one in told.values() for span in one.spans]

    def rest(kept: Iterable[Span]) -> list[Span]:
        return [part for span in kept for part in _of_other_years(span, told)]

    return SchoolCalendar(
        years=tuple(sorted({*beside.years, *told})),
        vacations=_sorted(spans, SpanKind.VACATION, rest(beside.vacations)),
        holidays=_sorted(spans, SpanKind.HOLIDAY, rest(beside.holidays)),
        made_up=frozenset(day for day in beside.made_up if day.year not in told)
        | {day for span in spans if span.kind is SpanKind.MADE_UP for day in days_of(span)},
    )


def calendar_years(calendar: SchoolCalendar) -> list[CalendarYear]:
    """The years that ``calendar`` tells all of, as a district would say them."""
    found: list[CalendarYear] = []
    for year in sorted(calendar.years):
        first, last = date(year, 1, 1), date(year, 12, 31)
        spans = [
            CalendarSpan(first=max(span.first, first), last=min(span.last, last), kind=kind)
            for kind, among in ((SpanKind.VACATION, calendar.vacations), (SpanKind.HOLIDAY, calendar.holidays))
            for span in among
            if span.first <= last and span.last >= first
        ]
        spans += [
            CalendarSpan(first=day, last=day, kind=SpanKind.MADE_UP) for day in calendar.made_up if day.year == year
        ]
        found.append(CalendarYear(year=year, spans=tuple(sorted(spans))))
    return found


def days_of(span: CalendarSpan) -> list[date]:
    return [date.fromordinal(day) for day in range(span.first.toordinal(), span.last.toordinal() + 1)]


def _sorted(spans: Iterable[CalendarSpan], kind: SpanKind, rest: Iterable[Span]) -> tuple[Span, ...]:
    return tuple(sorted([*rest, *(Span(span.first, span.last) for span in spans if span.kind is kind)]))


def _of_other_years(span: Span, told: Container[int]) -> list[Span]:
    """The parts of ``span`` in years that are not ``told``."""
    return [
        Span(max(span.first, date(year, 1, 1)), min(span.last, date(year, 12, 31)))
        for year in range(span.first.year, span.last.year + 1)
        if year not in told
    ]


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
