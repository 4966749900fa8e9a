from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from detectors.documents.reading import read_said
from detectors.engine import Engine
from detectors.grounds import Grounds
from detectors.lives import Heard
from detectors.rules import alarm_rules
from detectors.rules.doubtful_alarm import doubtful_message
from detectors.rules.reported_alarm import LATE_AFTER, ReportedAlarm, alarm_table
from domain.finding import Category, Finding, FindingKind, Severity
from domain.observation import Alarm, AlarmKind
from domain.quarantine import Reason, Rejected
from domain.vocabulary import RULE_WORDS
from tests.unit.detectors.sayings import BUTTON, START, alarm, at


def _doubt(reason: Reason, *, site_no: int, **names: Any) -> Finding:
    registered = site_no != 0 and reason is not Reason.UNKNOWN_DEVICE
    return doubtful_message(_rejected(reason, **names), site_no=site_no, registered=registered, retained=False)


LATCHING = {AlarmKind.PANIC, AlarmKind.DURESS, AlarmKind.MANUAL_CALL_POINT}


def _found(*alarms: Alarm) -> list[Finding]:
    engine = Engine(alarm_rules())
    return [found for one in alarms for found in engine.observe(one)]


@pytest.mark.parametrize("kind", list(AlarmKind))
def test_every_alarm_is_raised_with_its_gravity(kind: AlarmKind) -> None:
    (found,) = _found(alarm(5, kind, said_s=3))
    assert found.kind is FindingKind.RAISED
    assert (found.at, found.found_at) == (at(3), at(5))
    assert found.life_safety is (kind is not AlarmKind.INTRUSION)
    assert found.severity is (Severity.CRITICAL if found.life_safety else Severity.MAJOR)
    assert found.rule in RULE_WORDS, "people are told in words"
    assert found.key == f"{found.rule}/{BUTTON.key}"


def test_no_two_alarms_share_a_rule() -> None:
    table = alarm_table((), Grounds())
    assert len({rule.rule for rules in table.values() for rule in rules}) == len(AlarmKind) == len(table)


@pytest.mark.parametrize("kind", list(AlarmKind))
def test_the_end_of_an_alarm_is_believed_only_where_it_does_not_latch(kind: AlarmKind) -> None:
    found = _found(alarm(0, kind, active=False))
    assert [one.kind for one in found] == ([] if kind in LATCHING else [FindingKind.CLEARED])


@pytest.mark.parametrize("kind", list(AlarmKind))
@pytest.mark.parametrize(("test", "drill"), [(True, False), (False, True), (True, True)])
def test_a_test_or_drill_has_a_key_of_its_own_and_so_hides_no_real_alarm(
    kind: AlarmKind, test: bool, drill: bool
) -> None:
    marked, real = _found(alarm(0, kind, test=test, drill=drill), alarm(1, kind))
    assert (marked.test, marked.drill) == (test, drill)
    assert (real.test, real.drill) == (False, False)
    assert marked.key != real.key
    assert marked.life_safety is real.life_safety


def test_a_test_and_a_drill_do_not_hide_each_other() -> None:
    assert len({one.key for one in _found(alarm(0, test=True), alarm(1, drill=True), alarm(2))}) == 3


def test_the_end_of_a_test_clears_the_test_and_not_the_real_alarm() -> None:
    real, end = _found(alarm(0, AlarmKind.SMOKE), alarm(1, AlarmKind.SMOKE, active=False, test=True))
    assert end.kind is FindingKind.CLEARED
    assert end.key != real.key


def test_the_same_message_again_is_the_same_finding_and_another_press_is_another() -> None:
    first, again, other = _found(alarm(0, name="a"), alarm(9, name="a"), alarm(0, name="b"))
    assert first.finding_id == again.finding_id
    assert first.finding_id != other.finding_id
    assert first.key == other.key


def test_raise_and_end_under_one_id_are_two_findings() -> None:
    raised, ended = _found(alarm(0, AlarmKind.SMOKE, name="a"), alarm(1, AlarmKind.SMOKE, active=False, name="a"))
    assert raised.finding_id != ended.finding_id


def test_a_late_test_or_drill_is_a_doubt_of_its_own() -> None:
    """Otherwise it would hide the real press that comes late behind it."""
    limit_s = LATE_AFTER.total_seconds()
    late = [
        alarm(limit_s + 1, AlarmKind.PANIC, said_s=0),
        msgspec.structs.replace(alarm(limit_s + 1, AlarmKind.PANIC, said_s=0), test=True),
        msgspec.structs.replace(alarm(limit_s + 1, AlarmKind.PANIC, said_s=0), drill=True),
    ]
    found = _found(*late)
    assert [(one.test, one.drill) for one in found] == [(False, False), (True, False), (False, True)]
    assert len({one.key for one in found}) == 3


