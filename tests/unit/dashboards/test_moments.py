from __future__ import annotations

from datetime import date

import pytest
from pydantic import TypeAdapter, ValidationError

from dashboards.moments import Moment, SaidDay

TIMES = TypeAdapter[object](Moment)
DAYS = TypeAdapter[object](SaidDay)


@pytest.mark.parametrize(
    "text", ["2026-03-02T09:30:00+08:00", "2026-03-02T01:30:00Z", "2026-03-02t01:30:00.25z", "2026-03-02 01:30+0000"]
)
def test_a_time_with_its_zone_is_taken(text: str) -> None:
    TIMES.validate_python(text)


@pytest.mark.parametrize("value", ["0.5", "1772415000", 1772415000, 0.5, True, "2026-03-02", "2026-03-02T09:30:00", ""])
def test_neither_seconds_nor_days_nor_times_without_a_zone_are(value: object) -> None:
    with pytest.raises(ValidationError, match="zone"):
        TIMES.validate_python(value)


def test_the_document_says_what_is_wanted() -> None:
    assert TIMES.json_schema() == {"type": "string", "format": "date-time"}


@pytest.mark.parametrize("value", ["0", "1772415000", 0, 0.0, True, "2026-03-02T00:00:00Z", "20260302", "", None])
def test_a_day_is_written_out(value: object) -> None:
    with pytest.raises(ValidationError, match="expected a day"):
        DAYS.validate_python(value)


def test_a_day_that_is_written_out_is_taken() -> None:
    assert DAYS.validate_python("2026-03-02") == date(2026, 3, 2)
