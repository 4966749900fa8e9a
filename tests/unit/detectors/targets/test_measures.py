from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from detectors.targets import MEASURES, complete, ruling
from detectors.targets.guard_staffing import GuardStaffing
from domain.errors import DefinitionRefused
from domain.guard import GuardCheckIn, GuardShift, PostReport
from domain.liveness import Connectivity
from domain.site import SiteKind
from domain.site_facts import LinkFact
from domain.target import Standing
from tests.unit.detectors.targets.facts import (
    BARRIER,
    BUTTON,
    CAMERA,
    DOOR,
    GATE,
    LONG_AGO,
    NOW,
    SCHOOL,
    SENSOR,
    causes,
    definition,
    guard,
    proofs,
    verdict,
    with_device,
)

replace = msgspec.structs.replace
MIDNIGHT = datetime(2026, 3, 2, 16, tzinfo=UTC)  # of 3 March in China


@pytest.mark.parametrize("measure", ["guard_staffing", "closed_campus", "networking"])
def test_a_school_in_order_is_compliant(measure: str) -> None:
    found = verdict(measure)
    assert found.standing is Standing.COMPLIANT
    assert found.causes == ()
    assert found.evidence


@pytest.mark.parametrize("measure", MEASURES)
def test_whoever_is_exempt_is_asked_for_nothing(measure: str) -> None:
    assert verdict(measure, exempt_kinds=["primary"]).standing is Standing.EXEMPT
    assert verdict(measure, exempt_sites=["s001"]).standing is Standing.EXEMPT


# -- guards -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pupils", "boarders", "required"),
    [(0, 0, 1), (99, 0, 1), (100, 0, 2), (999, 0, 2), (1000, 0, 3), (1499, 0, 3), (1500, 0, 4), (2600, 0, 6),
     (99, 1, 2), (1000, 300, 4)],
)  # fmt: skip
def test_guards_by_enrolment_and_boarding(pupils: int, boarders: int, required: int) -> None:
    assert GuardStaffing().required(pupils, boarders) == required


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"serves_until": date(2026, 3, 1)}, "left"),
        ({"serves_from": date(2026, 3, 3)}, "not_serving_yet"),
        ({"full_time": False}, "not_full_time"),
        ({"certificate_no": ""}, "no_certificate"),
        ({"certificate_until": date(2026, 3, 1)}, "certificate_expired"),
        ({"certificate_from": date(2026, 3, 3)}, "certificate_not_valid_yet"),
        ({"born_on": date(1968, 12, 31), "first_hired_on": date(2019, 12, 31)}, "hired_too_old"),
        ({"born_on": date(1965, 3, 2)}, "too_old"),
    ],
)
def test_a_guard_who_does_not_count_is_missed(changed: dict[str, Any], fault: str) -> None:
    found = verdict("guard_staffing", replace(SCHOOL, guards=(guard(1), guard(2, **changed))))
    assert found.standing is Standing.DROPPED
    assert causes(found) == [("staffing", "s001"), ("guard", "G2")]
    assert fault in found.causes[1].detail["faults"]


@pytest.mark.parametrize(
    "changed",
    [
        {"serves_until": date(2026, 3, 2)},
        {"certificate_until": date(2026, 3, 2)},
        {"certificate_from": date(2026, 3, 2)},
        {"born_on": date(1969, 1, 1), "first_hired_on": date(2019, 12, 31)},
        {"born_on": date(1965, 3, 3), "first_hired_on": date(2014, 1, 1)},
    ],
)
def test_the_last_day_counts(changed: dict[str, Any]) -> None:
    found = verdict("guard_staffing", replace(SCHOOL, guards=(guard(1), guard(2, **changed))))
    assert found.standing is Standing.COMPLIANT


