from __future__ import annotations

from datetime import date, timedelta

import pytest

from domain.school_calendar import DayKind, day_kind, is_school_day


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2026-03-10", DayKind.SCHOOL),  # a Tuesday in term
        ("2026-03-14", DayKind.WEEKEND),
        ("2026-10-02", DayKind.HOLIDAY),
        ("2026-10-10", DayKind.SCHOOL),  # a Saturday that makes up for the National Day week
        ("2026-09-20", DayKind.SCHOOL),  # a Sunday that does
        ("2026-02-17", DayKind.VACATION),  # Spring Festival lies in the winter vacation
        ("2026-02-14", DayKind.VACATION),  # made up for by others, not by schools on vacation
        ("2026-08-03", DayKind.VACATION),
        ("2027-04-05", DayKind.HOLIDAY),
        ("2031-10-01", DayKind.HOLIDAY),
        ("2031-07-15", DayKind.VACATION),
        ("2031-03-11", DayKind.SCHOOL),
    ],
)
def test_a_day_is_what_the_calendar_says(day: str, kind: DayKind) -> None:
    assert day_kind(date.fromisoformat(day)) is kind


@pytest.mark.parametrize("year", [2026, 2027, 2030])
def test_a_school_year_has_about_two_hundred_school_days(year: int) -> None:
    days = [date(year, 1, 1) + timedelta(days=number) for number in range(365)]
    assert 180 < sum(map(is_school_day, days)) < 215


@pytest.mark.parametrize("year", [2026, 2027])
def test_whoever_has_a_weekday_off_makes_up_for_some_of_them(year: int) -> None:
    days = [date(year, 1, 1) + timedelta(days=number) for number in range(365)]
    made_up = [day for day in days if day.weekday() >= 5 and is_school_day(day)]
    assert made_up
    for day in made_up:
        near = [day + timedelta(days=number) for number in range(-14, 15)]
        assert any(day_kind(one) is DayKind.HOLIDAY and one.weekday() < 5 for one in near), day
