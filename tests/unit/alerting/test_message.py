from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from alerting.message import detail_text, subject_text, webhook_body
from alerting.place import Place
from alerting.templates import call
from domain.delivery import Notice
from domain.device import Device, DeviceKind
from domain.finding import Severity
from domain.response import Grade
from tests.unit.alerting.findings import BUTTON, NOW, SITE, finding

HERE = Place(site=SITE, device=BUTTON)
SMOKE = Device(site_id="s001", device_id="s001-smk-01", kind=DeviceKind.SMOKE, name="烟感01", place="三楼走廊")


def _subject(
    rule: str = "one_key_alarm",
    *,
    place: Place = HERE,
    test: bool = False,
    drill: bool = False,
    notice: Notice = Notice.RAISED,
) -> tuple[str, str]:
    severity = Severity.CRITICAL
    return subject_text(rule=rule, severity=severity, test=test, drill=drill, place=place, notice=notice)


def test_a_press_is_told_in_one_line_of_each_language() -> None:
    zh, en = _subject()
    assert zh == "【紧急】一键报警 前黄实验学校 东门岗亭"
    assert en == "One-key alarm (critical) at Qianhuang Experimental School, 东门岗亭"


def test_what_stands_there_is_told_where_the_alarm_does_not_say_it() -> None:
    zh, en = _subject("heartbeat_lost", place=Place(site=SITE, device=SMOKE))
    assert zh == "【紧急】设备失联 前黄实验学校 三楼走廊 烟感"
    assert en == "Device silent (critical) at Qianhuang Experimental School, 三楼走廊 (smoke detector)"


@pytest.mark.parametrize(
    ("test", "drill", "zh", "en"),
    [(True, False, "【测试】", "[TEST]"), (False, True, "【演练】", "[DRILL]"), (True, True, "【测试】", "[TEST]")],
)
@pytest.mark.parametrize("notice", list(Notice))
def test_the_mark_of_a_test_or_drill_is_the_first_thing_read(
    test: bool, drill: bool, zh: str, en: str, notice: Notice
) -> None:
    subject = _subject(test=test, drill=drill, notice=notice)
    assert subject[0].startswith(zh)
    assert subject[1].startswith(en)


@pytest.mark.parametrize("notice", list(Notice))
def test_a_real_alarm_bears_no_mark(notice: Notice) -> None:
    zh, en = _subject(notice=notice)
    assert "测试" not in zh
    assert "演练" not in zh
    assert "[" not in en


def test_an_unknown_place_and_an_unknown_rule_are_told_as_such() -> None:
    zh, en = _subject("brand_new", place=Place())
    assert (zh, en) == ("【紧急】brand_new 未登记学校", "brand_new (critical) at unregistered site")


WARM = {"rule_title": {"zh": "机房偏热", "en": "Server room is warm"}, "temperature_c": 39.0}


def test_a_rule_that_people_added_is_told_by_its_title_and_none_that_ships() -> None:
    for rule, zh, en in (("warm", "机房偏热", "Server room is warm"), ("smoke_alarm", "烟雾报警", "Smoke alarm")):
        told = subject_text(
            rule=rule, severity=Severity.MINOR, test=False, drill=False, place=Place(site=SITE), detail=WARM
        )
        assert (told[0].split()[0].partition("】")[2], told[1].partition(" (")[0]) == (zh, en)
    strange = subject_text(
        rule="warm", severity=Severity.MINOR, test=False, drill=False, place=Place(), detail={"rule_title": "x"}
    )
    assert strange[1].startswith("warm (")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_whoever_is_called_hears_the_title_too(language: str) -> None:
    words = call(
        language, rule="warm", severity=Severity.MAJOR, drill=False, test=False, number=7, grade=Grade.IV, place=HERE,
        raised_at=NOW, zone=ZoneInfo("Asia/Shanghai"), round_no=1, found=WARM,
    )  # fmt: skip
    assert WARM["rule_title"][language] in words.title  # type: ignore[index]


def test_a_site_without_an_english_name_is_called_by_its_own() -> None:
    _, en = _subject(place=Place(site=msgspec.structs.replace(SITE, name_en="")))
    assert en.endswith("at 前黄实验学校")


def test_details_tell_local_time_address_and_contact() -> None:
    zh, en = detail_text(HERE, NOW, zone=ZoneInfo("Asia/Shanghai"))
    assert zh.split("\n") == ["时间：2026-03-02 09:30:00", "地址：前黄镇景德西路1号", "联系人：张伟 0519-86510001"]
    assert en.startswith("Time: 2026-03-02 09:30:00 CST\nAddress: ")
    bare = msgspec.structs.replace(SITE, address="", contact_name="", contact_phone="")
    zh, _ = detail_text(Place(site=bare), NOW, zone=ZoneInfo("Asia/Shanghai"))
    assert zh == "时间：2026-03-02 09:30:00"


@pytest.mark.parametrize("mark", ["test", "drill", ""])
@pytest.mark.parametrize("place", [HERE, Place(site=SITE), Place()], ids=["whole", "site", "nothing"])
def test_the_body_of_a_webhook_says_what_the_contract_promises(mark: str, place: Place) -> None:
    found = finding(test=mark == "test", drill=mark == "drill")
    body = webhook_body(
        incident_id=found.finding_id,
        number=None,
        rule=found.rule,
        category=found.category.value,
        severity=found.severity,
        life_safety=found.life_safety,
        test=found.test,
        drill=found.drill,
        raised_at=found.at,
        place=place,
        notice=Notice.RAISED,
        at=NOW + timedelta(seconds=1),
    )
    data = msgspec.json.decode(msgspec.json.encode(body))["data"]
    assert body["type"] == "incident.raised"
    assert body["timestamp"] == "2026-03-02T01:30:01+00:00"
    assert (data["test"], data["drill"], data["life_safety"]) == (mark == "test", mark == "drill", True)
    assert data["raised_at"] == "2026-03-02T01:30:00+00:00"
    assert (data["site"] is None, data["device"] is None) == (place.site is None, place.device is None)
    if place.site is not None:
        assert (data["site"]["longitude"], data["site"]["latitude"]) == (119.95, 31.61)
        assert data["site"]["contact_phone"] == "0519-86510001"
    assert set(data["text"]) == {"zh", "en"}