def test_what_ends_by_itself_says_when() -> None:
    guards = (guard(1), guard(2, certificate_until=date(2026, 3, 2)))
    before = verdict("guard_staffing", replace(SCHOOL, guards=guards))
    assert before.changes_at == MIDNIGHT
    after = verdict("guard_staffing", replace(SCHOOL, guards=guards), MIDNIGHT)
    assert after.standing is Standing.DROPPED
    assert after.causes[1].since == MIDNIGHT


def test_one_too_many_who_does_not_count_harms_nobody() -> None:
    found = verdict("guard_staffing", replace(SCHOOL, guards=(*SCHOOL.guards, guard(3, certificate_no=""))))
    assert found.standing is Standing.COMPLIANT
    assert found.evidence[3].detail["counts"] is False


def test_without_enrolment_nobody_can_tell() -> None:
    assert verdict("guard_staffing", replace(SCHOOL, pupils=None)).standing is Standing.UNKNOWN


def test_somebody_on_shift_has_to_check_in() -> None:
    begins = NOW - timedelta(minutes=10)
    shift = GuardShift(guard_id="G1", site_id="s001", starts_at=begins, ends_at=begins + timedelta(hours=8))
    facts = replace(SCHOOL, shifts=(shift,))
    early = verdict("guard_staffing", facts)
    assert (early.standing, early.changes_at) == (Standing.COMPLIANT, begins + timedelta(minutes=15))
    late = verdict("guard_staffing", facts, begins + timedelta(minutes=15))
    assert (late.standing, causes(late)) == (Standing.DROPPED, [("check_in", "G1")])
    seen = GuardCheckIn(guard_id="G1", site_id="s001", at=begins - timedelta(minutes=5), source="card")
    there = verdict("guard_staffing", replace(facts, check_ins={"G1": seen}), begins + timedelta(hours=1))
    assert there.standing is Standing.COMPLIANT
    yesterday = replace(seen, at=begins - timedelta(hours=20))
    again = verdict("guard_staffing", replace(facts, check_ins={"G1": yesterday}), begins + timedelta(hours=1))
    assert again.standing is Standing.DROPPED


# -- campus -----------------------------------------------------------------------------------------------------------


def _door(state: str, since: datetime) -> Any:
    return with_device(replace(DOOR, condition={"door": state}, condition_since=since))


def test_a_gate_may_be_open_for_a_car_and_no_longer() -> None:
    opened = NOW - timedelta(seconds=60)
    soon = verdict("closed_campus", _door("open", opened))
    assert (soon.standing, soon.changes_at) == (Standing.COMPLIANT, opened + timedelta(seconds=180))
    late = verdict("closed_campus", _door("open", opened), opened + timedelta(seconds=180))
    assert (late.standing, causes(late)) == (Standing.DROPPED, [("gate_shut", "main")])
    assert late.causes[0].since == opened


def test_a_gate_that_was_open_before_lessons_has_its_grace_from_their_beginning() -> None:
    lessons = datetime(2026, 3, 2, 0, 10, tzinfo=UTC)  # 8:10 in China
    facts = _door("open", lessons - timedelta(hours=1))
    assert verdict("closed_campus", facts, lessons - timedelta(minutes=1)).standing is Standing.COMPLIANT
    assert verdict("closed_campus", facts, lessons + timedelta(seconds=179)).standing is Standing.COMPLIANT
    assert verdict("closed_campus", facts, lessons + timedelta(seconds=180)).standing is Standing.DROPPED


def test_out_of_class_and_on_free_days_a_gate_may_be_open() -> None:
    for at in (NOW + timedelta(hours=8), NOW + timedelta(days=5), datetime(2026, 7, 20, 2, tzinfo=UTC)):
        found = verdict("closed_campus", _door("open", LONG_AGO), at)
        assert ("gate_shut", "main") not in causes(found)
        assert found.changes_at is not None


