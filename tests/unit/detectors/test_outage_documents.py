"""The rules that make one incident of many are documents: what ships is what the program goes by, others are obeyed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from campuswatch.backtest import Backtest
from detectors.documents.form import RuleDocument
from detectors.documents.reading import enabled, read_said
from detectors.documents.shipped import shipped
from detectors.engine import Engine
from detectors.outages import AREA_WINDOW_S, HOLD_S, TELL_AGAIN_S
from detectors.rules.flapping import Flapping, Tolerance
from detectors.rules.heartbeat_lost import HeartbeatLost
from detectors.rules.ruleset import RuleSet
from detectors.rules.silence import Doubt
from domain.errors import RuleRefused
from domain.finding import Finding, FindingKind, Severity
from tests.unit.detectors.power import Power, loose, star, told
from tests.unit.detectors.sayings import SENSOR, at

OF_MANY = ("site_silent", "area_silent", "flapping")


def tuned(name: str, when: dict[str, Any], **header: Any) -> RuleDocument:
    said = shipped()[name].said
    return read_said({**said, **header, "when": {**said["when"], **when}})


def rules_of(*documents: RuleDocument) -> RuleSet:
    return RuleSet({**shipped(), **{one.name: one for one in documents}})


def lost_of(rules: RuleSet) -> HeartbeatLost:
    (lost,) = [one for one in rules.rules if isinstance(one, HeartbeatLost)]
    return lost


def flapping_of(rules: RuleSet) -> Flapping:
    (flapping,) = [one for one in rules.rules if isinstance(one, Flapping)]
    return flapping


def powered(power: Power, *documents: RuleDocument) -> Power:
    power.engine = Engine([lost_of(rules_of(*documents))])
    power.engine.enrol(power.devices, at(0))
    return power


def flap(rule: Flapping, *seconds: float) -> list[Finding]:
    found: list[Finding] = []
    for second in seconds:
        for kind, moment in ((FindingKind.RAISED, second), (FindingKind.CLEARED, second + 1)):
            made = rule.finding(kind, SENSOR, at(moment), at(moment), {})
            found += rule.sift([msgspec.structs.replace(made, rule="tamper", key="tamper/x")])
    return found


def test_what_ships_is_what_the_program_goes_by_without_documents() -> None:
    rules = rules_of()
    lost = lost_of(rules)
    assert lost.doubt == Doubt()
    outages = lost.outages
    assert (outages.hold_s, outages.area_window_s, outages.tell_again_s) == (HOLD_S, AREA_WINDOW_S, TELL_AGAIN_S)
    assert outages.gravity == HeartbeatLost().outages.gravity
    assert flapping_of(rules)._tolerance == Tolerance()


def test_a_silent_site_is_told_when_and_as_grave_as_its_rule_says() -> None:
    told_at = []
    for document in (shipped()["site_silent"], tuned("site_silent", {"site_silent_for": "2m"}, severity="critical")):
        power = powered(Power(star(1, 20)), document)
        power.cut(-1, 300)
        (silent,) = power.run(900)
        told_at.append((silent.found_at.timestamp(), silent.severity))
    (shipped_s, shipped_as), (later_s, graver) = told_at
    assert later_s - shipped_s == 90
    assert (shipped_as, graver) == (Severity.MAJOR, Severity.CRITICAL)


def test_so_few_devices_are_no_silent_site() -> None:
    power = powered(Power(loose(1, 4)), tuned("site_silent", {"least_devices": 5}))
    power.cut(-1, 300)
    assert sorted(told(power.run(900))) == [("heartbeat_lost", f"s001-{number:02d}") for number in range(1, 5)]


@pytest.mark.parametrize(("within", "rule"), [("5m", "area_silent"), ("1m", "site_silent")])
def test_sites_belong_together_within_what_the_rule_says(within: str, rule: str) -> None:
    power = powered(Power([*star(1, 12), *star(2, 12)]), tuned("area_silent", {"sites_silent_within": within}))
    power.cut(-1, 300)
    power.cut(-2, 500)
    assert told(power.run(900))[-1][0] == rule


def test_what_is_too_often_is_what_the_rule_says() -> None:
    often = tuned("flapping", {"comes_and_goes": [{"times": 2, "within": "5m"}], "calm": "20m"})
    rule = flapping_of(rules_of(often))
    (_, _, told_once) = flap(rule, 0, 200)
    assert (told_once.rule, told_once.kind, told_once.detail["count"]) == ("flapping", FindingKind.RAISED, 2)
    assert not rule.tick(at(200 + 1199))
    (over,) = rule.tick(at(200 + 1200))
    assert (over.rule, over.kind) == ("flapping", FindingKind.CLEARED)


def test_tuning_while_it_flaps_moves_the_end() -> None:
    rules = rules_of()
    rule = flapping_of(rules)
    assert flap(rule, 0, 20, 40)[-1].rule == "flapping"
    assert not rule.tick(at(700 - 61)), "it looks again at 640"
    rules.use({**shipped(), "flapping": tuned("flapping", {"calm": "15m"})})
    assert flapping_of(rules) is rule
    assert not rule.tick(at(40 + 899))
    assert [one.kind for one in rule.tick(at(40 + 900))] == [FindingKind.CLEARED]


@pytest.mark.parametrize("name", OF_MANY)
def test_other_parts_rest_on_them(name: str) -> None:
    document = shipped()[name]
    with pytest.raises(RuleRefused, match="cannot be switched off"):
        enabled(document, False)
    with pytest.raises(RuleRefused, match="expected the key that ships"):
        tuned(name, {}, key="place")
    with pytest.raises(RuleRefused, match="belongs to"):
        read_said({**document.said, "rule": "another"})
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(RuleRefused, match="cannot be tried alone"):
        Backtest("", document, since=now, until=now, site_id=None, zone=ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("name", "when", "reason"),
    [
        ("site_silent", {"site_silent_for": "16m"}, "site_silent_for: expected from 0s to 15m; got 16m"),
        ("site_silent", {"doubt_at_most": "10s"}, "doubt_at_most: expected from 30s to 15m; got 10s"),
        ("site_silent", {"least_devices": 1}, "least_devices: expected a number from 2"),
        ("area_silent", {"sites_silent_within": "2h"}, "sites_silent_within: expected from 30s to 1h; got 2h"),
        ("area_silent", {"tell_again": "1s"}, "tell_again: expected from 10s"),
        ("flapping", {"comes_and_goes": []}, "comes_and_goes: expected at least one"),
        ("flapping", {"comes_and_goes": [{"times": 1, "within": "1m"}]}, "times: expected a number from 2"),
        ("flapping", {"comes_and_goes": [{"times": 3, "within": "0s"}]}, "comes_and_goes: expected from 1s to 1d"),
        ("flapping", {"calm": "5s"}, "calm: expected from 1m to 1d"),
    ],
)
def test_figures_that_make_no_sense_are_refused(name: str, when: dict[str, Any], reason: str) -> None:
    with pytest.raises(RuleRefused, match=reason):
        tuned(name, when)


def test_what_comes_and_goes_is_as_grave_as_the_trouble_and_no_rule_can_say_otherwise() -> None:
    with pytest.raises(RuleRefused, match="severity: expected what ships"):
        tuned("flapping", {}, severity="critical")
