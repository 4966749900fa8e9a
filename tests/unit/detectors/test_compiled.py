"""Rules that are written as documents: dwell, counts, schedules, subjects, and what happens when they change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from detectors.documents.form import RuleDocument
from detectors.documents.reading import enabled, read_said
from detectors.documents.shipped import shipped
from detectors.engine import Engine
from detectors.grounds import Grounds, SiteFacts, Spot
from detectors.rules.ruleset import RuleSet
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Finding, FindingKind
from domain.observation import EventKind
from domain.site import SiteKind
from tests.unit.detectors.documents import document
from tests.unit.detectors.sayings import START, at, device, event, heartbeat, reading, state_report

R, C, U = FindingKind.RAISED, FindingKind.CLEARED, FindingKind.UPDATED
CHINA = ZoneInfo("Asia/Shanghai")
DOOR = device(1, DeviceKind.ACCESS_CONTROL)
GROUNDS = Grounds(
    sites={1: SiteFacts(SiteKind.PRIMARY, "锦河街道")},
    spots={1: Spot("校门", "大门"), 2: Spot("厨房", ""), 3: Spot("厨房", ""), 4: Spot("库房", "")},
)


def china(text: str) -> float:
    """Seconds after `START` of a time of China's."""
    return (datetime.fromisoformat(text).replace(tzinfo=CHINA) - START).total_seconds()


def engine_of(*documents: RuleDocument, devices: Sequence[RegisteredDevice] = (), now_s: float = 0.0) -> Engine:
    engine = Engine(RuleSet({**shipped(), **{one.name: one for one in documents}}, GROUNDS).rules)
    engine.enrol(devices or [device(number) for number in range(1, 5)], at(now_s))
    engine.tick(at(now_s))
    return engine


def heard(engine: Engine, *said: Any, until_s: float = 0.0, since_s: float = 0.0, step_s: float = 5.0) -> list[Finding]:
    """Say it, with ticks between, up to ``until_s``."""
    found, waiting = list[Finding](), sorted(said, key=lambda one: one.received_at)
    now_s = since_s
    while now_s <= until_s:
        while waiting and waiting[0].received_at <= at(now_s):
            found.extend(engine.observe(waiting.pop(0)))
        found.extend(engine.tick(at(now_s)))
        now_s += step_s
    return [one for one in found if one.rule not in ("heartbeat_lost", "site_silent")]


def told(found: Sequence[Finding], rule: str) -> list[tuple[FindingKind, float]]:
    return [(one.kind, (one.at - START).total_seconds()) for one in found if one.rule == rule]


def door(received_s: float, how: str) -> Any:
    return msgspec.structs.replace(state_report(received_s, of=DOOR), state={"door": how})


WARM = "for: 45s\nclear_for: 30s\nwhen: {reading: temperature_c, unit: °C, above: 38, clear: 30}\n"


def test_it_is_raised_once_it_has_lasted_and_cleared_once_it_has_not() -> None:
    engine = engine_of(document("warm", WARM))
    said = [reading(10, 40), reading(30, 20), reading(40, 41), reading(100, 29), reading(120, 40), reading(130, 20)]
    assert told(heard(engine, *said, until_s=300), "warm") == [(R, 85), (C, 160)]


def test_what_has_to_last_begins_anew_after_we_were_deaf() -> None:
    engine = engine_of(document("warm", WARM))
    assert heard(engine, reading(10, 40), until_s=20) == []
    found = engine.tick(at(100))
    assert told(found, "warm") == []
    assert told(heard(engine, until_s=160, since_s=101), "warm") == [(R, 145)]


def test_so_many_in_a_window_are_counted_over_the_whole_site() -> None:
    engine = engine_of(document("often", "key: site\nwhen: {count_of: tamper, at_least: 3, within: 1m}\n"))
    said = [event(second, EventKind.TAMPER, of=device(number), name=f"{second}") for second, number in (
        (0.5, 1), (50, 2), (61, 3), (70, 1), (75, 2))]  # fmt: skip
    found = heard(engine, *said, until_s=300)
    assert told(found, "often") == [(R, 70), (C, 121)], "the third of 50 to 70, until 61 + 60"
    (raised, _) = [one for one in found if one.rule == "often"]
    assert (raised.key, raised.device_no, raised.detail["device"]) == ("often/s001", None, "s001-temperature-01")