def test_a_gate_whose_control_is_silent_is_unknown_and_one_without_counts_as_guarded() -> None:
    silent = with_device(replace(DOOR, connectivity=Connectivity.OFFLINE))
    assert verdict("closed_campus", silent).standing is Standing.UNKNOWN
    bare = replace(SCHOOL, gates=(replace(GATE, device_id=""),))
    assert verdict("closed_campus", bare).standing is Standing.COMPLIANT
    assert verdict("closed_campus", bare, sensor_required=True).standing is Standing.DROPPED


@pytest.mark.parametrize(
    ("changed", "requirement"),
    [
        ({"installed_on": None}, "barrier_installed"),
        ({"installed_on": date(2026, 3, 3)}, "barrier_installed"),
        ({"gate_id": "other"}, "barrier_installed"),
        ({"inspected_on": date(2025, 9, 2)}, "barrier_inspected"),
        ({"inspection_passed": False}, "barrier_inspected"),
        ({"inspected_on": None}, "barrier_inspected"),
    ],
)
def test_barriers_are_there_and_inspected(changed: dict[str, Any], requirement: str) -> None:
    found = verdict("closed_campus", replace(SCHOOL, barriers=(replace(BARRIER, **changed),)))
    assert found.standing is Standing.DROPPED
    assert [one.requirement for one in found.causes] == [requirement]


def test_an_inspection_holds_to_its_last_day() -> None:
    facts = replace(SCHOOL, barriers=(replace(BARRIER, inspected_on=date(2025, 9, 3)),))
    found = verdict("closed_campus", facts)
    assert found.standing is Standing.COMPLIANT
    assert verdict("closed_campus", facts, MIDNIGHT).standing is Standing.DROPPED


def test_a_barrier_goes_down_for_a_delivery_and_comes_up_again_or_is_missed() -> None:
    down = with_device(replace(SENSOR, condition={"barrier": "down"}, condition_since=NOW))
    assert verdict("closed_campus", down).standing is Standing.COMPLIANT
    assert verdict("closed_campus", down, NOW + timedelta(seconds=1800)).standing is Standing.DROPPED
    gone = with_device(replace(SENSOR, condition={"barrier": "removed"}, condition_since=NOW))
    assert causes(verdict("closed_campus", gone)) == [("barrier_in_place", "b1")]


# -- networking -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", [BUTTON, CAMERA])
def test_a_silent_device_drops_and_names_its_last_sign_of_life(one: Any) -> None:
    found = verdict("networking", with_device(replace(one, connectivity=Connectivity.OFFLINE, since=NOW)))
    assert (found.standing, causes(found)) == (Standing.DROPPED, [("heartbeat", one.device_id)])
    assert found.causes[0].since == NOW
    assert found.causes[0].detail["last_seen_at"] == NOW.isoformat()


def test_behind_a_dead_parent_nobody_can_tell() -> None:
    behind = replace(BUTTON, connectivity=Connectivity.OFFLINE, behind="gw-1")
    assert verdict("networking", with_device(behind)).standing is Standing.UNKNOWN
    reported_unknown = replace(BUTTON, connectivity=Connectivity.UNKNOWN)
    assert verdict("networking", with_device(reported_unknown)).standing is Standing.UNKNOWN


def test_a_proof_holds_for_its_days() -> None:
    facts = with_device(replace(BUTTON, proofs=proofs(NOW)))
    ends = NOW + timedelta(days=37)
    assert verdict("networking", facts).changes_at == ends
    found = verdict("networking", facts, ends)
    assert causes(found) == [("receipt", "btn-1@police"), ("receipt", "btn-1@education")]
    assert found.causes[0].since == ends


def test_both_links_have_to_receipt() -> None:
    only = with_device(replace(BUTTON, proofs=proofs()[:1]))
    assert causes(verdict("networking", only)) == [("receipt", "btn-1@police")]


