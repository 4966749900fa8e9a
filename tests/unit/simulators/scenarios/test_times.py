from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.scenarios.times import (
    CHINA_TIME,
    TimeOfDay,
    clock,
    date,
    duration_s,
    lasting,
    next_time_s,
    signed_duration_s,
    spoken,
    time_of_day,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("90s", 90), ("1.5s", 1.5), ("2m", 120), ("1h30m", 5400), ("14d", 1_209_600), ("1m250ms", 60.25)],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "90", "s", "-90s", "+90s", "30m1h", "1.5h", "90 s", "1h 30m", "1e3s", "９０s", "1w"]
)
def test_what_is_no_duration_is_none(text: str) -> None:
    assert duration_s(text) is None


def test_an_offset_may_be_ahead_or_behind() -> None:
    assert [signed_duration_s(text) for text in ("-2h", "+90s", "90s", "0s")] == [-7200, 90, 90, 0]
    assert signed_duration_s("+-1s") is None


def test_a_time_of_day_has_hours_and_minutes_at_least() -> None:
    assert time_of_day("21:50") == time_of_day("21:50:00") == TimeOfDay(78_600.0)
    assert time_of_day("00:00:00.250") == TimeOfDay(0.25)
    assert [time_of_day(text) for text in ("24:00", "9:00", "21:60", "21:50:61", "21")] == [None] * 5


def test_a_date_is_by_chinas_clock() -> None:
    found = date("2026-03-10 21:40")
    assert found is not None
    assert found.at_s == datetime(2026, 3, 10, 13, 40, tzinfo=CHINA_TIME).timestamp() + 8 * 3600
    assert date("2026-03-10T21:40:00") == found
    assert date("2026-02-30 21:40") is None


@given(st.integers(0, 4_000_000_000), st.floats(0, 86_399))
def test_the_next_time_of_day_is_within_a_day_and_never_before(since: int, of_day: float) -> None:
    found = next_time_s(TimeOfDay(of_day), float(since))
    assert since <= found <= since + 86_400 + 1e-3
    assert abs((found + 8 * 3600 - of_day) % 86_400) < 1e-3 or abs((found + 8 * 3600 - of_day) % 86_400 - 86_400) < 1e-3


def test_the_clock_shows_milliseconds_and_never_a_thousand_of_them() -> None:
    start = date("2026-03-10 21:50")
    assert start is not None
    assert clock(start.at_s + 0.0419) == "21:50:00.042"
    assert clock(start.at_s + 59.9996) == "21:51:00.000"
    assert clock(start.at_s, day=True) == "2026-03-10 21:50:00.000"


def test_a_duration_is_told_as_people_would_write_it() -> None:
    assert [lasting(seconds) for seconds in (0.9, 59, 60, 5400, 1_209_600, 90_061)] == [
        "0.9s",
        "59s",
        "1m",
        "1h30m",
        "14d",
        "1d1h",
    ]


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (31 * 86_400, "31 days", "31 天"),
        (86_400, "1 day", "1 天"),
        (5400, "1 h 30 min", "1 小时 30 分钟"),
        (70, "1 min 10 s", "1 分钟 10 秒"),
        (29.04, "29 s", "29 秒"),
        (1.46, "1.5 s", "1.5 秒"),
        (59.9, "1 min", "1 分钟"),
    ],
)
def test_a_duration_is_told_in_words(seconds: float, english: str, chinese: str) -> None:
    assert spoken(seconds, english=True) == english
    assert spoken(seconds, english=False) == chinese