def test_the_same_event_once_more_is_not_counted_twice() -> None:
    engine = engine_of(document("often", "when: {count_of: tamper, at_least: 2, within: 1m}\n"))
    again = [event(second, EventKind.TAMPER, said_s=0.0, name="one") for second in (1, 2, 3)]
    assert told(heard(engine, *again, until_s=30), "often") == []


def test_too_few_are_told_when_the_window_is_over_and_end_with_the_next() -> None:
    engine = engine_of(
        document("seldom", "watch: {devices: ['*-01']}\nwhen: {count_of: tamper, fewer_than: 1, within: 2m}\n")
    )
    said = [event(60, EventKind.TAMPER, name="a"), event(250, EventKind.TAMPER, name="b")]
    assert told(heard(engine, *said, until_s=300), "seldom") == [(R, 180), (C, 250)]


def test_rounds_are_judged_at_midnight_and_made_up_for_the_day_after() -> None:
    point = device(1, DeviceKind.PATROL_POINT)
    begin = china("2026-03-02 23:00")
    engine = engine_of(devices=[point], now_s=begin)

    def checks(day: str, *hours: int) -> list[Any]:
        return [
            event(china(f"{day} {hour:02d}:30"), EventKind.PATROL_CHECKED, of=point, name=f"{day}{hour}")
            for hour in hours
        ]

    said = [*checks("2026-03-03", 1, 5, 9, 12), *checks("2026-03-04", 1, 5, 9, 12, 15, 19)]
    found = heard(engine, *said, since_s=begin, until_s=china("2026-03-05 12:00"), step_s=9.0)
    midnight, fifth = china("2026-03-04 00:00"), china("2026-03-04 15:30")
    assert told(found, "patrol_missed") == [(R, midnight), (C, fifth)], "no word of the day that was half over"
    assert found[0].detail == {"count": 4, "at_least": 5}


def test_a_gate_that_is_open_when_lessons_begin_is_told_ten_minutes_later() -> None:
    begin = china("2026-03-04 07:20")
    engine = engine_of(devices=[DOOR], now_s=begin)
    said = [door(begin + 60, "open"), door(china("2026-03-04 08:40"), "closed")]
    found = heard(engine, *said, since_s=begin, until_s=china("2026-03-04 10:00"))
    assert told(found, "gate_open") == [(R, china("2026-03-04 08:20")), (C, china("2026-03-04 08:40"))]


@pytest.mark.parametrize("day", ["2026-03-07", "2026-02-20", "2026-04-06"], ids=["weekend", "vacation", "holiday"])
def test_without_school_a_gate_may_stand_open(day: str) -> None:
    begin = china(f"{day} 08:00")
    engine = engine_of(devices=[DOOR], now_s=begin)
    found = heard(engine, door(begin + 60, "open"), since_s=begin, until_s=china(f"{day} 18:00"), step_s=9.0)
    assert told(found, "gate_open") == []


def test_a_gate_that_is_shut_soon_is_no_matter() -> None:
    begin = china("2026-03-04 09:00")
    engine = engine_of(devices=[DOOR], now_s=begin)
    said = [door(begin + 60, "open"), door(begin + 600, "closed")]
    assert told(heard(engine, *said, since_s=begin, until_s=begin + 3000), "gate_open") == []


def test_two_sensors_of_one_place_together() -> None:
    text = (
        "key: place\nwhen:\n  all:\n    - {reading: temperature_c, unit: °C, above: 38, clear: 30}\n"
        "    - {reading: humidity_pct, unit: '%RH', above: 80, clear: 70}\n"
    )
    engine = engine_of(document("steam", text))
    said = [
        reading(10, 40, of=device(2)),
        reading(20, 90, of=device(4), metric="humidity_pct"),  # of another place
        reading(30, 90, of=device(3), metric="humidity_pct"),
        reading(40, 20, of=device(2)),
    ]
    found = heard(engine, *said, until_s=100)
    assert told(found, "steam") == [(R, 30), (C, 40)]
    assert found[0].key == "steam/s001/@厨房"
    assert found[0].detail["place"] == "厨房"


