"""What comes and goes again and again is told once, with a count; danger to people never is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from detectors.engine import Engine
from detectors.rule import Changes
from detectors.rules import bulk_rules
from detectors.rules.flapping import CALM_S, Flapping
from domain.device import RegisteredDevice
from domain.finding import Category, Finding, FindingKind, Severity
from domain.observation import EventKind
from tests.unit.detectors.power import loose
from tests.unit.detectors.sayings import SENSOR, at, event, heartbeat

_LOOSE = loose(1, 10)


class _Rule(Flapping):
    """Findings of a made-up rule."""

    def say(self, kind: FindingKind, second: float, **changes: object) -> Sequence[Finding]:
        made = self.finding(kind, SENSOR, at(second), at(second), {})
        return self.sift([msgspec.structs.replace(made, rule="tamper", key="tamper/x", **changes)])

    def flap(self, *seconds: float, **changes: object) -> list[Finding]:
        found: list[Finding] = []
        for second in seconds:
            found += self.say(FindingKind.RAISED, second, **changes)
            found += self.say(FindingKind.CLEARED, second + 1, **changes)
        return found


def _told(found: Sequence[Finding]) -> list[tuple[str, str]]:
    return [(one.rule, one.kind.value) for one in found]


TWICE = [("tamper", "raised"), ("tamper", "cleared")] * 2


def test_the_third_time_in_a_minute_is_flapping_and_nothing_more_is_told_one_by_one() -> None:
    found = _Rule().flap(0, 20, 40, 60, 80, 100)
    assert _told(found) == [*TWICE, ("flapping", "raised")]
    assert found[-1].detail == {"of_rule": "tamper", "count": 3}
    assert (found[-1].category, found[-1].severity, found[-1].device_no) == (Category.DEVICE, Severity.MINOR, 1)


def test_three_times_in_more_than_a_minute_are_three_incidents() -> None:
    assert {one.rule for one in _Rule().flap(0, 31, 62, 93, 200)} == {"tamper"}


def test_more_than_ten_times_in_ten_minutes_is_flapping_at_any_pace() -> None:
    found = _Rule().flap(*range(0, 600, 55))
    assert _told(found)[-1] == ("flapping", "raised")
    assert found[-1].detail["count"] == 11


def test_what_is_reported_again_without_an_end_is_no_flapping() -> None:
    rule = _Rule()
    found = [one for second in range(10) for one in rule.say(FindingKind.RAISED, second)]
    assert _told(found) == [("tamper", "raised")] * 10


def test_it_ends_when_it_was_calm_and_says_how_often() -> None:
    rule = _Rule()
    rule.flap(0, 20, 40, 60, 80)
    assert not rule.tick(at(80 + CALM_S - 1))
    (over,) = rule.tick(at(80 + CALM_S))
    assert (over.rule, over.kind, over.detail["count"]) == ("flapping", FindingKind.CLEARED, 5)
    assert _told(rule.flap(1000)) == TWICE[:2], "as if nothing had been"


def test_what_stands_when_it_is_calm_is_told_then() -> None:
    rule = _Rule()
    rule.flap(0, 20, 40)
    assert rule.say(FindingKind.RAISED, 60) == []
    ended, stands = rule.tick(at(60 + CALM_S))
    assert (ended.rule, ended.kind) == ("flapping", FindingKind.CLEARED)
    assert (stands.rule, stands.kind, stands.at, stands.found_at) == (
        "tamper",
        FindingKind.RAISED,
        at(60),
        at(60 + CALM_S),
    )
    assert _told(rule.say(FindingKind.CLEARED, 700)) == [("tamper", "cleared")]


def test_while_it_goes_on_people_are_told_every_ten_minutes() -> None:
    found = _Rule().flap(*range(0, 3600, 20))
    updates = [one for one in found if one.kind is FindingKind.UPDATED]
    assert 4 <= len(updates) <= 6
    assert updates[-1].detail["count"] > 100


@pytest.mark.parametrize(
    "danger",
    [
        {"life_safety": True},
        {"category": Category.FIRE},
        {"category": Category.PANIC},
        {"category": Category.INTRUSION},
    ],
)
def test_danger_passes_however_often_it_comes(danger: dict[str, object]) -> None:
    assert len(_Rule().flap(*range(0, 400, 4), **danger)) == 200


def test_a_trouble_whose_device_is_retired_is_over() -> None:
    rule = _Rule()
    rule.flap(0, 20, 40)
    rule.say(FindingKind.RAISED, 60)
    (over,) = rule.say(FindingKind.CLEARED, 70, detail={"retired": True})
    assert (over.rule, over.kind) == ("flapping", FindingKind.CLEARED)
    assert not rule.tick(at(10_000))


def test_what_it_knows_survives_a_restart() -> None:
    rule, again = _Rule(), _Rule()
    rule.flap(0, 20, 40)
    rule.say(FindingKind.RAISED, 60)
    for row in rule.marks(1):
        again.recall(msgspec.msgpack.decode(msgspec.msgpack.encode(row)), 1)
    again.restored()
    rule.collect(Changes())
    assert again.tick(at(60 + CALM_S)) == rule.tick(at(60 + CALM_S))


def test_a_device_that_goes_and_comes_is_one_incident() -> None:
    """Every three minutes a camera is away for two of them; the rest of its site speaks."""
    engine = Engine(bulk_rules())
    engine.enrol(_LOOSE, at(0))
    found: list[Finding] = []
    for second in range(1800):
        for one in _LOOSE:
            if second % 30 == one.device_no % 30 and (one is not _LOOSE[3] or second % 180 < 60):
                found += engine.observe(heartbeat(second + 0.5, of=one))
        found += engine.tick(at(second + 1))
    assert _told(found) == [
        *[("heartbeat_lost", "raised"), ("heartbeat_lost", "cleared")] * 2,
        ("flapping", "raised"),
        ("flapping", "updated"),
    ]
    assert found[-2].device_id == _LOOSE[3].device_id


def test_a_loose_contact_is_one_incident() -> None:
    who: RegisteredDevice = SENSOR
    engine, found = Engine(bulk_rules()), list[Finding]()
    engine.enrol([who], at(0))
    for second in range(0, 200, 10):
        found += engine.observe(event(second, EventKind.TAMPER, second % 20 == 0, of=who))
    assert _told(found) == [*TWICE, ("flapping", "raised")]
