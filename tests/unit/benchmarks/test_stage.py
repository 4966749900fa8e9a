"""What several benchmarks share: turns, spreads, differences, free ports."""

from __future__ import annotations

import socket

import pytest

from benchmarks.books import differences
from benchmarks.control_room import ports_in_a_row
from benchmarks.neighbour import LOUD, SILENT, windows_in_turn
from benchmarks.stage import Spread


def test_turns_are_even_and_do_not_drift_with_time() -> None:
    turns = windows_in_turn(4)
    assert turns == [SILENT, LOUD, LOUD, SILENT, SILENT, LOUD, LOUD, SILENT]
    places = {said: [place for place, one in enumerate(turns) if one == said] for said in (SILENT, LOUD)}
    assert sum(places[SILENT]) == sum(places[LOUD])


def test_a_spread_is_in_the_unit_asked_for() -> None:
    spread = Spread.of([0.001 * number for number in range(101)], unit=1e-3)
    assert (spread.n, spread.p50, spread.p99, spread.most) == pytest.approx((101, 50.0, 99.0, 100.0))
    assert Spread.of([]) == (0, 0.0, 0.0, 0.0)
    assert Spread.of([2.0]) == (1, 2.0, 2.0, 2.0)


def test_only_differences_are_faults() -> None:
    assert differences({"rows": (1000, 1000), "stored": (999, 1000)}) == ["stored: expected 1,000, got 999"]


def test_ports_in_a_row_can_all_be_listened_on() -> None:
    first = ports_in_a_row(3)
    for port in range(first, first + 3):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
