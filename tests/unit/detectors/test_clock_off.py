"""Wrong clocks are told from late messages, shown when that matters, and let go when they are right again."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from detectors.clocks import Clocks
from detectors.engine import Engine
from detectors.rules import alarm_rules, bulk_rules
from detectors.rules.clock_off import ClockOff
from domain.device import RegisteredDevice
from domain.finding import Finding, FindingKind
from domain.liveness import ClockChange
from domain.observation import Misdated
from tests.unit.detectors.sayings import BUTTON, SENSOR, alarm, at, heartbeat, reading

HOURS = 3600.0


class Heard:
    """An engine, what it found about clocks, and what it wrote down of them."""

    def __init__(self) -> None:
        self.engine = Engine([ClockOff()])
        self.engine.enrol([SENSOR, BUTTON], at(0))
        self.found: list[Finding] = []
        self.written: list[ClockChange] = []

    def beats(self, times: Iterable[float], offset_s: float, *, delay_s: float = 0.05) -> Heard:
        for second in times:
            self.take(heartbeat(second + delay_s, said_s=second + offset_s))
        return self

    def take(self, said: object) -> None:
        self.found.extend(self.engine.observe(said))  # type: ignore[arg-type]
        self.written.extend(self.engine.changes().clocks)

    @property
    def kinds(self) -> list[FindingKind]:
        return [finding.kind for finding in self.found]


@pytest.mark.parametrize("offset_s", [-8 * HOURS, -61.0, 61.0, 299.0])
def test_three_heartbeats_that_agree_tell_the_offset(offset_s: float) -> None:
    heard = Heard().beats((0, 30), offset_s)
    assert not heard.written
    heard.beats((60,), offset_s)
    (change,) = heard.written
    assert change.offset_s == pytest.approx(offset_s, abs=0.11)
    (finding,) = heard.found
    assert (finding.kind, finding.rule, finding.device_id) == (FindingKind.RAISED, "clock_off", SENSOR.device_id)
    assert finding.detail == {"clock_offset_s": round(offset_s - 0.05)}


def test_a_right_clock_is_never_written_down() -> None:
    heard = Heard()
    chance = random.Random(3)
    for second in range(0, 86_400, 30):
        heard.take(heartbeat(second + chance.random(), said_s=float(second)))
    assert not heard.written
    assert not heard.found


def test_between_five_seconds_and_a_minute_it_is_shown_and_no_trouble() -> None:
    heard = Heard().beats(range(0, 300, 30), -40)
    assert [change.offset_s for change in heard.written] == [pytest.approx(-40, abs=0.11)]
    assert not heard.found


def test_a_backfill_is_no_wrong_clock() -> None:
    heard = Heard()
    for number in range(2880):  # a day of heartbeats within seconds
        heard.take(heartbeat(90_000 + number / 500, said_s=number * 30.0))
    assert not heard.written


def test_a_backlog_beside_live_heartbeats_is_no_wrong_clock() -> None:
    heard = Heard()
    for number in range(200):
        heard.take(heartbeat(90_000 + number * 30, said_s=number * 30.0))  # an hour's worth, at the pace of life
        heard.take(heartbeat(90_000 + number * 30 + 1, said_s=90_000 + number * 30 + 0.9))
    assert not heard.written


def test_messages_of_uneven_delay_tell_nothing() -> None:
    heard = Heard()
    chance = random.Random(5)
    for second in range(0, 30_000, 30):
        heard.take(heartbeat(second + chance.uniform(0, 29), said_s=float(second)))
    assert not [change for change in heard.written if change.offset_s is not None and change.offset_s < -29]
    assert not heard.found


def test_a_burst_of_one_moment_is_one_look() -> None:
    heard = Heard().beats((0, 0.5, 1, 1.5, 2), -7200)
    assert not heard.written


def test_the_least_delayed_of_three_counts() -> None:
    heard = Heard()
    for second, delay_s in ((0, 1.4), (30, 0.2), (60, 1.1)):
        heard.take(heartbeat(second + delay_s, said_s=second + 600.0))
    (change,) = heard.written
    assert change.offset_s == pytest.approx(599.8, abs=0.06)


def test_it_clears_under_half_a_minute_and_not_before() -> None:
    heard = Heard().beats(range(0, 120, 30), 90)
    heard.beats(range(120, 600, 30), 45)
    assert heard.kinds == [FindingKind.RAISED]
    heard.beats(range(600, 900, 30), 10)
    assert heard.kinds == [FindingKind.RAISED, FindingKind.CLEARED]
    heard.beats(range(900, 1200, 30), 1)
    assert heard.written[-1].offset_s is None


def test_a_clock_that_falls_back_to_1970_is_seen_though_every_message_is_refused() -> None:
    heard = Heard()
    for second in (0, 30, 60):
        heard.take(Misdated(SENSOR, at(second - 1_772_409_600), at(second)))
    assert heard.kinds == [FindingKind.RAISED]
    (change,) = heard.written
    assert change.offset_s == pytest.approx(-1_772_409_600)


def test_a_device_without_a_clock_has_no_offset() -> None:
    heard = Heard().beats(range(0, 600, 30), 0, delay_s=0)
    assert not heard.written


def test_who_was_found_right_is_looked_at_again_after_five_minutes() -> None:
    heard = Heard().beats(range(0, 90, 30), 0)
    heard.beats(range(90, 3600, 30), 600)
    (finding,) = heard.found
    assert finding.at <= at(90 + 300 + 4 * 30)


def test_a_slow_drift_is_written_only_now_and_then() -> None:
    heard = Heard()
    for number in range(2000):  # a second a minute, to half an hour
        heard.take(heartbeat(number * 30 + 0.01, said_s=number * 30 + number * 0.5))
    assert len(heard.written) < 60
    assert heard.kinds[0] is FindingKind.RAISED
    assert len(heard.found) < 20


def test_a_device_with_a_clock_back_in_1970_is_not_silent() -> None:
    rules = Engine(bulk_rules())
    rules.enrol([SENSOR], at(0))
    for second in range(0, 900, 10):
        if second % 30 == 0:
            rules.observe(Misdated(SENSOR, at(second - 1_772_409_600), at(second)))
        assert not [one for one in rules.tick(at(second)) if one.rule == "heartbeat_lost"]
    assert rules.changes().liveness[-1].connectivity == "online"


# -- alarms of devices whose clock is known to be off -----------------------------------------------------------------


def _rules(clocks: Clocks, said_s: float, received_s: float, of: RegisteredDevice = BUTTON) -> Finding:
    (finding,) = Engine(alarm_rules(clocks)).observe(alarm(received_s, said_s=said_s, of=of))
    return finding


def test_a_press_three_hours_old_is_doubtful_and_never_of_now() -> None:
    finding = _rules(Clocks(), 0, 3 * HOURS)
    assert (finding.rule, finding.detail["reason"]) == ("doubtful_alarm", "late")
    assert finding.at == at(3 * HOURS)


def test_a_press_of_a_button_known_to_be_three_hours_slow_is_of_now() -> None:
    finding = _rules(Clocks({BUTTON.device_no: -3 * HOURS}), 0, 3 * HOURS + 2)
    assert finding.rule == "one_key_alarm"
    assert finding.at == at(3 * HOURS)


def test_a_late_press_of_a_slow_button_is_doubtful() -> None:
    finding = _rules(Clocks({BUTTON.device_no: -3 * HOURS}), 0, 4 * HOURS)
    assert finding.rule == "doubtful_alarm"


def test_a_button_whose_clock_was_put_right_a_moment_ago_is_believed() -> None:
    for offset_s in (-3 * HOURS, 240.0, 3 * HOURS):
        finding = _rules(Clocks({BUTTON.device_no: offset_s}), 100, 101)
        assert finding.rule == "one_key_alarm"
        assert finding.at == at(100)


def test_a_press_of_a_button_that_is_fast_is_told_under_our_time() -> None:
    finding = _rules(Clocks({BUTTON.device_no: 240.0}), 340, 101)
    assert finding.rule == "one_key_alarm"
    assert finding.at == at(100)


# -- late data and the other rules ------------------------------------------------------------------------------------


def test_what_a_gateway_sends_of_yesterday_raises_nothing() -> None:
    rules = Engine(bulk_rules())
    rules.enrol([SENSOR], at(0))
    now = 90_000.0
    rules.observe(heartbeat(now, said_s=now - 0.1))
    found = [
        finding
        for number in range(500)
        for said in (
            reading(now + 1 + number / 100, 20 + number / 5, said_s=number * 60.0),
            reading(now + 1 + number / 100, 4, said_s=number * 60.0, metric="battery_pct"),
            heartbeat(now + 1 + number / 100, said_s=number * 60.0, battery_pct=3),
        )
        for finding in rules.observe(said)
    ]
    assert not found
