"""Who says too much is named once, told of rarely, and let go after five minutes within the limit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from detectors.engine import Engine
from detectors.rules import bulk_rules
from detectors.rules.chattering import ChatteringDevice, ChatteringSite, limited
from domain.device import DeviceKind, RegisteredDevice
from domain.excess import Excess
from domain.finding import Category, Finding, FindingKind, Severity
from domain.vocabulary import rule_words
from tests.unit.detectors.sayings import SENSOR, at, device, heartbeat, reading


def excess(second: float, of: RegisteredDevice | None = SENSOR, *, unregistered: bool = False, over: int = 7) -> Excess:
    return Excess(
        site_no=1,
        site_id="s001",
        device=of,
        unregistered=unregistered,
        channel="heartbeat",
        rate_per_s=2000.0,
        limit_per_s=10.0,
        over=over,
        at=at(second),
    )


def engine() -> Engine:
    return Engine([ChatteringDevice(), ChatteringSite()])


def kinds(findings: Sequence[Finding]) -> list[FindingKind]:
    return [finding.kind for finding in findings]


def test_a_device_over_its_limit_is_named_with_its_rate_and_channel() -> None:
    (finding,) = engine().exceeded(excess(5))
    assert (finding.rule, finding.kind, finding.category) == ("chattering_device", FindingKind.RAISED, Category.DEVICE)
    assert (finding.severity, finding.life_safety) == (Severity.MINOR, False)
    assert (finding.device_no, finding.device_id, finding.site_id) == (SENSOR.device_no, SENSOR.device_id, "s001")
    assert finding.detail == {
        "rate_per_s": 2000.0,
        "limit_per_s": 10.0,
        "message_channel": "heartbeat",
        "not_stored": 7,
    }


def test_it_is_told_once_and_again_every_ten_minutes() -> None:
    rules = engine()
    told = [finding for second in range(0, 3600, 5) for finding in rules.exceeded(excess(second))]
    assert kinds(told) == [FindingKind.RAISED, *[FindingKind.UPDATED] * 5]
    assert len({finding.key for finding in told}) == 1
    assert told[1].detail["not_stored"] == 7 * 121


def test_it_is_over_after_five_minutes_within_the_limit() -> None:
    rules = engine()
    rules.exceeded(excess(0))
    rules.exceeded(excess(100))
    assert rules.tick(at(399)) == []
    (cleared,) = rules.tick(at(400))
    assert (cleared.kind, cleared.at) == (FindingKind.CLEARED, at(400))
    assert rules.tick(at(2000)) == []
    assert kinds(rules.exceeded(excess(2001))) == [FindingKind.RAISED]


def test_unregistered_names_of_a_site_are_one_trouble_and_the_site_as_a_whole_another() -> None:
    rules = engine()
    names = rules.exceeded(excess(0, None, unregistered=True))
    site = rules.exceeded(excess(0, None))
    assert [finding.key for finding in (*names, *site)] == ["chattering_device/s001/", "chattering_site/s001"]
    assert not rules.exceeded(excess(1, None, unregistered=True))


def test_two_devices_are_two_troubles() -> None:
    rules, other = engine(), device(9, DeviceKind.CAMERA)
    found = [*rules.exceeded(excess(0)), *rules.exceeded(excess(0, other))]
    assert len({finding.key for finding in found}) == 2


def test_it_survives_a_restart() -> None:
    first = Engine(bulk_rules())
    first.enrol([SENSOR], at(0))
    first.exceeded(excess(0))
    first.exceeded(excess(10, None))
    marks = first.changes().marks
    rules = bulk_rules()
    second = Engine(rules)
    second.enrol([SENSOR], at(20))
    second.restore((), (), at(20), marks=marks)
    assert limited(rules) == ([SENSOR.device_no], [1])
    assert not [*second.exceeded(excess(21)), *second.exceeded(excess(21, None))]
    ended = [finding for finding in second.tick(at(321)) if finding.rule.startswith("chattering")]
    assert kinds(ended) == [FindingKind.CLEARED] * 2


def test_a_device_taken_out_of_service_chatters_no_more() -> None:
    rules = engine()
    rules.enrol([SENSOR], at(0))
    rules.exceeded(excess(0))
    rules.enrol([], at(1))
    assert kinds(rules.tick(at(2))) == [FindingKind.CLEARED]


@pytest.mark.parametrize("name", ["chattering_device", "chattering_site", "clock_off"])
def test_it_has_words_in_both_languages(name: str) -> None:
    chinese, english = rule_words(name)
    assert name not in (chinese, english)
    assert chinese != english


# -- a limited device is heard by life safety, and is alive ------------------------------------------------------------


def test_a_limited_sensor_still_raises_a_fire() -> None:
    rules = Engine(bulk_rules())
    (fire,) = [one for one in rules.overhear(reading(1, 80)) if one.rule == "high_temperature"]
    assert fire.kind is FindingKind.RAISED
    assert fire.life_safety


def test_a_limited_sensor_that_flickers_makes_one_fire_of_a_thousand() -> None:
    rules = Engine(bulk_rules())
    found = [
        finding
        for number in range(1000)
        for finding in rules.overhear(reading(number / 1000, 80 if number % 2 else 20))
    ]
    assert kinds([finding for finding in found if finding.rule == "high_temperature"]) == [FindingKind.RAISED]


def test_a_limited_device_is_heard_by_nothing_but_life_safety() -> None:
    rules = Engine(bulk_rules())
    assert not rules.overhear(reading(1, 5, metric="battery_pct"))
    assert not rules.overhear(heartbeat(2, battery_pct=3))


def test_a_limited_device_is_alive() -> None:
    rules = Engine(bulk_rules())
    rules.enrol([SENSOR], at(0))
    rules.observe(heartbeat(0))
    for second in range(1, 400):
        rules.overhear(heartbeat(second))
        assert not [one for one in rules.tick(at(second)) if one.rule == "heartbeat_lost"]
