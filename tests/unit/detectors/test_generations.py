"""A generation of marks ends a few devices at a time, and what a restart reads is bounded by the number of devices."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors import engine as engines
from detectors.engine import GENERATION_S, Engine
from detectors.packing import packed, unpacked
from detectors.rules import bulk_rules
from tests.unit.detectors.histories import HISTORIES, Kept, Writer, live, memory
from tests.unit.detectors.sayings import at, device, heartbeat

CROWD = [device(number, heartbeat_s=3600) for number in range(1, 201)]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES, st.data(), st.integers(1, 9), st.sampled_from([0, 300, 3000]))
def test_a_restart_in_the_middle_of_a_generations_end_changes_nothing(
    steps: list[Any], data: st.DataObject, few: int, room: int
) -> None:
    batches = Writer().write(steps)
    places = st.sets(st.integers(0, len(batches) - 1), max_size=6)
    before, after = data.draw(places, "dies before"), data.draw(places, "dies after")
    with (
        patch.object(engines, "SLICE", few),
        patch.object(engines, "GENERATION_BYTES", room),
        patch.object(engines, "BYTES_A_DEVICE", 0),
    ):
        never, often = live(batches, Kept()), live(batches, Kept(), dies_before=before, dies_after=after)
        assert often.found == never.found
        assert often.kept.liveness == never.kept.liveness
        assert often.kept.states == never.kept.states
        assert memory(often) == memory(never)


def test_no_entry_holds_more_of_the_silent_than_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "SLICE", 20)
    kept, engine = Kept(), Engine(bulk_rules())
    engine.enrol(CROWD, at(0))
    _everybody_speaks(engine, 0)
    engine.tick(at(0))
    kept.commit(engine)
    engine = kept.engine({one.device_no: one for one in CROWD}, 0)
    written: list[int] = []
    for second in range(1, int(GENERATION_S) + 30):
        engine.tick(at(second))
        entries = [msgspec.msgpack.decode(mark.entry) for mark in engine.changes().marks if mark.entry]
        written.append(sum(len(entry["heartbeat_lost"]) - 1 for entry in entries))
    assert sum(written) == len(CROWD)
    assert max(written) <= 20


def test_what_a_restart_reads_is_bounded_by_the_devices_however_much_they_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engines, "GENERATION_BYTES", 1)
    monkeypatch.setattr(engines, "SLICE", 20)
    kept, engine = Kept(), Engine(bulk_rules())
    engine.enrol(CROWD, at(0))
    most = 0
    for second in range(int(GENERATION_S) - 10):  # the time alone ends none
        _everybody_speaks(engine, second)
        engine.tick(at(second))
        kept.commit(engine)
        most = max(most, sum(len(mark.entry) for mark in kept.marks))
    of_one_commit = 34 * len(CROWD)
    assert most < 40 * of_one_commit


def _everybody_speaks(engine: Engine, second: float) -> None:
    for one in CROWD:
        engine.observe(heartbeat(second, of=one))


@given(st.lists(st.tuples(st.integers(1, 2**31 - 1), st.floats(allow_nan=False), st.floats(allow_nan=False))))
def test_numbers_are_unpacked_as_they_were(rows: list[tuple[int, float, float]]) -> None:
    row = list(packed([number for row in rows for number in row]))
    assert list(unpacked(msgspec.msgpack.decode(msgspec.msgpack.encode(row)), 3)) == rows


def test_what_was_packed_in_another_width_is_left_alone() -> None:
    assert list(unpacked(packed([1.0, 2.0, 3.0]), 4)) == []
