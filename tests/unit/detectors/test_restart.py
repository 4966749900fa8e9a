"""A restart changes nothing: an engine that was killed and restored finds what one finds that lived on."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.engine import Engine
from detectors.rules import bulk_rules
from detectors.rules.heartbeat_lost import DEAF_AFTER_S, MISSED_INTERVALS, SETTLE_S, HeartbeatLost
from domain.finding import FindingKind
from domain.liveness import Reason
from tests.unit.detectors.histories import DEVICES, HISTORIES, Kept, Writer, live, memory
from tests.unit.detectors.sayings import at, heartbeat

THOROUGH = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@THOROUGH
@given(HISTORIES, st.data())
def test_a_restart_that_takes_no_time_changes_neither_what_is_found_nor_what_is_remembered(
    steps: list[Any], data: st.DataObject
) -> None:
    """Several restarts, in the middle of a batch (what was not committed is heard again) or right after a commit."""
    batches = Writer().write(steps)
    places = st.sets(st.integers(0, len(batches) - 1), max_size=4)
    before, after = data.draw(places, "dies before"), data.draw(places, "dies after")
    never, often = live(batches, Kept()), live(batches, Kept(), dies_before=before, dies_after=after)
    assert often.found == never.found
    assert often.kept.liveness == never.kept.liveness
    assert often.kept.states == never.kept.states
    assert memory(often) == memory(never)


#: A device that came back within its time waited on for the longer time that those have of whom nothing was heard yet:
#: looked at too late, it was lost by itself where the restored engine saw a site fall silent.
RETURNED_AND_FELL_SILENT: list[tuple[Any, ...]] = [
    ("say", 1, "battery", 61.0),
    ("enrol", 3, 5),
    ("say", 3, "state", 18.0),
    ("commit",),
    ("deaf", 9.0),
    ("pass", 5.0),
    ("say", 3, "whole", 57.0),
    ("set the clock", 0, -7200.0),
    ("commit",),
    ("commit",),
    ("everybody says", 49.0),
    ("commit",),
    ("say", 5, "reading", 18.0),
    ("all but some say", {8, 9, 4, 6}, 3),
    ("say", 3, "battery", 75.0),
    ("retire", 2),
    ("backfill", 3, 61.0, 59.0, 2),
    ("heat", 1, 0.0),
    ("pass", 30.0),
    ("commit",),
    ("commit",),
    ("resumed",),
    ("set the clock", 0, 280.0),
    ("say", 3, "reading", 61.0),
]


def test_a_site_that_falls_silent_after_some_of_it_came_back_does_so_after_a_restart_as_well() -> None:
    batches = Writer().write(RETURNED_AND_FELL_SILENT)
    never, often = live(batches, Kept()), live(batches, Kept(), dies_before={4, 6, 8, 9})
    assert often.found == never.found
    assert {one.rule for one in never.found} >= {"site_silent", "area_silent"}
    assert often.kept.liveness == never.kept.liveness
    assert often.kept.states == never.kept.states
    assert memory(often) == memory(never)


@THOROUGH
@given(HISTORIES)
def test_who_is_overdue_and_who_is_behind_something_follows_from_what_is_kept(steps: list[Any]) -> None:
    """Nobody waits longer than until his deadline, whatever brought it forward, and nobody is behind what is alive."""
    engine = Engine(bulk_rules())
    lost = next(rule for rule in engine._rules.values() if isinstance(rule, HeartbeatLost))
    for batch in Writer().write(steps):
        for deed in batch.deeds:
            deed(engine)
            for number, life in lost.lives.items():
                if (device := lost._devices.get(number)) is None:
                    continue
                if not lost._is_settled(life) and number not in lost._overdue:
                    assert 0 < life.slot <= lost._deadline_s(device, life)
                if life.reason is Reason.BEHIND and not lost._rewired:
                    assert lost._is_behind(number)
        engine.changes()


#: What was said while nobody heard, and reaches us afterwards.
MEANWHILE = st.lists(
    st.tuples(
        st.just("say late"),
        st.integers(0, len(DEVICES) - 1),
        st.sampled_from(["heartbeat", "reading", "tamper"]),
        st.sampled_from([20.0, 80.0]),
        st.floats(0.0, 90.0),
    ),
    max_size=10,
)


@THOROUGH
@given(HISTORIES, st.sampled_from([2.0, 9.0, 11.0, 95.0, 700.0, 8000.0]), MEANWHILE, HISTORIES)
def test_a_restart_that_takes_time_is_deafness_of_the_same_length(
    before: list[Any], gap_s: float, meanwhile: list[Any], after: list[Any]
) -> None:
    """Equal are all findings, all that is kept and all that is remembered. Nobody is lost before he had his time."""
    writer = Writer()
    batches = writer.write([*before, ("deaf", gap_s), *meanwhile, *after])
    died_after = {place for place, _, _ in writer.deaf}
    deaf, restarted = live(batches, Kept()), live(batches, Kept(), dies_after=died_after)
    assert restarted.found == deaf.found
    assert restarted.kept.liveness == deaf.kept.liveness
    assert restarted.kept.states == deaf.kept.states
    assert memory(restarted) == memory(deaf)
    patience = {one.device_no: max(MISSED_INTERVALS * 5, SETTLE_S) for one in DEVICES}
    for _, last_s, next_s in writer.deaf:
        if next_s - last_s <= DEAF_AFTER_S:
            continue
        for found in restarted.found:
            if found.rule == "heartbeat_lost" and found.kind is FindingKind.RAISED:
                assert not at(next_s) < found.found_at < at(next_s + patience[found.device_no or 0])


def test_a_process_that_dies_again_and_again_leaves_no_endless_log() -> None:
    kept, registered = Kept(), {one.device_no: one for one in DEVICES}
    engine = Engine(bulk_rules())
    engine.enrol(DEVICES, at(0))
    most = 0
    for second in range(0, 3000, 5):
        for one in DEVICES:
            engine.observe(heartbeat(second, of=one))
        engine.tick(at(second))
        kept.commit(engine)
        most = max(most, len(kept.marks))
        if second % 50 == 0:
            engine = kept.engine(registered, second)
    assert most <= 20


def test_a_process_that_lives_on_leaves_no_endless_log_either() -> None:
    kept, engine = Kept(), Engine(bulk_rules())
    engine.enrol(DEVICES, at(0))
    engine.observe(heartbeat(0, of=DEVICES[0]))
    most = 0
    for second in range(1, 3600):
        engine.observe(heartbeat(second, of=DEVICES[1]))
        engine.tick(at(second))
        kept.commit(engine)
        most = max(most, len(kept.marks))
    assert most <= 601, "two generations"
    again = kept.engine({one.device_no: one for one in DEVICES}, 3600)
    assert again.observe(heartbeat(3600, of=DEVICES[0])) != (), "who was silent for an hour is known to be"


def test_marks_of_another_version_are_left_alone() -> None:
    kept, engine = Kept(), Engine(bulk_rules())
    engine.enrol(DEVICES, at(0))
    engine.observe(heartbeat(0, of=DEVICES[0]))
    kept.commit(engine)
    kept.marks = [type(mark)(mark.generation, b"\xc1 not ours") for mark in kept.marks]
    again = kept.engine({one.device_no: one for one in DEVICES}, 1)
    assert again.observe(heartbeat(1, of=DEVICES[0])) == []
