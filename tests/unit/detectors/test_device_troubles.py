"""Battery and tamper."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.lives import Heard
from detectors.rule import Changes, Rule
from domain.device import DeviceKind
from domain.finding import Finding, FindingKind, Severity
from domain.observation import EventKind
from tests.unit.detectors import shipped
from tests.unit.detectors.sayings import SENSOR, event, heartbeat, reading

R, C = FindingKind.RAISED, FindingKind.CLEARED


def _hear(hearing: Rule, *said: object) -> list[Finding]:
    found: list[Finding] = []
    for one in said:
        watcher = hearing.watcher(type(one), DeviceKind.TEMPERATURE)
        found += watcher(one, Heard.NEWS) if watcher is not None else []
    return found


def _levels(*percent: float | None) -> list[object]:
    return [heartbeat(30 * place, battery_pct=value) for place, value in enumerate(percent)]


def _kinds(found: Sequence[Finding]) -> list[FindingKind]:
    return [one.kind for one in found]


@pytest.mark.parametrize(
    ("percent", "kinds"),
    [
        ([15.1, 100], []),
        ([15], [R]),
        ([15, 24.9, 15, 0], [R]),
        ([15, 25], [R, C]),
        ([10, None, 10], [R]),
        ([0, 100, 0], [R, C, R]),
        ([None], []),
    ],
)
def test_a_battery_is_low_at_15_and_well_again_at_25(percent: list[float | None], kinds: list[FindingKind]) -> None:
    assert _kinds(_hear(shipped.rule("low_battery"), *_levels(*percent))) == kinds


def test_heartbeats_readings_and_events_tell_of_the_same_battery() -> None:
    said = [
        reading(0, 12, metric="battery_pct"),
        event(1, EventKind.LOW_BATTERY),
        heartbeat(30, battery_pct=10),
        event(40, EventKind.LOW_BATTERY, active=False),
        heartbeat(60, battery_pct=60),
    ]
    found = _hear(shipped.rule("low_battery"), *said)
    assert _kinds(found) == [R, C]
    assert len({one.key for one in found}) == 1
    assert not found[0].life_safety


def test_other_events_and_quantities_are_no_battery() -> None:
    assert (
        _hear(shipped.rule("low_battery"), event(0, EventKind.POWER_LOST), reading(1, 3, metric="temperature_c")) == []
    )


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=50), st.data())
def test_a_battery_is_never_low_twice_and_a_restart_changes_nothing(
    percent: list[float | None], data: st.DataObject
) -> None:
    one, other = shipped.rule("low_battery"), shipped.rule("low_battery")
    restart_before = data.draw(st.integers(0, 50))
    kinds: list[FindingKind] = []
    kept: dict[int, dict[str, object]] = {}
    for place, said in enumerate(_levels(*percent)):
        if place == restart_before:
            other = shipped.rule("low_battery")
            for device_no, state in kept.items():
                other.restore(device_no, state)
        found = _hear(one, said)
        assert found == _hear(other, said)
        kinds += _kinds(found)
        changes = Changes()
        other.collect(changes)
        for _, device_no, state_ in changes.states:
            kept.pop(device_no, None)
            if state_ is not None:
                kept[device_no] = state_
    assert kinds[::2] == [R] * len(kinds[::2])
    assert kinds[1::2] == [C] * len(kinds[1::2])


def test_tamper_is_raised_and_cleared_as_the_device_says() -> None:
    found = _hear(shipped.rule("tamper"), event(0, EventKind.TAMPER), event(60, EventKind.TAMPER, active=False))
    assert _kinds(found) == [R, C]
    assert found[0].severity is Severity.MAJOR
    assert {one.key for one in found} == {f"tamper/{SENSOR.key}"}


def test_two_reports_of_the_same_moment_are_two_findings_and_one_repeated_report_is_one() -> None:
    first = event(0, EventKind.TAMPER, name="a")
    second = event(0, EventKind.TAMPER, name="b")
    found = _hear(shipped.rule("tamper"), first, second, first)
    assert len({one.finding_id for one in found}) == 2


def test_other_events_are_no_tamper() -> None:
    assert _hear(shipped.rule("tamper"), event(0, EventKind.DOOR_FORCED), event(1, EventKind.FAULT)) == []
