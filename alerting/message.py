"""What is sent: the body of a webhook and the text for people, in Chinese and English. Pure.

The body is documented in docs/links.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from alerting.place import Place
from domain.delivery import Notice
from domain.finding import Severity
from domain.site import Site
from domain.vocabulary import AREA_RULES, DEVICE_WORDS, HOUSE_RULES, SEVERITY_WORDS, rule_words

_NOTICE_WORDS = {
    Notice.RAISED: ("", ""),
    Notice.RETURNED: ("已恢复：", "Back to normal: "),
    Notice.RESET: ("已复位：", "Reset: "),
    Notice.REPORT: ("报告：", "Report: "),
    Notice.CLOCK: ("上报时限：", "Report due: "),
    Notice.WARNING: ("预警：", "Early warning: "),
    Notice.HEARTBEAT: ("链路心跳：", "Heartbeat: "),
    Notice.TEST: ("链路自检：", "Self-check of the link: "),
}


def subject_text(
    *,
    rule: str,
    severity: Severity,
    test: bool,
    drill: bool,
    place: Place,
    notice: Notice = Notice.RAISED,
    detail: Mapping[str, Any] | None = None,
) -> tuple[str, str]:
    """One line: mark, what, where. Chinese and English. ``detail``: of the finding, which has the title of a rule that
    people have added.
    """
    mark_zh, mark_en = ("【测试】", "[TEST] ") if test else ("【演练】", "[DRILL] ") if drill else ("", "")
    what_zh, what_en = rule_words(rule, detail)
    grave_zh, grave_en = SEVERITY_WORDS[severity]
    nowhere_zh, nowhere_en = ("未登记学校", "unregistered site")
    if rule in HOUSE_RULES:
        nowhere_zh, nowhere_en = "本系统", "this system"
    elif rule in AREA_RULES:
        nowhere_zh, nowhere_en = "多所学校", "several sites"
    site_zh = place.site.name if place.site else nowhere_zh
    site_en = (place.site.name_en or place.site.name) if place.site else nowhere_en
    where_zh = where_en = ""
    if place.device is not None:
        kind_zh, kind_en = DEVICE_WORDS[place.device.kind]
        spot = place.device.place or place.device.name
        where_zh = f" {spot}" if kind_zh == what_zh else f" {spot} {kind_zh}"
        where_en = f", {spot}" if kind_en.lower() == what_en.lower() else f", {spot} ({kind_en})"
    before_zh, before_en = _NOTICE_WORDS[notice]
    return (
        f"{mark_zh}{before_zh}【{grave_zh}】{what_zh} {site_zh}{where_zh}",
        f"{mark_en}{before_en}{what_en} ({grave_en}) at {site_en}{where_en}",
    )


def detail_text(place: Place, raised_at: datetime, *, zone: ZoneInfo) -> tuple[str, str]:
    """Time, address and contacts for the person who has to act. Chinese and English."""
    local = raised_at.astimezone(zone)
    lines_zh, lines_en = [f"时间：{local:%Y-%m-%d %H:%M:%S}"], [f"Time: {local:%Y-%m-%d %H:%M:%S %Z}"]
    if place.site is not None:
        site = place.site
        if site.address:
            lines_zh.append(f"地址：{site.address}")
            lines_en.append(f"Address: {site.address}")
        contact = f"{site.contact_name} {site.contact_phone}".strip()
        if contact:
            lines_zh.append(f"联系人：{contact}")
            lines_en.append(f"Contact: {contact}")
    return "\n".join(lines_zh), "\n".join(lines_en)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that links were told: the same ``id`` and time on every link and over all tries."""

    id: str
    at: datetime


def webhook_body(
    *,
    incident_id: UUID,
    number: int | None,
    rule: str,
    category: str,
    severity: Severity,
    life_safety: bool,
    test: bool,
    drill: bool,
    raised_at: datetime,
    place: Place,
    notice: Notice,
    at: datetime,
    call: Call | None = None,
    references: Sequence[Call] = (),
    detail: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The body of a delivery to police or education. ``number`` is None where the database has not given one yet.
    ``call`` names what is said now, ``references`` what was said before of the same incident. ``detail``: as with
    `subject_text`.
    """
    call = call or Call(id=str(incident_id), at=raised_at)
    zh, en = subject_text(
        rule=rule, severity=severity, test=test, drill=drill, place=place, notice=notice, detail=detail
    )
    title_zh, title_en = rule_words(rule, detail)
    device = place.device
    return {
        "type": f"incident.{notice.value}",
        "timestamp": at.isoformat(),
        "data": {
            "incident_id": str(incident_id),
            "number": number,
            "rule": rule,
            "title": {"zh": title_zh, "en": title_en},
            "category": category,
            "severity": severity.value,
            "life_safety": life_safety,
            "test": test,
            "drill": drill,
            "raised_at": raised_at.isoformat(),
            "call": {
                "id": call.id,
                "at": call.at.isoformat(),
                "references": [{"id": one.id, "at": one.at.isoformat()} for one in references],
            },
            "site": site_body(place.site),
            "device": None
            if device is None
            else {
                "device_id": device.device_id,
                "kind": device.kind.value,
                "name": device.name,
                "place": device.place,
            },
            "cameras": [
                {"device_id": camera.device_id, "name": camera.name, "place": camera.place} for camera in place.cameras
            ],
            "text": {"zh": zh, "en": en},
        },
    }


def site_body(site: Site | None) -> dict[str, Any] | None:
    """Name, place, position and contacts of a site."""
    if site is None:
        return None
    return {
        "site_id": site.site_id,
        "name": site.name,
        "name_en": site.name_en,
        "township": site.township,
        "address": site.address,
        "longitude": site.longitude,
        "latitude": site.latitude,
        "contact_name": site.contact_name,
        "contact_phone": site.contact_phone,
    }
