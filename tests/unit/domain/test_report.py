"""The two-hour clock: from when a receipt counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.report import counted_from


@pytest.mark.parametrize(
    ("late_s", "most_late", "counts_s"),
    [(0, 300, 0), (300, 300, 0), (301, 300, 301), (9000, None, 0)],
)
def test_a_receipt_that_was_written_down_long_after_its_time_counts_from_then(
    late_s: int, most_late: int | None, counts_s: int
) -> None:
    at = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
    most = None if most_late is None else timedelta(seconds=most_late)
    counted = counted_from(at, at + timedelta(seconds=late_s), most_late=most)
    assert counted == at + timedelta(seconds=counts_s)
    assert counted_from(at, None, most_late=most) == at
