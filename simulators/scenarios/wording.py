"""The words that fields of a scenario may hold, each told by what was expected when something else stands there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from simulators.scenarios.times import (
    A_DATE,
    A_DURATION,
    A_TIME_OF_DAY,
    DATE_PATTERN,
    DURATION_PATTERN,
    TIME_OF_DAY_PATTERN,
    After,
    Moment,
    date,
    duration_s,
    signed_duration_s,
    time_of_day,
)


def expected(what: str, known: Iterable[str] = ()) -> PydanticCustomError:
    """``known``: the words that would have been right."""
    return PydanticCustomError("expected", "{what}", {"what": what, "known": tuple(known)})


def _duration(value: object) -> float:
    seconds = duration_s(value) if isinstance(value, str) else None
    if seconds is None:
        raise expected(A_DURATION)
    return seconds


def _offset(value: object) -> float:
    seconds = signed_duration_s(value) if isinstance(value, str) else None
    if seconds is None:
        raise expected("how far the clock is ahead, such as 90s, or behind, such as -2h; 0s puts it right")
    return seconds


def _start(value: object) -> float:
    instant = date(value) if isinstance(value, str) else None
    if instant is None:
        raise expected(A_DATE)
    return instant.at_s


def _moment(value: object) -> Moment:
    """When a step happens."""
    if isinstance(value, str):
        if value.startswith("+") and (seconds := duration_s(value[1:])) is not None:
            return After(seconds)
        if (moment := time_of_day(value) or date(value)) is not None:
            return moment
    raise expected(f"{A_TIME_OF_DAY}, {A_DATE}, or so long after the step before, such as +90s")


def _limit(value: object) -> Moment:
    """Until when something is wanted, counted from the action before it."""
    if isinstance(value, str):
        if (seconds := duration_s(value)) is not None:
            return After(seconds)
        if (moment := time_of_day(value) or date(value)) is not None:
            return moment
    raise expected(f"{A_DURATION} after the action, or {A_TIME_OF_DAY}")


def _scalar(value: object) -> str | int | float | bool:
    if isinstance(value, str | int | float | bool):
        return value
    raise expected("a text, a number, true or false")


def _text_schema(*patterns: str, example: str) -> WithJsonSchema:
    one = patterns[0] if len(patterns) == 1 else None
    schema: dict[str, Any] = {"type": "string", "examples": [example]}
    schema |= {"pattern": one} if one else {"anyOf": [{"pattern": pattern} for pattern in patterns]}
    return WithJsonSchema(schema)


_AFTER_PATTERN = DURATION_PATTERN.replace("^", r"^\+", 1)
_OFFSET_PATTERN = DURATION_PATTERN.replace("^", "^[-+]?", 1)

Duration = Annotated[float, PlainValidator(_duration), _text_schema(DURATION_PATTERN, example="2m")]
Offset = Annotated[float, PlainValidator(_offset), _text_schema(_OFFSET_PATTERN, example="-2h")]
Start = Annotated[float, PlainValidator(_start), _text_schema(DATE_PATTERN, example="2026-03-10 21:40")]
At = Annotated[
    Moment,
    PlainValidator(_moment),
    _text_schema(TIME_OF_DAY_PATTERN, DATE_PATTERN, _AFTER_PATTERN, example="21:50:00"),
]
Limit = Annotated[
    Moment,
    PlainValidator(_limit),
    _text_schema(DURATION_PATTERN, TIME_OF_DAY_PATTERN, DATE_PATTERN, example="1s"),
]

Scalar = Annotated[
    str | int | float | bool,
    PlainValidator(_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]


def one_of(words: Iterable[str]) -> Any:
    """The validator and schema of a field that takes one of ``words``."""
    known = tuple(words)

    def check(value: object) -> str:
        if isinstance(value, str) and value in known:
            return value
        raise expected(f"one of {', '.join(known)}", known)

    return PlainValidator(check), WithJsonSchema({"type": "string", "enum": list(known)})
