"""CAP 1.2 documents: by the schema, and by what the standard says in words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import Element, fromstring
from zoneinfo import ZoneInfo

import capvalidator
import pytest

from alerting.cap import CapAddress, cap_document
from alerting.desk import Desk
from alerting.message import Call, webhook_body
from alerting.place import Place
from alerting.supervision import heartbeat, trial_alarm
from domain.delivery import Notice
from domain.device import Device, DeviceKind
from domain.finding import Category, Severity
from domain.incident import OpenCase
from domain.site import Site
from domain.vocabulary import RULE_WORDS
from tests.unit.alerting.findings import BUTTON, NOW, SITE, SmallGazetteer, finding, press

ZONE = ZoneInfo("Asia/Shanghai")
PRIVATE = CapAddress(
    sender="wujin.campuswatch", sender_name="武进区校园安全监控中心", addresses=("police", "110 centre")
)
RESTRICTED = CapAddress(sender="wujin.campuswatch", scope="Restricted", restriction="公安内部")
CAMERA = Device(site_id="s001", device_id="s001-cam-01", kind=DeviceKind.CAMERA, name="东门摄像机", place="东门岗亭")
NS = "{urn:oasis:names:tc:emergency:cap:1.2}"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")


def valid(document: bytes) -> Element:
    """By the schema of OASIS, and by the rules that it cannot say (CAP 1.2, 3.2)."""
    result = capvalidator.check_schema(document)
    assert result.passed, f"{result.message}\n{document.decode()}"
    alert = fromstring(document.decode())
    one = {
        name: alert.findtext(f"{NS}{name}") or ""
        for name in (
            "identifier",
            "sender",
            "sent",
            "status",
            "msgType",
            "scope",
            "restriction",
            "addresses",
            "note",
            "references",
        )
    }
    for name in ("identifier", "sender"):
        assert one[name]
        assert not re.search(r"[\s,<&]", one[name]), f"{name}: {one[name]}"
    for element in alert.iter():
        if element.tag.removeprefix(NS) in ("sent", "effective", "onset", "expires"):
            assert TIME.fullmatch(element.text or ""), element.text
    assert (one["scope"] == "Restricted") == bool(one["restriction"])
    assert one["scope"] != "Private" or one["addresses"]
    assert (one["msgType"] in ("Update", "Cancel")) == bool(one["references"])
    for reference in one["references"].split():
        sender, identifier, sent = reference.split(",")
        assert sender == one["sender"]
        assert identifier
        assert TIME.fullmatch(sent)
    if one["status"] in ("Exercise", "Test"):
        assert "勿" in one["note"], "a drill says so in words too"
    for circle in alert.iter(f"{NS}circle"):
        latitude, longitude, radius = re.fullmatch(r"(-?[\d.]+),(-?[\d.]+) ([\d.]+)", circle.text or "").groups()  # type: ignore[union-attr]
        assert abs(float(latitude)) <= 90
        assert abs(float(longitude)) <= 180
        assert float(radius) >= 0
    languages = [info.findtext(f"{NS}language") for info in alert.iter(f"{NS}info")]
    assert languages == ([] if one["status"] == "System" else ["zh-CN", "en-US"])
    return alert


def body(rule: str = "one_key_alarm", **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "incident_id": "0f0f",
        "number": 17,
        "rule": rule,
        "category": Category.PANIC.value,
        "severity": Severity.CRITICAL,
        "life_safety": True,
        "test": False,
        "drill": False,
        "raised_at": NOW,
        "place": Place(site=SITE, device=BUTTON, cameras=(CAMERA,)),
        "notice": Notice.RAISED,
        "at": NOW,
        **changes,
    }
    return webhook_body(**given)


@pytest.mark.parametrize("address", [PRIVATE, RESTRICTED], ids=["private", "restricted"])
@pytest.mark.parametrize("mark", ["", "test", "drill"])
@pytest.mark.parametrize("rule", sorted(RULE_WORDS))
def test_every_kind_of_incident_is_a_valid_document(rule: str, mark: str, address: CapAddress) -> None:
    alert = valid(cap_document(body(rule, test=mark == "test", drill=mark == "drill"), "msg_1", address, ZONE))
    assert alert.findtext(f"{NS}status") == {"": "Actual", "test": "Test", "drill": "Exercise"}[mark]
    headline = alert.findtext(f"{NS}info/{NS}headline") or ""
    assert {"": "【紧急】", "test": "【测试】", "drill": "【演练】"}[mark] in headline


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("category", Category)
def test_every_category_and_severity_has_its_word(category: Category, severity: Severity) -> None:
    valid(cap_document(body(category=category.value, severity=severity), "msg_1", PRIVATE, ZONE))


@pytest.mark.parametrize(
    "place",
    [Place(), Place(site=SITE), Place(site=Site(site_id="s002", name="<&\x07>，学校"), device=BUTTON)],
    ids=["nowhere", "no device", "no point, strange name"],
)
def test_what_is_not_known_of_a_place_leaves_a_valid_document(place: Place) -> None:
    valid(cap_document(body(place=place), "msg_1", PRIVATE, ZONE))


def test_position_address_cameras_and_contact_go_with_it() -> None:
    text = cap_document(body(), "msg_1", PRIVATE, ZONE).decode()
    assert "<circle>31.610000,119.950000 0.2</circle>" in text
    for said in (SITE.address, SITE.name, SITE.name_en, SITE.contact_phone, "s001-cam-01 东门岗亭", "东门岗亭"):
        assert said in text


def test_an_alarm_that_came_back_is_an_update_and_a_reset_cancels_both_word_for_word() -> None:
    desk = Desk(gazetteer=SmallGazetteer(), link_ids=("police",), zone=ZONE)
    first, again = finding("smoke_alarm"), finding("smoke_alarm", at=NOW + timedelta(minutes=5))
    (called,) = desk.link_deliveries(first, now=NOW)
    case = OpenCase(incident_id=called.incident_id, number=3, returned=True, raised_at=first.at)
    (updated,) = desk.link_deliveries(again, now=NOW + timedelta(minutes=6), case=case)
    documents = [valid(cap_document(one.body, one.webhook_id, PRIVATE, ZONE)) for one in (called, updated)]
    assert [one.findtext(f"{NS}msgType") for one in documents] == ["Alert", "Update"]
    names = [
        ",".join(one.findtext(f"{NS}{name}") or "" for name in ("sender", "identifier", "sent")) for one in documents
    ]
    assert documents[1].findtext(f"{NS}references") == names[0]
    calls = [Call(id=one.body["data"]["call"]["id"], at=at) for one, at in ((called, first.at), (updated, again.at))]
    reset = body(notice=Notice.RESET, call=Call(id="0f0f.reset", at=NOW), references=calls)
    cancel = valid(cap_document(reset, "msg_9", PRIVATE, ZONE))
    assert cancel.findtext(f"{NS}msgType") == "Cancel"
    assert (cancel.findtext(f"{NS}references") or "").split() == names


def test_the_same_call_has_the_same_name_and_time_over_all_tries_and_links() -> None:
    desk = Desk(gazetteer=SmallGazetteer(), link_ids=("police", "education"), zone=ZONE)
    pressed = press()
    tries = [
        fromstring(cap_document(one.body, one.webhook_id, PRIVATE, ZONE).decode())
        for seconds in (0, 90)
        for one in desk.link_deliveries(pressed, now=NOW + timedelta(seconds=seconds))
    ]
    assert len({(one.findtext(f"{NS}identifier"), one.findtext(f"{NS}sent")) for one in tries}) == 1


def test_times_in_utc_have_an_offset_and_no_letter() -> None:
    document = cap_document(body(at=datetime(2026, 3, 2, tzinfo=UTC)), "msg_1", PRIVATE, ZoneInfo("UTC"))
    assert (valid(document).findtext(f"{NS}sent") or "").endswith("-00:00")


def test_heartbeats_and_tests_of_the_link_are_valid_too() -> None:
    beat, trial = heartbeat("police", NOW, every_s=30.0), trial_alarm("police", NOW)
    assert valid(cap_document(beat.body, beat.webhook_id, PRIVATE, ZONE)).findtext(f"{NS}status") == "System"
    assert valid(cap_document(trial.body, trial.webhook_id, PRIVATE, ZONE)).findtext(f"{NS}status") == "Test"


def test_a_rule_that_people_added_is_an_event_of_its_title_in_both_languages() -> None:
    titled = body("warm", detail={"rule_title": {"zh": "机房偏热", "en": "Server room is warm"}})
    alert = valid(cap_document(titled, "msg_1", PRIVATE, ZONE))
    assert [one.text for one in alert.iter(f"{NS}event")] == ["机房偏热", "Server room is warm"]