@pytest.mark.parametrize("kind", list(AlarmKind))
def test_a_late_alarm_becomes_doubtful_and_is_never_dropped(kind: AlarmKind) -> None:
    limit_s = LATE_AFTER.total_seconds()
    (in_time,) = _found(alarm(limit_s, kind, said_s=0))
    assert in_time.rule != "doubtful_alarm"
    (late,) = _found(alarm(limit_s + 1, kind, said_s=0))
    assert (late.rule, late.kind, late.category) == ("doubtful_alarm", FindingKind.RAISED, Category.SYSTEM)
    assert late.severity is Severity.CRITICAL
    assert not late.life_safety, "police and education are not called by it"
    assert late.at == at(limit_s + 1), "when it happened is what nobody knows"
    assert late.detail == {"reason": "late", "alarm": kind.value, "device_time": START.isoformat()}
    assert _found(alarm(limit_s + 1, kind, said_s=0, active=False)) == []


def test_an_alarm_of_a_clock_that_is_ahead_is_an_alarm_of_now() -> None:
    (found,) = _found(alarm(0, said_s=299))
    assert found.rule == "one_key_alarm"


def _rejected(reason: Reason, *, site_id: str = "s001", device_id: str = "s001-btn-09", second: int = 0) -> Rejected:
    return Rejected(
        received_at=START + timedelta(seconds=second),
        topic=f"campus/v1/{site_id}/{device_id}/alarm",
        site_id=site_id,
        device_id=device_id,
        channel="alarm",
        reason=reason,
        detail="x" * 5000,
        payload=b"",
        size=0,
    )


@pytest.mark.parametrize("reason", list(Reason))
def test_what_cannot_be_read_on_the_alarm_channel_is_an_incident_for_people(reason: Reason) -> None:
    found = _doubt(reason, site_no=1)
    assert (found.kind, found.severity, found.life_safety) == (FindingKind.RAISED, Severity.CRITICAL, False)
    assert found.detail["reason"] == reason.value
    assert len(found.detail["detail"]) <= 300


def test_strangers_cannot_open_incidents_without_end() -> None:
    """One for a site's unregistered devices and one for all unknown sites, however many names somebody makes up."""
    strangers = [_doubt(Reason.UNKNOWN_DEVICE, device_id=f"x{n}", site_no=1) for n in range(50)]
    nowhere = [_doubt(Reason.UNKNOWN_SITE, site_id=f"t{n}", site_no=0) for n in range(50)]
    assert len({found.key for found in strangers}) == 1
    assert len({found.key for found in nowhere}) == 1
    assert len({found.finding_id for found in strangers + nowhere}) == 100
    known = [_doubt(Reason.BAD_JSON, device_id=f"b{n}", site_no=1) for n in range(3)]
    assert len({found.key for found in known}) == 3


def test_retained_message_is_the_same_finding_at_every_subscription_and_a_live_one_is_not() -> None:
    early, late = _rejected(Reason.BAD_JSON), _rejected(Reason.BAD_JSON)
    late = msgspec.structs.replace(late, received_at=late.received_at + timedelta(hours=1))
    retained = {doubtful_message(r, site_no=1, registered=True, retained=True).finding_id for r in (early, late)}
    live = {doubtful_message(r, site_no=1, registered=True, retained=False).finding_id for r in (early, late)}
    assert (len(retained), len(live)) == (1, 2)


@pytest.mark.parametrize("kind", sorted(LATCHING))
def test_a_test_that_nobody_reset_does_not_keep_the_links_from_hearing_the_next_days(kind: AlarmKind) -> None:
    """Within a day it is the same test once more, and a test is never the real thing."""
    first, again, tomorrow = _found(*(alarm(hours * 3600, kind, test=True) for hours in (0, 0.1, 24)))
    assert first.key == again.key != tomorrow.key
    [real] = _found(alarm(0, kind))
    assert real.key not in {first.key, tomorrow.key}


def test_an_alarm_of_a_rule_that_people_added_has_its_title_whatever_the_device_says() -> None:
    document = read_said(
        {
            "rule": "canteen_intruder",
            "title": {"zh": "食堂入侵", "en": "Intruder in the canteen"},
            "category": "intrusion",
            "severity": "major",
            "when": {"alarm": "intrusion"},
        }
    )
    rule = ReportedAlarm()
    rule.use([document], Grounds())
    said = msgspec.structs.replace(alarm(0, AlarmKind.INTRUSION), detail={"rule_title": "x", "zone": 3})
    found = rule._observe(said, Heard.NEWS)
    titles = {one.rule: one.detail for one in found}
    assert titles["canteen_intruder"] == {
        "rule_title": {"zh": "食堂入侵", "en": "Intruder in the canteen"},
        "zone": 3,
    }
