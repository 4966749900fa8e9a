from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.rule import Changes, Rule
from detectors.rules.high_temperature import CLEAR_C, LATE_AFTER_S, RAISE_C, HighTemperature
from detectors.rules.temperature_rise import MOST_READINGS, TemperatureRise
from domain.device import DeviceKind
from domain.finding import Category, Finding, FindingKind
from domain.observation import Heartbeat, Reading
from tests.unit.detectors.sayings import SENSOR, at, device, reading

R, U, C = FindingKind.RAISED, FindingKind.UPDATED, FindingKind.CLEARED


def _hear(rule: Rule, *readings: Reading) -> list[Finding]:
    watcher = rule.watcher(Reading, DeviceKind.TEMPERATURE)
    assert watcher is not None
    return [found for one in readings for found in watcher(one)]


def _kinds(found: Sequence[Finding]) -> list[FindingKind]:
    return [one.kind for one in found]


def _every_minute(*temperatures_c: float) -> list[Reading]:
    return [reading(60 * minute, value) for minute, value in enumerate(temperatures_c)]


def _restarted(rule: Rule) -> Rule:
    changes = Changes()
    rule.collect(changes)
    new: Rule = type(rule)()
    for _, device_no, state in changes.states:
        if state is not None:
            new.restore(device_no, state)
    return new


# -- high temperature -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("temperatures_c", "kinds"),
    [
        ([RAISE_C - 0.1, RAISE_C - 0.1], []),
        ([RAISE_C], [R]),
        ([RAISE_C, CLEAR_C + 0.1, RAISE_C], [R]),
        ([RAISE_C, CLEAR_C], [R, C]),
        ([RAISE_C, CLEAR_C, RAISE_C], [R, C, R]),
        ([60, 61, 61.1, 62], [R, U]),
        ([60, 400, 300], [R, U]),
        ([20, CLEAR_C, 20], []),
    ],
)
def test_high_temperature_raises_updates_and_clears_with_hysteresis(
    temperatures_c: list[float], kinds: list[FindingKind]
) -> None:
    assert _kinds(_hear(HighTemperature(), *_every_minute(*temperatures_c))) == kinds


def test_high_temperature_is_fire_and_life_safety() -> None:
    (found,) = _hear(HighTemperature(), reading(60, 58, said_s=55))
    assert (found.category, found.life_safety, found.at, found.found_at) == (Category.FIRE, True, at(55), at(60))
    assert found.key == f"high_temperature/{SENSOR.key}"
    assert found.detail == {"temperature_c": 58, "threshold_c": RAISE_C}


def test_history_neither_raises_nor_clears() -> None:
    """A gateway that sends yesterday's readings tells nothing about now, whichever way they point."""
    rule = HighTemperature()
    late = LATE_AFTER_S + 1
    assert _hear(rule, reading(late, 80, said_s=0)) == []
    assert _kinds(_hear(rule, reading(late, 80))) == [R]
    assert _hear(rule, reading(late + 1, 20, said_s=0)) == []
    assert _kinds(_hear(rule, reading(late + 2, 20))) == [C]


def test_other_quantities_are_no_temperature() -> None:
    assert _hear(HighTemperature(), reading(0, 90, metric="humidity_pct")) == []
    assert HighTemperature().watcher(Heartbeat, DeviceKind.TEMPERATURE) is None


def test_two_devices_do_not_share_a_memory() -> None:
    rule, other = HighTemperature(), device(9)
    assert _kinds(_hear(rule, reading(0, 60), reading(1, 60, of=other), reading(2, 20))) == [R, R, C]
    assert _hear(rule, reading(3, 55, of=other)) == []


WALK = st.lists(st.floats(-6, 6), min_size=1, max_size=80)


@given(st.floats(40, 65), WALK)
def test_high_temperature_never_raises_twice_without_a_clear(start_c: float, steps: list[float]) -> None:
    value_c, temperatures_c = start_c, []
    for step in steps:
        value_c += step
        temperatures_c.append(value_c)
    found = _hear(HighTemperature(), *_every_minute(*temperatures_c))
    told = [one for one in _kinds(found) if one is not U]
    assert told[::2] == [R] * len(told[::2])
    assert told[1::2] == [C] * len(told[1::2])
    # And it is told whenever a reading is beyond a threshold.
    hot = bool(told) and told[-1] is R
    last = next((v for v in reversed(temperatures_c) if v >= RAISE_C or v <= CLEAR_C), 0.0)
    assert hot is (last >= RAISE_C)


