"""Times and days as the API takes them: RFC 3339, times with a zone, and nothing else."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator

_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})", re.ASCII)
_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _written_out(value: Any) -> Any:
    if isinstance(value, str | int | float) and not (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        raise ValueError("expected a time with its zone, such as 2026-03-02T09:30:00+08:00")
    return value


def _day_written_out(value: Any) -> Any:
    if not isinstance(value, date) and not (isinstance(value, str) and _FULL_DATE.fullmatch(value)):
        raise ValueError("expected a day, such as 2026-03-02")
    return value


# Pydantic by itself takes a bare number for seconds since 1970.
Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
#: A day that somebody says.
SaidDay = Annotated[date, BeforeValidator(_day_written_out)]
