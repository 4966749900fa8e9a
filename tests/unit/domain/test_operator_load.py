from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.operator_load import SLOT, Answers, load_of

SINCE = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)


def slots(*calls: int) -> dict[datetime, int]:
    return {SINCE + place * SLOT: count for place, count in enumerate(calls) if count}


def test_a_quiet_period_has_no_peak_and_no_flood() -> None:
    load = load_of({}, since=SINCE, until=SINCE + timedelta(hours=24), operators=1)
    assert (load.calls, load.mean, load.peak, load.peak_at, load.flood_share, load.floods) == (0, 0, 0, None, 0, ())


def test_calls_are_counted_for_each_operator() -> None:
    load = load_of(slots(2, 0, 4), since=SINCE, until=SINCE + 3 * SLOT, operators=2)
    assert load.mean == pytest.approx(1.0)
    assert (load.calls, load.peak, load.peak_at) == (6, 2.0, SINCE + 2 * SLOT)


def test_a_flood_begins_above_ten_and_ends_below_five() -> None:
    load = load_of(slots(10, 11, 6, 5, 4, 12), since=SINCE, until=SINCE + 6 * SLOT, operators=1)
    assert [(f.began_at - SINCE, f.ended_at - SINCE, f.calls) for f in load.floods] == [
        (SLOT, 4 * SLOT, 22),
        (5 * SLOT, 6 * SLOT, 12),
    ]
    assert load.flood_share == pytest.approx(4 / 6)
    assert load_of(slots(20), since=SINCE, until=SINCE + SLOT, operators=2).floods == ()


def test_a_slot_that_is_cut_short_counts_for_its_part_of_the_mean() -> None:
    load = load_of(slots(1, 1), since=SINCE, until=SINCE + SLOT + SLOT / 2, operators=1)
    assert load.calls == 2
    assert load.mean == pytest.approx(2 / 1.5)


def test_shares_of_answers_are_of_all_calls() -> None:
    assert Answers(calls=0, acknowledged=0, within_30_s=0, within_60_s=0, median_s=None).shares == (None, None)
    assert Answers(calls=4, acknowledged=3, within_30_s=2, within_60_s=3, median_s=20.0).shares == (0.5, 0.75)
