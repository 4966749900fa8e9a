"""Times as people write them in a scenario: durations, times of day, dates. All by China's wall clock."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple, TypeAlias

CHINA_TIME = timezone(timedelta(hours=8), "CST")
DAY_S = 86_400.0

A_DURATION = "a duration such as 250ms, 90s, 2m, 1h30m or 14d"
A_TIME_OF_DAY = "a time of day such as 21:50:00"
A_DATE = "a date and time such as 2026-03-10 21:40"

DURATION_PATTERN = r"^(?=\d)(\d+d)?(\d+h)?(\d+m(?!s))?(\d+(\.\d+)?s)?(\d+ms)?$"
TIME_OF_DAY_PATTERN = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,3})?)?$"
DATE_PATTERN = r"^\d{4}-\d\d-\d\d[ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,3})?)?$"

_PARTS = {"d": DAY_S, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class After(NamedTuple):
    """So many seconds after something."""

    seconds: float


class TimeOfDay(NamedTuple):
    """Seconds since midnight in China."""

    seconds: float


class Instant(NamedTuple):
    """Seconds since 1970 UTC."""

    at_s: float


Moment: TypeAlias = After | TimeOfDay | Instant


def duration_s(text: str) -> float | None:
    """Seconds, or None where ``text`` is no duration."""
    if re.match(DURATION_PATTERN, text, re.ASCII) is None:
        return None
    parts = re.findall(r"([\d.]+)(ms|[dhms])", text)
    return round(sum(float(number) * _PARTS[unit] for number, unit in parts), 3)


def signed_duration_s(text: str) -> float | None:
    """The same with a sign before it: ``-2h``, ``+90s``; without one it is ahead."""
    sign = -1.0 if text.startswith("-") else 1.0
    seconds = duration_s(text.removeprefix("-") if sign < 0 else text.removeprefix("+"))
    return None if seconds is None else sign * seconds


def time_of_day(text: str) -> TimeOfDay | None:
    if re.match(TIME_OF_DAY_PATTERN, text, re.ASCII) is None:
        return None
    hours, minutes, *seconds = text.split(":")
    return TimeOfDay(int(hours) * 3600.0 + int(minutes) * 60.0 + (float(seconds[0]) if seconds else 0.0))


def date(text: str) -> Instant | None:
    """A date and time of China's clock; None where ``text`` is none, or the calendar has no such day."""
    if re.match(DATE_PATTERN, text, re.ASCII) is None:
        return None
    try:
        return Instant(datetime.fromisoformat(text).replace(tzinfo=CHINA_TIME).timestamp())
    except (ValueError, OverflowError):
        return None


def midnight_s(at_s: float) -> float:
    """The beginning of the day of ``at_s`` in China."""
    return at_s - (at_s + 8 * 3600.0) % DAY_S


def next_time_s(moment: TimeOfDay, since_s: float) -> float:
    """The first such time of day that is not before ``since_s``."""
    at_s = midnight_s(since_s) + moment.seconds
    return at_s if at_s >= since_s else at_s + DAY_S


def clock(at_s: float, *, day: bool = False) -> str:
    """``21:50:00.000``, with ``day`` the date before it."""
    at = datetime.fromtimestamp(round(at_s * 1000) / 1000, CHINA_TIME)
    return at.strftime("%Y-%m-%d %H:%M:%S." if day else "%H:%M:%S.") + f"{round(at.microsecond / 1000):03d}"


def short_clock(at_s: float) -> str:
    """`clock` without what is zero at its end."""
    return clock(at_s).removesuffix(".000")


def minute_clock(at_s: float, *, day: bool = False) -> str:
    """As people write it: ``10:20``, with what is not zero behind it; with ``day`` the date before it (``03-11``)."""
    text = short_clock(at_s)
    shown = text.removesuffix(":00") if len(text) == len("10:20:00") else text
    return f"{clock(at_s, day=True)[5:10]} {shown}" if day else shown


def lasting(seconds: float) -> str:
    """A duration as people would write it: ``1h30m``, ``2.5s``."""
    if seconds < 60:
        return f"{round(seconds, 3):g}s"
    parts = []
    rest = round(seconds)
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        number, rest = divmod(rest, length)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts[:2])


def spoken(seconds: float, *, english: bool) -> str:
    """A duration in words: ``1 h 30 min``, ``31 days``; ``31 天``. What is shorter than ten seconds has a decimal."""
    if seconds < 10:
        return f"{round(seconds, 1):g} {'s' if english else '秒'}"
    parts = []
    rest = round(seconds)
    for length, one, many, chinese in _SPOKEN:
        number, rest = divmod(rest, length)
        if number:
            parts.append(f"{number} {(one if number == 1 else many) if english else chinese}")
    return " ".join(parts[:2])


_SPOKEN = (
    (86_400, "day", "days", "天"),
    (3600, "h", "h", "小时"),
    (60, "min", "min", "分钟"),
    (1, "s", "s", "秒"),
)