def test_any_and_not() -> None:
    text = (
        "when:\n  all:\n    - any:\n        - {event: door_forced}\n        - {event: tamper}\n"
        "    - not: {event: fault}\n"
    )
    engine = engine_of(document("broken_into", text))
    said = [
        event(10, EventKind.FAULT, name="1"),
        event(20, EventKind.TAMPER, name="2"),
        event(30, EventKind.FAULT, False, name="3"),
        event(40, EventKind.TAMPER, False, name="4"),
    ]
    assert told(heard(engine, *said, until_s=60), "broken_into") == [(R, 30), (C, 40)]


def test_only_what_is_watched_is_heard() -> None:
    watch = (
        "watch: {kinds: [temperature], sites: [s001], townships: [锦河街道], places: ['厨*'], devices: ['*/*-02']}\n"
    )
    engine = engine_of(
        document("kitchen", f"{watch}when: {{reading: temperature_c, unit: °C, above: 38, clear: 30}}\n")
    )
    said = [reading(10, 45, of=device(number)) for number in (1, 2, 3, 4)]
    assert [one.device_no for one in heard(engine, *said, until_s=20) if one.rule == "kitchen"] == [2]


def test_a_value_that_is_below_its_bound() -> None:
    engine = engine_of(
        document("cold", "when: {reading: temperature_c, unit: °C, below: 4, clear: 6, tell_again_by: 1}\n")
    )
    said = [reading(number * 10, value) for number, value in enumerate([20, 4, 3.5, 2, 5.9, 6, 20])]
    assert [kind for kind, _ in told(heard(engine, *said, until_s=100), "cold")] == [R, U, C]


def test_each_report_of_an_event_is_told_for_it_may_never_have_an_end() -> None:
    engine = engine_of(devices=[DOOR])
    said = [event(second, EventKind.DOOR_FORCED, of=DOOR, name=f"{second}") for second in (10, 20)]
    assert told(heard(engine, *said, until_s=60), "door_forced") == [(R, 10), (R, 20)]


def test_a_camera_that_nobody_mends_is_told_of_after_a_day() -> None:
    cameras = [device(number, DeviceKind.CAMERA) for number in range(1, 5)]
    engine = engine_of(devices=cameras)
    beats = [heartbeat(second, of=one) for second in range(0, 90_000, 30) for one in cameras[1:]]
    beats += [heartbeat(0, of=cameras[0]), heartbeat(88_000, of=cameras[0])]
    found = heard(engine, *beats, until_s=90_000, step_s=9.0)
    assert told(found, "camera_offline") == [(R, 90 + 86_400), (C, 88_002)]  # by the next tick


# -- while it works ---------------------------------------------------------------------------------------------------


def change(engine: Engine, rules: RuleSet, now_s: float, *documents: RuleDocument) -> None:
    rules.use({**shipped(), **{one.name: one for one in documents}})
    rules.settle(engine, at(now_s))


def running(*documents: RuleDocument) -> tuple[Engine, RuleSet]:
    rules = RuleSet({**shipped(), **{one.name: one for one in documents}}, GROUNDS)
    engine = Engine(rules.rules)
    engine.enrol([device(number) for number in range(1, 5)], at(0))
    engine.tick(at(0))
    return engine, rules


def warm(above: float, rest: str = "") -> RuleDocument:
    return document("warm", f"{rest}when: {{reading: temperature_c, unit: °C, above: {above}, clear: {above - 8}}}\n")


def test_another_bound_takes_up_what_stands() -> None:
    engine, rules = running(warm(38))
    assert told(heard(engine, reading(10, 40), until_s=20), "warm") == [(R, 10)]
    change(engine, rules, 20, warm(36))
    assert told(heard(engine, reading(30, 40), reading(40, 29), since_s=21, until_s=60), "warm") == []
    assert told(heard(engine, reading(70, 28), since_s=61, until_s=80), "warm") == [(C, 70)]