@given(st.floats(40, 65), WALK, st.data())
def test_high_temperature_comes_to_the_same_after_a_restart(
    start_c: float, steps: list[float], data: st.DataObject
) -> None:
    value_c, one, other = start_c, HighTemperature(), HighTemperature()
    restart_before = data.draw(st.integers(0, len(steps) - 1))
    for minute, step in enumerate(steps):
        value_c += step
        if minute == restart_before:
            restarted = _restarted(other)
            assert isinstance(restarted, HighTemperature)
            other = restarted
        said = reading(60 * minute, value_c)
        assert _hear(one, said) == _hear(other, said)


# -- rapid rise -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("temperatures_c", "kinds"),
    [
        ([20, 28.2], []),  # 8.2 K in a minute
        ([20, 28.3], [R]),  # 8.3 K/min
        ([20, 24, 28, 32], []),  # 4 K/min
        ([20, 30, 31, 32, 32, 32, 32], [R, C]),
        ([40, 30, 20, 10], []),  # falling
        ([20, 30, 40, 50, 60], [R]),
    ],
)
def test_a_rapid_rise_is_raised_once_and_clears_when_it_is_flat(
    temperatures_c: list[float], kinds: list[FindingKind]
) -> None:
    assert _kinds(_hear(TemperatureRise(), *_every_minute(*temperatures_c))) == kinds


def test_two_readings_within_ten_seconds_are_no_rate() -> None:
    assert _hear(TemperatureRise(), reading(0, 20), reading(9, 60)) == []


def test_a_steep_rise_of_a_few_degrees_is_a_draught() -> None:
    assert _hear(TemperatureRise(), reading(0, 20), reading(20, 27.9)) == []
    assert _kinds(_hear(TemperatureRise(), reading(0, 20), reading(20, 28))) == [R]


def test_a_rise_over_longer_than_the_window_is_the_weather() -> None:
    assert _hear(TemperatureRise(), reading(0, 20), reading(181, 60)) == []


def test_repeated_late_and_disordered_readings_are_no_rise() -> None:
    rule = TemperatureRise()
    _hear(rule, reading(100, 30))
    assert _hear(rule, reading(130, 10, said_s=40), reading(140, 30, said_s=100)) == []
    assert _hear(rule, reading(5000, 90, said_s=160)) == []
    assert _hear(rule, reading(5001, 31)) == []


def test_a_device_that_sends_without_end_fills_no_memory() -> None:
    rule = TemperatureRise()
    _hear(rule, *(reading(second, 20) for second in range(1000)))
    assert len(rule._windows[SENSOR.device_no]) == MOST_READINGS


def test_a_rise_that_stood_before_a_restart_is_not_raised_again_and_clears() -> None:
    rule = TemperatureRise()
    assert _kinds(_hear(rule, *_every_minute(20, 30))) == [R]
    new = _restarted(rule)
    assert _hear(new, reading(120, 40), reading(180, 50)) == []
    assert _kinds(_hear(new, reading(400, 50), reading(460, 50))) == [C]


@given(st.lists(st.tuples(st.integers(1, 200), st.floats(-40, 40)), max_size=60), st.data())
def test_a_rise_is_never_raised_twice_without_a_clear_even_over_restarts(
    steps: list[tuple[int, float]], data: st.DataObject
) -> None:
    rule: Rule = TemperatureRise()
    restarts = data.draw(st.sets(st.integers(0, 60), max_size=3))
    kinds: list[FindingKind] = []
    rising: dict[int, dict[str, object]] = {}
    now_s, value_c = 0, 20.0
    for place, (gap_s, step_c) in enumerate(steps):
        if place in restarts:
            rule = TemperatureRise()
            for device_no, state in rising.items():
                rule.restore(device_no, state)
        now_s, value_c = now_s + gap_s, value_c + step_c
        kinds += _kinds(_hear(rule, reading(now_s, value_c)))
        changes = Changes()
        rule.collect(changes)
        for _, device_no, kept in changes.states:
            rising.pop(device_no, None)
            if kept is not None:
                rising[device_no] = kept
    assert kinds[::2] == [R] * len(kinds[::2])
    assert kinds[1::2] == [C] * len(kinds[1::2])
