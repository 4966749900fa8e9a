from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.conditions.change import MOST_READINGS
from detectors.engine import Engine
from detectors.lives import LATE_S
from detectors.rules.heartbeat_lost import HeartbeatLost
from domain.device import DeviceKind
from domain.finding import Category, Finding, FindingKind
from domain.marks import Marks
from domain.observation import Heartbeat, Reading
from tests.unit.detectors import shipped
from tests.unit.detectors.sayings import SENSOR, at, device, heartbeat, reading

RAISE_C, CLEAR_C = 57.0, 50.0
R, U, C = FindingKind.RAISED, FindingKind.UPDATED, FindingKind.CLEARED


def _high() -> Engine:
    return Engine([HeartbeatLost(), shipped.rule("high_temperature")])


def _rise() -> Engine:
    return Engine([HeartbeatLost(), shipped.rule("temperature_rise")])


def _hear(engine: Engine, *said: Reading | Heartbeat) -> list[Finding]:
    return [found for one in said for found in engine.observe(one)]


def _kinds(found: Sequence[Finding]) -> list[FindingKind]:
    return [one.kind for one in found]


def _every_minute(*temperatures_c: float) -> list[Reading]:
    return [reading(60 * minute, value) for minute, value in enumerate(temperatures_c)]


class _Kept:
    """What is committed after each step, and an engine that begins with it."""

    def __init__(self, new: Callable[[], Engine]) -> None:
        self._new = new
        self._states: dict[tuple[str, int], dict[str, Any]] = {}
        self._marks: list[Marks] = []

    def commit(self, engine: Engine) -> None:
        changes = engine.changes()
        self._marks += changes.marks
        for rule, device_no, state in changes.states:
            self._states.pop((rule, device_no), None)
            if state is not None:
                self._states[rule, device_no] = state

    def restarted(self, engine: Engine, now_s: float) -> Engine:
        self.commit(engine)
        new = self._new()
        new.enrol([SENSOR], at(now_s))
        new.restore([], [(*key, state) for key, state in self._states.items()], at(now_s), marks=self._marks)
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
    assert _kinds(_hear(_high(), *_every_minute(*temperatures_c))) == kinds


def test_high_temperature_is_fire_and_life_safety() -> None:
    (found,) = _hear(_high(), reading(60, 58, said_s=55))
    assert (found.category, found.life_safety, found.at, found.found_at) == (Category.FIRE, True, at(55), at(60))
    assert found.key == f"high_temperature/{SENSOR.key}"
    assert found.detail == {"temperature_c": 58, "threshold_c": RAISE_C}


def test_history_neither_raises_nor_clears() -> None:
    """A gateway that sends yesterday's readings tells nothing about now, whichever way they point."""
    rule = _high()
    late = LATE_S + 1
    assert _hear(rule, reading(late, 80, said_s=0)) == []
    assert _kinds(_hear(rule, reading(late, 80))) == [R]
    assert _hear(rule, reading(late + 1, 20, said_s=0)) == []
    assert _kinds(_hear(rule, reading(late + 2, 20))) == [C]


@pytest.mark.parametrize("between_s", [0.001, 1, 20])
def test_yesterdays_fire_from_a_gateway_is_not_raised_however_it_is_sent(between_s: float) -> None:
    """All at once, or one old reading after each live one, even as fast as they were measured."""
    rule = _high()
    found: list[Finding] = []
    for number in range(200):
        now_s = 90_000 + number * between_s
        found += _hear(rule, reading(now_s, 90, said_s=3000 + 20 * number), reading(now_s + 0.0001, 20))
    assert found == []


@pytest.mark.parametrize("skew_s", [-86_000, -7200, -1000, -30, 250])
def test_a_fire_is_raised_whatever_the_sensors_clock_says(skew_s: float) -> None:
    rule = _high()
    assert _hear(rule, *(heartbeat(seconds, said_s=seconds + skew_s) for seconds in (0, 30, 60))) == []
    assert _kinds(_hear(rule, reading(70, 80, said_s=70 + skew_s))) == [R]
    assert _kinds(_hear(rule, reading(130, 30, said_s=130 + skew_s))) == [C]


def test_a_fire_is_raised_by_the_second_reading_of_a_sensor_that_is_heard_for_the_first_time_and_hours_slow() -> None:
    rule = _high()
    assert [len(_hear(rule, reading(60 * n, 80, said_s=60 * n - 7200))) for n in range(3)] == [0, 1, 0]


@pytest.mark.parametrize("back_s", [5, 200, 3600, 86_000])
def test_a_fire_is_raised_after_the_clock_was_set_back(back_s: float) -> None:
    rule = _high()
    _hear(rule, *(reading(60 * minute, 20) for minute in range(5)))
    found = _hear(rule, *(reading(300 + 60 * minute, 80, said_s=300 + 60 * minute - back_s) for minute in range(2)))
    assert _kinds(found) == [R]


def test_a_reading_that_is_heard_again_neither_lights_a_fire_anew_nor_puts_it_out() -> None:
    rule = _high()
    cool, hot, cooler = reading(0, 20), reading(60, 80), reading(120, 20)
    again = [reading(130, 80, said_s=60), reading(131, 20, said_s=0)]
    assert _kinds(_hear(rule, cool, hot, reading(61, 20, said_s=0))) == [R]
    assert _kinds(_hear(rule, cooler, *again)) == [C]
    assert _kinds(_hear(rule, reading(180, 80))) == [R], "and the next fire is one"


