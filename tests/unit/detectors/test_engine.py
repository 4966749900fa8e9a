from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from detectors.engine import Engine
from detectors.rules import alarm_rules, bulk_rules
from domain.device import DeviceKind
from domain.finding import Finding
from domain.liveness import LivenessChange
from domain.observation import EventKind, Heartbeat, Observation
from tests.unit.detectors.sayings import alarm, at, device, event, heartbeat, reading

DEVICES = tuple(device(number, heartbeat_s=30) for number in (1, 2, 3))


def _engine() -> Engine:
    engine = Engine(bulk_rules())
    engine.enrol(DEVICES, at(0))
    return engine


def _said(step: tuple[int, int, str, float], now_s: float) -> Observation:
    _, number, what, value = step
    who = DEVICES[number]
    match what:
        case "heartbeat":
            return heartbeat(now_s, of=who, battery_pct=abs(value))
        case "reading":
            return reading(now_s, value, of=who)
        case _:
            return event(now_s, EventKind.TAMPER, value > 0, of=who)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.integers(0, 2),
        st.sampled_from(["heartbeat", "reading", "event"]),
        st.floats(-10, 100),
    ),
    max_size=60,
)


@given(STEPS, st.data())
def test_the_same_findings_however_observations_are_cut_into_batches(
    steps: list[tuple[int, int, str, float]], data: st.DataObject
) -> None:
    """Batches differ in when changes are collected; what is concluded must not depend on it. (How far `last_seen_at`
    has come is told when something else is.)
    """
    cuts = data.draw(st.sets(st.integers(0, len(steps))))
    one, other = _engine(), _engine()
    found: list[list[Finding]] = [[], []]
    states: list[dict[Any, Any]] = [{}, {}]
    now_s = 0.0
    for place, step in enumerate(steps):
        now_s += step[0] + 0.001
        said = _said(step, now_s)
        for into, engine in zip(found, (one, other), strict=True):
            into.extend(engine.observe(said))
            into.extend(engine.tick(at(now_s)))
        _collect(one, states[0])
        if place in cuts:
            _collect(other, states[1])
    _collect(other, states[1])
    assert found[0] == found[1]
    kept = [{key: _concluded(value) for key, value in state.items()} for state in states]
    assert kept[0] == kept[1]


def _concluded(value: Any) -> Any:
    return (value.connectivity, value.since) if isinstance(value, LivenessChange) else value


def _collect(engine: Engine, into: dict[Any, Any]) -> None:
    changes = engine.changes()
    for change in changes.liveness:
        into["life", change.device_no] = change
    for rule, device_no, state in changes.states:
        into[rule, device_no] = state


def test_changes_are_given_out_once() -> None:
    engine = _engine()
    engine.observe(heartbeat(0, of=DEVICES[0], battery_pct=5))
    first, second = engine.changes(), engine.changes()
    assert (len(first.liveness), len(first.states)) == (1, 1)
    assert (second.liveness, second.states) == ([], [])


def test_every_finding_of_a_busy_day_has_an_id_of_its_own_and_the_same_one_in_every_process() -> None:
    def day() -> list[Finding]:
        engine, found = _engine(), list[Finding]()
        for second in range(0, 86_400, 600):
            said = [heartbeat(second, of=who, battery_pct=5 if second % 1200 else 90) for who in DEVICES]
            said_hot = [reading(second + 1, 70 if second % 1200 else 20, of=who) for who in DEVICES]
            for one in said:
                found += engine.observe(one)
            for hot in said_hot:
                found += engine.observe(hot)
            for later in range(0, 600, 9):
                found += engine.tick(at(second + 2 + later))
        return found

    found = day()
    assert len(found) > 1000
    assert len({one.finding_id for one in found}) == len(found)
    assert found == day()


def test_an_alarm_in_the_bulk_lane_and_a_heartbeat_in_the_alarm_lane_conclude_nothing_wrong() -> None:
    bulk, alarms = _engine(), Engine(alarm_rules())
    assert bulk.observe(alarm(0, of=DEVICES[0])) == ()
    assert list(alarms.observe(heartbeat(0))) == []


def test_rules_of_another_version_in_the_database_are_left_alone() -> None:
    engine = _engine()
    engine.restore([], [("rule_of_tomorrow", 1, {"x": 1})], at(0))
    assert engine.changes().states == []


def test_watchers_are_found_for_every_kind_of_device() -> None:
    for kind in DeviceKind:
        who = device(4, kind)
        engine = Engine(bulk_rules())
        engine.enrol([who], at(0))
        engine.observe(Heartbeat(who, at(0), at(0), None))
        assert [one.rule for one in engine.tick(at(90))] == ["heartbeat_lost"]