def test_what_was_never_proved_is_unknown_until_it_is_due() -> None:
    new = replace(BUTTON, proofs=(), registered_at=NOW)
    assert verdict("networking", with_device(new)).standing is Standing.UNKNOWN
    due = NOW + timedelta(days=30)
    assert verdict("networking", with_device(new)).changes_at == due
    assert verdict("networking", with_device(new), due).standing is Standing.DROPPED
    mute = replace(CAMERA, connectivity=Connectivity.UNKNOWN, last_seen_at=None, since=None, registered_at=NOW)
    assert verdict("networking", with_device(mute)).standing is Standing.UNKNOWN
    assert causes(verdict("networking", with_device(mute), due)) == [("heartbeat", "cam-1")]


def test_a_site_without_a_button_is_not_networked() -> None:
    found = verdict("networking", replace(SCHOOL, devices={"cam-1": CAMERA}))
    assert (found.standing, causes(found)) == (Standing.DROPPED, [("one_key_alarm", "s001")])
    assert verdict("networking", replace(SCHOOL, devices={})).standing is Standing.UNKNOWN


def test_a_silent_link_counts_and_an_unsupervised_one_does_not() -> None:
    dead = LinkFact(link_id="police", alive=False, since=NOW)
    assert causes(verdict("networking", replace(SCHOOL, links=(dead,)))) == [("link", "police")]
    unheard = LinkFact(link_id="police", alive=None)
    assert verdict("networking", replace(SCHOOL, links=(unheard,))).standing is Standing.COMPLIANT


# -- posts ------------------------------------------------------------------------------------------------------------


def test_a_post_is_manned_while_pupils_come() -> None:
    arrival = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)  # 7:30 in China
    assert verdict("guard_posts", SCHOOL, arrival + timedelta(minutes=14)).standing is Standing.COMPLIANT
    due = arrival + timedelta(minutes=15)
    assert causes(verdict("guard_posts", SCHOOL, due)) == [("post_manned", "p1")]

    def reported(present: int) -> Any:
        report = PostReport(site_id="s001", post_id="p1", at=arrival, present=present, reporter="张伟")
        return replace(SCHOOL, post_reports=(report,))

    assert verdict("guard_posts", reported(2), due).standing is Standing.COMPLIANT
    assert verdict("guard_posts", reported(1), due).standing is Standing.DROPPED
    assert verdict("guard_posts", SCHOOL, NOW).standing is Standing.COMPLIANT
    assert verdict("guard_posts", replace(SCHOOL, posts=())).standing is Standing.DROPPED


# -- definitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "parameters", "fault"),
    [
        ("guard_staffing", {"steps": [{"pupils": 10, "guards": 1}]}, "begin at 0 pupils"),
        ("guard_staffing", {"steps": []}, "begin at 0 pupils"),
        ("guard_staffing", {"steps": [{"pupils": 0, "guards": 2}, {"pupils": 100, "guards": 1}]}, "fewer guards"),
        ("guard_staffing", {"serving_age": 40}, "hired_age"),
        ("guard_staffing", {"serving_age": "60"}, "Expected `int`"),
        ("guard_staffing", {"servingage": 60}, "servingage"),
        ("closed_campus", {"open_s": -1}, "open_s"),
        ("networking", {"links": []}, "at least one"),
        ("networking", {"test_days": 60}, "proof_days"),
        ("networking", {"links": ["Police!"]}, "links"),
        ("guard_posts", {"exempt_kinds": ["university"]}, "exempt_kinds"),
        ("magic", {}, "no such measure"),
    ],
)
def test_a_definition_that_cannot_be_meant_is_refused(measure: str, parameters: dict[str, Any], fault: str) -> None:
    with pytest.raises(DefinitionRefused, match=fault):
        ruling(definition(measure, **parameters))


def test_a_definition_is_kept_with_all_its_figures() -> None:
    kept = complete(definition("closed_campus", open_s=60))
    assert kept.parameters["open_s"] == 60
    assert kept.parameters["down_s"] == 1800
    assert SiteKind.PRIMARY.value not in kept.parameters["exempt_kinds"]
