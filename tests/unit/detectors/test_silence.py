"""Whose silence is it: of one device, of what it hangs on, of a site, of a township."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from detectors.outages import HOLD_S
from detectors.rules.heartbeat_lost import HeartbeatLost
from detectors.rules.silence import WAIT_S
from domain.device import RegisteredDevice
from domain.finding import FindingKind, Severity
from domain.liveness import Connectivity, Reason
from tests.unit.detectors.histories import Kept
from tests.unit.detectors.power import Power, loose, site, star, told
from tests.unit.detectors.sayings import at

#: Three intervals, the wait of the rest, and the hold before people are told.
SOON_S = 90 + 30 + int(HOLD_S) + 5


# -- one device -------------------------------------------------------------------------------------------------------


def test_a_single_device_is_reported_at_its_deadline_while_its_site_speaks() -> None:
    power = Power(star(1, 30))
    power.cut(1005, 300)
    (lost,) = power.run(600)
    assert (lost.rule, lost.device_id) == ("heartbeat_lost", "s001-05")
    assert 0 <= (lost.found_at - lost.at).total_seconds() <= 1.0, "nobody had to be waited for"
    assert power.liveness[1005].reason is Reason.NONE


def test_two_devices_of_one_site_that_die_together_are_two_incidents() -> None:
    power = Power(star(1, 30))
    power.cut(1005, 300)
    power.cut(1006, 300)
    assert sorted(told(power.run(600))) == [("heartbeat_lost", "s001-05"), ("heartbeat_lost", "s001-06")]


# -- what it hangs on -------------------------------------------------------------------------------------------------

#: An uplink; on it a recorder with five cameras, and a switch with four devices, one of which is a gateway with two.
TREE = {1: None, 2: 1, 3: 1} | dict.fromkeys(range(10, 15), 2) | dict.fromkeys(range(20, 24), 3) | {30: 23, 31: 23}


def test_a_dead_recorder_is_one_incident_and_its_cameras_are_unknown_behind_it() -> None:
    power = Power(site(1, TREE))
    power.cut(1002, 300)
    (lost,) = power.run(600)
    assert (lost.device_id, lost.detail["children"]) == ("s001-02", 5)
    for number in range(1010, 1015):
        state = power.liveness[number]
        assert (state.connectivity, state.reason, state.behind_no) == (Connectivity.UNKNOWN, Reason.BEHIND, 1002)
    assert power.liveness[1020].connectivity is Connectivity.ONLINE


def test_children_at_any_depth_are_behind_the_one_that_is_dead() -> None:
    power = Power(site(1, TREE))
    power.cut(1003, 300)
    (lost,) = power.run(600)
    assert (lost.device_id, lost.detail["children"]) == ("s001-03", 6)
    assert {power.liveness[number].behind_no for number in (1020, 1023, 1030, 1031)} == {1003}


def test_when_it_is_back_each_child_has_its_time_and_who_stays_away_is_reported_then() -> None:
    power = Power(site(1, TREE))
    power.cut(1002, 300, 900)
    power.cut(1012, 500)  # dies behind it, where nobody can see it
    power.run(900)
    back = power.run(1400)
    cleared, lost = back
    assert (cleared.kind, cleared.device_id) == (FindingKind.CLEARED, "s001-02")
    assert (lost.kind, lost.device_id) == (FindingKind.RAISED, "s001-12")
    assert (lost.at - cleared.at).total_seconds() == pytest.approx(90), "three intervals from the recorder's return"
    assert power.liveness[1011].connectivity is Connectivity.ONLINE


def test_who_was_dead_before_stays_dead_and_says_that_it_is_behind_now() -> None:
    power = Power(site(1, TREE))
    power.cut(1012, 100)
    power.cut(1002, 400, 800)
    assert told(power.run(390)) == [("heartbeat_lost", "s001-12")]
    lost, behind = power.run(790)
    assert (behind.kind, behind.device_id, behind.detail) == (FindingKind.UPDATED, "s001-12", {"behind": "s001-02"})
    state = power.liveness[1012]
    assert (state.connectivity, state.reason) == (Connectivity.OFFLINE, Reason.BEHIND)
    cleared, free = power.run(1200)
    assert (lost.key, cleared.kind) == (cleared.key, FindingKind.CLEARED)
    assert (free.kind, free.detail) == (FindingKind.UPDATED, {"no_longer_behind": "s001-02"})
    assert power.standing() == {"heartbeat_lost/s001/s001-12"}


def test_a_parent_that_was_away_for_less_than_its_time_gives_its_children_time_as_well() -> None:
    power = Power(site(1, {1: None} | dict.fromkeys(range(2, 8), 1) | dict.fromkeys(range(20, 40))), boots_s=60)
    power._boots_s[1001] = 0.0
    power.cut(1001, 300, 380)
    assert power.run(900) == []


def test_a_child_that_hung_on_something_else_is_free_when_the_registry_says_so() -> None:
    devices = site(1, {1: None, 2: None, 3: 1} | dict.fromkeys(range(10, 20)))
    power = Power(devices)
    power.cut(1001, 300)
    power.cut(1003, 300)
    assert told(power.run(600)) == [("heartbeat_lost", "s001-01")]
    moved = [one for one in devices if one.device_no != 1003]
    power.engine.enrol([*moved, RegisteredDevice(1003, 1, "s001", "s001-03", devices[2].kind, 30, 1002)], at(600))
    assert told(power.run(760)) == [("heartbeat_lost", "s001-03")]


# -- a site, a township -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("devices", [star(1, 100), loose(1, 100)], ids=["one gateway", "nothing registered"])
def test_a_power_cut_of_a_site_with_a_hundred_devices_is_one_incident(devices: list[RegisteredDevice]) -> None:
    power = Power(devices)
    power.cut(-1, 300, 1500)
    (silent,) = power.run(1500)
    assert (silent.rule, silent.site_id, silent.severity) == ("site_silent", "s001", Severity.MAJOR)
    assert silent.detail["devices"] == 100
    assert sum(silent.detail["kinds"].values()) == 100
    assert silent.detail.get("behind", "") == ("s001-01" if devices[1].parent_no else "")
    assert {one.connectivity for one in power.liveness.values()} == {Connectivity.UNKNOWN}
    assert (silent.found_at - at(300)).total_seconds() <= SOON_S
    assert told(power.run(2500)) == [], "the return of power is no alarm"
    assert power.standing() == set()
    assert {one.connectivity for one in power.liveness.values()} == {Connectivity.ONLINE}


def test_twenty_sites_at_once_are_at_most_two_incidents_that_name_them() -> None:
    devices = [one for number in range(1, 21) for one in (star if number % 2 else loose)(number, 20)]
    power = Power(devices)
    for number in range(1, 21):
        power.cut(-number, 300 + number % 7, 900 + 3 * number)
    raised = power.run(900)
    assert len([one for one in raised if one.kind is FindingKind.RAISED]) <= 2
    area = raised[-1]
    assert (area.rule, area.site_id) == ("area_silent", "")
    assert area.detail["silent_sites"] == [f"s{number:03d}" for number in range(1, 21)]
    assert area.detail["devices"] == 400
    assert told(power.run(2000)) == []
    assert power.standing() == set()


def test_an_area_grows_as_further_sites_join_and_ends_with_the_last() -> None:
    power = Power([one for number in range(1, 6) for one in star(number, 12)])
    for number, since_s in enumerate((300, 310, 420, 430, 700), 1):
        power.cut(-number, since_s, 1500)
    found = power.run(1500)
    assert told(found) == [("area_silent", "")]
    joined = [one.detail["silent_sites"] for one in found if one.kind is FindingKind.UPDATED]
    assert [len(sites) for sites in joined] == [4, 5]
    assert told(power.run(2200)) == []
    assert power.standing() == set()


def test_a_site_told_before_its_neighbours_says_which_fell_silent_with_it_as_the_power_cut_grows() -> None:
    power = Power([one for number in range(1, 5) for one in star(number, 12)])
    for number, since_s in enumerate((300, 390, 395, 600), 1):
        power.cut(-number, since_s, 1500)
    found = power.run(1500)
    assert told(found) == [("site_silent", "s001"), ("area_silent", "")]
    own = [one for one in found if one.rule == "site_silent" and one.kind is FindingKind.UPDATED]
    assert [one.detail["silent_sites"] for one in own] == [["s001", "s002", "s003"], ["s001", "s002", "s003", "s004"]]
    assert [(one.site_id, one.detail["devices"]) for one in own] == [("s001", 12)] * 2
    power.run(2200)
    assert power.standing() == set()


def test_sites_that_fall_silent_at_different_times_have_nothing_to_do_with_each_other() -> None:
    power = Power([*star(1, 12), *star(2, 12)])
    power.cut(-1, 300, 2000)
    power.cut(-2, 1200, 2000)
    assert told(power.run(1900)) == [("site_silent", "s001"), ("site_silent", "s002")]


def test_who_stays_dead_after_the_power_is_back_is_reported_then_and_the_outage_ends() -> None:
    power = Power(star(1, 40))
    power.cut(-1, 300, 900)
    power.cut(1007, 500)
    power.run(900)
    found = power.run(1500)
    assert told(found) == [("heartbeat_lost", "s001-07")]
    assert told(found, FindingKind.CLEARED) == [("site_silent", "s001")]


def test_who_was_dead_before_the_cut_stays_so() -> None:
    power = Power(star(1, 40))
    power.cut(1007, 100)
    power.cut(-1, 400, 900)
    found = power.run(900)
    assert told(found) == [("heartbeat_lost", "s001-07"), ("site_silent", "s001")]
    assert found[-1].detail["devices"] == 39
    assert power.liveness[1007].connectivity is Connectivity.OFFLINE
    power.run(1500)
    assert power.standing() == {"heartbeat_lost/s001/s001-07"}


def test_half_a_site_that_comes_back_is_no_hundred_incidents_as_long_as_the_rest_is_dark() -> None:
    power = Power(loose(1, 40))
    power.cut(-1, 300, 1000)
    for number in range(1001, 1025):
        power.cut(number, 300, 2000)
    assert told(power.run(1900)) == [("site_silent", "s001")]
    power.run(2500)
    assert power.standing() == set()


def test_intervals_of_all_lengths_are_one_outage() -> None:
    lengths = (10, 30, 60, 300)
    devices = [one for place in range(40) for one in site(1, {place + 1: None}, heartbeat_s=lengths[place % 4])]
    power = Power(devices)
    power.cut(-1, 700, 2000)
    assert told(power.run(2000)) == [("site_silent", "s001")]
    assert told(power.run(4000)) == []
    assert power.standing() == set()


def test_in_doubt_a_device_waits_a_bounded_time() -> None:
    """Nine of ten speak once in an hour: they cannot testify soon, and are not waited for."""
    devices = [*site(1, {1: None}), *(one for n in range(2, 11) for one in site(1, {n: None}, heartbeat_s=3600))]
    power = Power(devices)
    power.run(3700)
    power.cut(1001, 3700)
    (lost,) = power.run(4200)
    assert (lost.found_at - lost.at).total_seconds() <= WAIT_S


def test_a_cut_that_is_over_before_anybody_is_told_was_none() -> None:
    power = Power(loose(1, 30), boots_s=5)
    power.cut(-1, 300, 385)
    assert power.run(900) == []


# -- parents that never speak -----------------------------------------------------------------------------------------

#: An uplink with thirty devices, and on it a switch that says nothing, with four cameras and a gateway with two.
MUTE = {1: None} | dict.fromkeys([*range(2, 32), 40], 1) | dict.fromkeys(range(41, 46), 40) | {46: 45, 47: 45}
SWITCH = 1040


def mute_switch(**other: object) -> Power:
    return Power(site(1, MUTE), mute=frozenset({SWITCH}), **other)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(5))
def test_what_hangs_on_a_switch_that_never_speaks_is_one_incident_of_the_switch(seed: int) -> None:
    power = mute_switch(seed=seed)
    power.cut(SWITCH, 300, 900)
    (lost,) = power.run(900)
    assert (lost.rule, lost.device_id, lost.detail["inferred"], lost.detail["children"]) == (
        "heartbeat_lost", "s001-40", True, 7,
    )  # fmt: skip
    assert (lost.found_at - at(300)).total_seconds() <= 3 * 30 + 5, "nobody had to wait for more than the last of them"
    switch = power.liveness[SWITCH]
    assert (switch.connectivity, switch.reason) == (Connectivity.OFFLINE, Reason.INFERRED)
    for number in range(1041, 1048):
        state = power.liveness[number]
        assert (state.connectivity, state.reason, state.behind_no) == (Connectivity.UNKNOWN, Reason.BEHIND, SWITCH)
    back = power.run(1500)
    assert [(one.kind, one.device_id) for one in back] == [(FindingKind.CLEARED, "s001-40")]
    assert power.standing() == set()
    assert power.liveness[SWITCH].connectivity is Connectivity.UNKNOWN, "of itself nothing was ever heard"
    assert power.liveness[SWITCH].last_seen_at is None
    assert {power.liveness[number].connectivity for number in range(1041, 1048)} == {Connectivity.ONLINE}


def test_one_child_of_it_that_speaks_proves_that_it_lives() -> None:
    power = mute_switch()
    for number in range(1041, 1045):
        power.cut(number, 300)
    assert sorted(told(power.run(600))) == [("heartbeat_lost", f"s001-{number}") for number in range(41, 45)]


def test_a_child_that_stays_dead_after_the_switch_is_back_is_reported_then() -> None:
    power = mute_switch()
    power.cut(SWITCH, 300, 900)
    power.cut(1042, 350)
    power.run(900)
    assert told(power.run(1500)) == [("heartbeat_lost", "s001-42")]


def test_a_power_cut_of_the_site_is_no_incident_of_its_switch() -> None:
    power = mute_switch()
    power.cut(-1, 300, 900)
    assert told(power.run(900)) == [("site_silent", "s001")]
    assert told(power.run(1600)) == []
    assert power.standing() == set()


def test_a_switch_whose_children_are_moved_elsewhere_is_dead_no_longer() -> None:
    power = mute_switch()
    power.cut(SWITCH, 300)
    power.run(600)
    moved = [msgspec.structs.replace(one, parent_no=1001) if one.parent_no == SWITCH else one for one in power.devices]
    power.by_no = {one.device_no: one for one in moved}
    power.engine.enrol(moved, at(600))
    power.run(900)
    assert power.standing() == set()


@pytest.mark.parametrize("seed", range(3))
def test_a_restart_at_any_moment_changes_nothing_of_what_is_inferred(seed: int) -> None:
    lived, died = mute_switch(seed=seed), mute_switch(seed=seed, kept=Kept(rules=lambda: [HeartbeatLost()]))
    for power in (lived, died):
        power.cut(SWITCH, 300, 900)
        for until_s in (*range(350, 420, 7), 700, *range(895, 960, 7), 1500):
            power.run(until_s)
    assert died.found == lived.found
    assert died.liveness == lived.liveness
    assert [one.device_id for one in lived.found] == ["s001-40", "s001-40"]


@pytest.mark.parametrize("seed", range(15))
def test_in_random_trees_with_mute_parents_one_cut_is_one_incident(seed: int) -> None:
    chance = Random(seed)
    count = chance.randint(25, 60)
    parents: dict[int, int | None] = {1: None}
    for one in range(2, count + 1):
        parents[one] = chance.choice([1, *range(max(1, one - 6), one)])
    devices = site(1, parents, heartbeat_s=chance.choice([10, 30, 60]))
    power = Power([*devices, *star(2, 10)], seed=seed)
    inner = sorted({one.parent_no for one in devices if one.parent_no is not None})
    power.mute = frozenset(number for number in inner if chance.random() < 0.5)
    speaking = [power.above(number) for number in power.by_no if number not in power.mute]
    what = chance.choice([number for number in inner if sum(number in line for line in speaking) >= 3])
    power.cut(what, 400, 1200)
    raised = told(power.run(1200))
    assert len(raised) == 1, raised
    assert told(power.run(2200)) == []
    assert power.standing() == set()


# -- random trees and cuts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_in_random_trees_with_random_cuts_a_child_is_reported_only_if_its_parents_were_alive(seed: int) -> None:
    """And: one root, one incident; the return of everything leaves nothing."""
    chance = Random(seed)
    count = chance.randint(4, 60)
    parents: dict[int, int | None] = {1: None}
    for one in range(2, count + 1):
        parents[one] = chance.choice([None, *range(max(1, one - 20), one)]) if chance.random() < 0.9 else None
    devices = site(1, parents, heartbeat_s=chance.choice([10, 30, 60]))
    power = Power([*devices, *star(2, 10)], seed=seed)
    begins_s, roots = 400.0, 0
    for _ in range(chance.randint(1, 4)):
        what = chance.choice([-1, *(one.device_no for one in devices)])
        ends_s = begins_s + chance.uniform(400, 900)
        power.cut(what, begins_s, ends_s)
        roots += 1
        begins_s = chance.choice([begins_s + chance.uniform(0, 200), ends_s + chance.uniform(400, 600)])
    power.run(int(max(until for *_, until in power.cuts)) + 800)
    raised = [one for one in power.found if one.kind is FindingKind.RAISED]
    for found in raised:
        if found.rule != "heartbeat_lost":
            continue
        assert found.device_no is not None
        moment_s = (found.at - at(0)).total_seconds()
        assert power.dead_itself(found.device_no, moment_s), f"{found.device_id} at {moment_s} lives"
        span_s = 3 * power.by_no[found.device_no].heartbeat_s
        for parent in power.above(found.device_no)[1:]:
            assert not all(power.dead_itself(parent, moment_s - ago_s) for ago_s in (0, span_s / 2, span_s)), (
                f"{found.device_id} behind {parent}"
            )
    assert len(raised) <= roots
    assert power.standing() == set()
    assert {one.connectivity for one in power.liveness.values()} == {Connectivity.ONLINE}