def test_what_is_not_watched_any_more_ends_with_a_finding() -> None:
    engine, rules = running(warm(38))
    heard(engine, reading(10, 40), reading(10, 40, of=device(2)), until_s=20)
    change(engine, rules, 20, warm(38, "watch: {devices: ['*-02']}\n"))
    (ended,) = [one for one in engine.tick(at(21)) if one.rule == "warm"]
    assert (ended.kind, ended.device_no, ended.detail["rule_changed"]) == (C, 1, True)
    assert ended.key == "warm/s001/s001-temperature-01"


def test_another_key_ends_what_stood_and_begins_anew() -> None:
    engine, rules = running(warm(38))
    heard(engine, reading(10, 40), until_s=20)
    change(engine, rules, 20, warm(38, "key: site\n"))
    found = heard(engine, reading(30, 41), since_s=21, until_s=40)
    assert [(one.kind, one.key) for one in found if one.rule == "warm"] == [
        (C, "warm/s001/s001-temperature-01"),
        (R, "warm/s001"),
    ]
    found = heard(engine, reading(50, 20), reading(60, 41), since_s=41, until_s=70)
    assert [(one.kind, one.key) for one in found if one.rule == "warm"] == [(C, "warm/s001"), (R, "warm/s001")]


def test_a_rule_that_is_switched_off_ends_what_stood_and_says_nothing_more() -> None:
    engine, rules = running(warm(38))
    heard(engine, reading(10, 40), until_s=20)
    change(engine, rules, 20, enabled(warm(38), False))
    found = heard(engine, reading(30, 60), since_s=21, until_s=40)
    assert told(found, "warm") == [(C, 21)]


def test_it_is_the_same_after_a_restart_in_between() -> None:
    """What stood under a version that is gone ends, though nobody was there when it changed."""
    engine, _ = running(warm(38))
    heard(engine, reading(10, 40), until_s=20)
    changes = engine.changes()
    _, rules = running(warm(38, "key: site\n"))
    again = Engine(rules.rules)
    again.enrol([device(number) for number in range(1, 5)], at(30))
    again.restore((), [one for one in changes.states if one[2] is not None], at(30), marks=changes.marks)  # type: ignore[misc]
    found = [one for one in again.tick(at(30)) if one.rule == "warm"]
    assert [(one.kind, one.key) for one in found] == [(C, "warm/s001/s001-temperature-01"), (R, "warm/s001")]
    states = {number: state for rule, number, state in again.changes().states if rule == "warm" and state}
    assert set(states) == {1, -1}
    assert "stands" not in states[1]


def test_natives_are_tuned_in_place() -> None:
    engine, rules = running()
    said = {**shipped()["heartbeat_lost"].said, "when": {"heartbeats_missed": 5}, "severity": "major"}
    change(engine, rules, 0, read_said(said))
    engine.observe(heartbeat(0))
    engine.observe(heartbeat(0, of=device(2)))
    beats = [heartbeat(second, of=device(2)) for second in range(30, 400, 30)]
    found = list[Finding]()
    for second in range(0, 400, 5):
        if beats and beats[0].received_at <= at(second):
            engine.observe(beats.pop(0))
        found.extend(engine.tick(at(second)))
    (lost,) = [one for one in found if one.rule == "heartbeat_lost"]
    assert (lost.device_no, lost.severity.value, lost.at) == (1, "major", at(150))


def test_whoever_waits_already_is_measured_by_fewer_missed_heartbeats_at_once() -> None:
    engine, rules = running()
    said = shipped()["heartbeat_lost"].said
    change(engine, rules, 0, read_said({**said, "when": {"heartbeats_missed": 20}}))
    found = list[Finding]()
    for second in range(0, 211, 5):
        if second == 0:
            engine.observe(heartbeat(0))
        if second % 30 == 0:
            engine.observe(heartbeat(second, of=device(2)))
        if second == 205:
            change(engine, rules, 205, read_said({**said, "when": {"heartbeats_missed": 3}}))
        found.extend(engine.tick(at(second)))
    (lost,) = [one for one in found if one.rule == "heartbeat_lost"]
    assert (lost.device_no, lost.at, lost.found_at) == (1, at(90), at(205))
