from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.lockout import BOUNDS, FORGOTTEN_AFTER, Count, Failures, counts_of, held_until, network_of, wait_after

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
PAIR = BOUNDS[Count.PAIR]


def _failed(number: int, *, s_ago: float = 0.0) -> Failures:
    return Failures(number, NOW - timedelta(seconds=s_ago))


def test_the_first_failures_cost_nothing_and_each_further_one_twice_as_much_up_to_a_bound() -> None:
    waits = [wait_after(number, PAIR).total_seconds() for number in range(3, 13)]
    assert waits == [0, 0, 30, 60, 120, 240, 480, 900, 900, 900]
    assert wait_after(10**6, PAIR) == timedelta(seconds=PAIR.longest_s)


def test_a_wait_ends_by_itself() -> None:
    assert held_until({Count.PAIR: _failed(5, s_ago=29)}, at_home=False, now=NOW) == NOW + timedelta(seconds=1)
    assert held_until({Count.PAIR: _failed(5, s_ago=30)}, at_home=False, now=NOW) is None


@pytest.mark.parametrize("count", [Count.ADDRESS, Count.ACCOUNT])
def test_nobody_is_locked_out_at_home_by_what_others_try(count: Count) -> None:
    failed = {count: _failed(10_000)}
    assert held_until(failed, at_home=False, now=NOW) is not None
    assert held_until(failed, at_home=True, now=NOW) is None


def test_guessing_at_home_waits_all_the_same() -> None:
    assert held_until({Count.PAIR: _failed(6)}, at_home=True, now=NOW) is not None


def test_what_failed_yesterday_is_forgotten() -> None:
    old = {Count.PAIR: _failed(50, s_ago=FORGOTTEN_AFTER.total_seconds())}
    assert held_until(old, at_home=False, now=NOW) is None


def test_what_is_no_name_is_counted_by_its_address_alone() -> None:
    assert counts_of("", "10.0.0.1") == {Count.ADDRESS: "address 10.0.0.1"}
    assert len(counts_of("admin", "10.0.0.1")) == 3


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_one_who_has_many_addresses_counts_as_one(address: str, network: str) -> None:
    assert network_of(address) == network