def test_other_quantities_are_no_temperature() -> None:
    assert _hear(_high(), reading(0, 90, metric="humidity_pct")) == []
    assert shipped.rule("high_temperature").watcher(Heartbeat, DeviceKind.TEMPERATURE) is None


def test_two_devices_do_not_share_a_memory() -> None:
    rule, other = _high(), device(9)
    assert _kinds(_hear(rule, reading(0, 60), reading(1, 60, of=other), reading(2, 20))) == [R, R, C]
    assert _hear(rule, reading(3, 55, of=other)) == []


WALK = st.lists(st.floats(-6, 6), min_size=1, max_size=80)


@given(st.floats(40, 65), WALK)
def test_high_temperature_never_raises_twice_without_a_clear(start_c: float, steps: list[float]) -> None:
    value_c, temperatures_c = start_c, []
    for step in steps:
        value_c += step
        temperatures_c.append(value_c)
    found = _hear(_high(), *_every_minute(*temperatures_c))
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
    value_c, one, other, kept = start_c, _high(), _high(), _Kept(_high)
    restart_before = data.draw(st.integers(0, len(steps) - 1))
    for minute, step in enumerate(steps):
        value_c += step
        if minute == restart_before:
            other = kept.restarted(other, 60 * minute)
        said = reading(60 * minute, value_c)
        assert _hear(one, said) == _hear(other, said)
        kept.commit(other)


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
    assert _kinds(_hear(_rise(), *_every_minute(*temperatures_c))) == kinds


def test_two_readings_within_ten_seconds_are_no_rate() -> None:
    assert _hear(_rise(), reading(0, 20), reading(9, 60)) == []


def test_a_steep_rise_of_a_few_degrees_is_a_draught() -> None:
    assert _hear(_rise(), reading(0, 20), reading(20, 27.9)) == []
    assert _kinds(_hear(_rise(), reading(0, 20), reading(20, 28))) == [R]


def test_a_rise_over_longer_than_the_window_is_the_weather() -> None:
    assert _hear(_rise(), reading(0, 20), reading(181, 60)) == []


def test_repeated_late_and_disordered_readings_are_no_rise() -> None:
    rule = _rise()
    _hear(rule, reading(100, 30))
    assert _hear(rule, reading(130, 10, said_s=40), reading(140, 30, said_s=100)) == []
    assert _hear(rule, reading(5000, 90, said_s=160)) == []
    assert _hear(rule, reading(5001, 31)) == []


@pytest.mark.parametrize("back_s", [45, 300, 86_000])
def test_a_rise_is_seen_after_the_clock_was_set_back(back_s: float) -> None:
    rule = _rise()
    _hear(rule, *(reading(60 * minute, 20) for minute in range(5)))
    after = [(0, 20), (60, 21), (120, 32), (180, 43)]
    found = _hear(rule, *(reading(300 + s, value, said_s=300 + s - back_s) for s, value in after))
    assert _kinds(found) == [R]


def test_a_clock_that_is_set_back_makes_no_rise_of_its_own() -> None:
    """7.5 K in each minute, and a minute that comes twice."""
    rule = _rise()
    _hear(rule, *(reading(60 * minute, 20 + 7.5 * minute) for minute in range(5)))
    found = _hear(rule, *(reading(60 * m, 20 + 7.5 * m, said_s=60 * m - 90) for m in range(5, 12)))
    assert found == []


def test_a_device_that_sends_without_end_fills_no_memory() -> None:
    rule = shipped.rule("temperature_rise")
    engine = Engine([HeartbeatLost(), rule])
    _hear(engine, *(reading(second, 20) for second in range(1000)))
    assert len(rule._changing[0]._windows[SENSOR.device_no].readings) == 2 * MOST_READINGS


def test_a_rise_that_stood_before_a_restart_is_not_raised_again_and_clears() -> None:
    rule, kept = _rise(), _Kept(_rise)
    assert _kinds(_hear(rule, *_every_minute(20, 30))) == [R]
    new = kept.restarted(rule, 60)
    assert _hear(new, reading(120, 40), reading(180, 50)) == []
    assert _kinds(_hear(new, reading(400, 50), reading(460, 50))) == [C]


def test_a_rise_that_began_before_a_restart_is_seen_after_it() -> None:
    rule, kept = _rise(), _Kept(_rise)
    assert _hear(rule, reading(0, 20), reading(30, 24)) == []
    new = kept.restarted(rule, 31)
    assert _kinds(_hear(new, reading(60, 29))) == [R], "9 K in the minute, 5 of them since"


@given(st.lists(st.tuples(st.integers(1, 200), st.floats(-40, 40)), max_size=60), st.data())
def test_a_rise_is_never_raised_twice_without_a_clear_even_over_restarts(
    steps: list[tuple[int, float]], data: st.DataObject
) -> None:
    rule, kept = _rise(), _Kept(_rise)
    restarts = data.draw(st.sets(st.integers(0, 60), max_size=3))
    kinds: list[FindingKind] = []
    now_s, value_c = 0, 20.0
    for place, (gap_s, step_c) in enumerate(steps):
        if place in restarts:
            rule = kept.restarted(rule, now_s)
        now_s, value_c = now_s + gap_s, value_c + step_c
        kinds += _kinds(_hear(rule, reading(now_s, value_c)))
        kept.commit(rule)
    assert kinds[::2] == [R] * len(kinds[::2])
    assert kinds[1::2] == [C] * len(kinds[1::2])
