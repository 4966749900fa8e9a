"""What a tried rule would have raised beside what the rule in force would have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from campuswatch.backtest import Tried, Trouble
from campuswatch.trial_process import LISTED, compared

AT = datetime(2026, 3, 2, tzinfo=UTC)


def _trouble(key: str, begin: int, end: int | None) -> Trouble:
    """Minutes after `AT`."""
    return Trouble(
        key=key,
        site_id=key.partition("/")[0],
        device_id="d",
        raised_at=AT + timedelta(minutes=begin),
        ended_at=None if end is None else AT + timedelta(minutes=end),
    )


def _tried(*raised: Trouble) -> Tried:
    return Tried(
        rule="r",
        since=AT,
        until=AT + timedelta(days=1),
        site_id=None,
        observations=10,
        seconds=1.0,
        raised=list(raised),
        incidents=0,
        missed=[],
    )


def test_troubles_of_one_key_that_overlap_are_the_same() -> None:
    tried = _tried(_trouble("a/d", 10, 20), _trouble("a/d", 50, None), _trouble("b/d", 10, 20))
    today = _tried(_trouble("a/d", 15, 30), _trouble("c/d", 0, 5), _trouble("b/d", 21, 22))
    result = compared(tried, today)
    assert (result.raised, result.today, result.new, result.gone, result.sites) == (3, 3, 2, 2, 2)
    assert [(line.mark, line.key) for line in result.lines] == [
        ("gone", "c/d"),
        ("new", "b/d"),
        ("gone", "b/d"),
        ("new", "a/d"),
        ("both", "a/d"),
    ]


def test_without_a_rule_in_force_everything_is_new() -> None:
    result = compared(_tried(_trouble("a/d", 1, 2)), None)
    assert (result.today, result.new, result.gone, [line.mark for line in result.lines]) == (None, 1, 0, ["new"])


def test_all_are_counted_and_some_are_listed() -> None:
    result = compared(_tried(*(_trouble("a/d", 2 * one, 2 * one + 1) for one in range(LISTED + 5))), None)
    assert (result.raised, len(result.lines)) == (LISTED + 5, LISTED)
