"""Words of a document that are more than text: durations, times of day, names of things that are known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

A_DURATION = "a duration such as 90s, 10m, 1h30m or 7d"
_DURATION = re.compile(r"^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?$", re.ASCII)
_PARTS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_TIME = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$", re.ASCII)

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"


def expected(what: str, known: Iterable[str] = ()) -> PydanticCustomError:
    return PydanticCustomError("expected", "{what}", {"what": what, "known": list(known)})


def duration_s(value: Any) -> float:
    if not isinstance(value, str) or _DURATION.match(value) is None:
        raise expected(A_DURATION)
    return sum(float(number) * _PARTS[unit] for number, unit in re.findall(r"(\d+)([dhms])", value))


def duration_text(seconds: float) -> str:
    """``1h30m``; the form in which it is read."""
    rest, text = round(seconds), ""
    for unit, length in _PARTS.items():
        number, rest = divmod(rest, int(length))
        text += f"{number}{unit}" if number else ""
    return text or "0s"


def _minute(value: Any) -> int:
    if not isinstance(value, str) or _TIME.match(value) is None:
        raise expected("a time of day such as 07:30, in quotes")
    hours, minutes = value.split(":")
    return int(hours) * 60 + int(minutes)


def one_of(known: Iterable[str], what: str = "") -> tuple[Any, ...]:
    """For `Annotated[str, *one_of(...)]`."""
    words = tuple(map(str, known))

    def check(value: str) -> str:
        if value not in words:
            raise expected(what or f"one of {', '.join(words)}", words)
        return value

    return (AfterValidator(check), WithJsonSchema({"enum": list(words)}))


Duration = Annotated[
    float,
    BeforeValidator(duration_s),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern, "description": A_DURATION}),
]
MinuteOfDay = Annotated[int, BeforeValidator(_minute), WithJsonSchema({"type": "string", "pattern": _TIME.pattern})]
Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=300)]
Name = Annotated[str, StringConstraints(strict=True, pattern=NAME_PATTERN)]
