"""Alarms as CAP 1.2 documents (Common Alerting Protocol, OASIS 2010; GB/T 35965 follows it). Pure.

Built from the body of a webhook, so that both forms say the same of an alarm:

===================  =============================================================================
body                 document
===================  =============================================================================
incident.raised      Alert; Update where the incident had come back to normal and is there again
incident.reset       Cancel of all calls of the incident
report.*             Alert for the first report (初报), Update for those after it
link.heartbeat       status System
test, drill          status Test, Exercise with a note that says so
===================  =============================================================================

What the schema does not say and the standard's text does is kept too: times have an offset and never Z, an Update and a
Cancel refer back, a Private document has addresses and a Restricted one its restriction, identifiers hold no space, no
comma, no < and no &.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal
from xml.etree.ElementTree import Element, SubElement, tostring
from zoneinfo import ZoneInfo

import msgspec

from domain.finding import Category, Severity
from domain.vocabulary import rule_words

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
#: Around a school's point, in km: its premises.
RADIUS_KM: Final = 0.2

_CATEGORIES: Final = {
    Category.PANIC: "Security",
    Category.FIRE: "Fire",
    Category.INTRUSION: "Security",
    Category.DEVICE: "Infra",
    Category.SYSTEM: "Infra",
    Category.COMPLIANCE: "Safety",
}
_SEVERITIES: Final = {
    Severity.CRITICAL: "Extreme",
    Severity.MAJOR: "Severe",
    Severity.MINOR: "Moderate",
    Severity.ADVICE: "Minor",
}
_DRILL_NOTE: Final = "演练，请勿出警。This is a drill: do not dispatch."
_TEST_NOTE: Final = "测试，请勿出警。This is a test: do not dispatch."
_UNSENDABLE = re.compile(r"[\s,<&]+")
#: What XML 1.0 has no place for.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class CapAddress(msgspec.Struct, frozen=True, kw_only=True):
    """From whom documents are, and for whom. Private ones have ``addresses``, Restricted ones a ``restriction``."""

    sender: str
    sender_name: str = ""
    scope: Literal["Private", "Restricted"] = "Private"
    addresses: tuple[str, ...] = ()
    restriction: str = ""


def cap_document(body: Mapping[str, Any], webhook_id: str, address: CapAddress, zone: ZoneInfo) -> bytes:
    """The document for a webhook's ``body``; ``webhook_id`` names it where the body has no call of its own."""
    data: Mapping[str, Any] = body.get("data") or {}
    call: Mapping[str, Any] = data.get("call") or {}
    kind = str(body.get("type", ""))
    references = _references(call.get("references") or (), address, zone)
    alert = Element("alert", xmlns=NAMESPACE)
    _add(alert, "identifier", _token(str(call.get("id") or webhook_id)))
    _add(alert, "sender", _token(address.sender))
    _add(alert, "sent", _time(str(call.get("at") or body["timestamp"]), zone))
    _add(alert, "status", _status(kind, data))
    _add(alert, "msgType", _message_type(kind, references))
    _add(alert, "source", address.sender_name)
    _add(alert, "scope", address.scope)
    if address.scope == "Restricted":
        _add(alert, "restriction", address.restriction)
    if address.addresses:
        _add(alert, "addresses", " ".join(f'"{one}"' if " " in one else one for one in address.addresses))
    _add(alert, "note", _DRILL_NOTE if data.get("drill") else _TEST_NOTE if data.get("test") else "")
    _add(alert, "references", " ".join(references))
    _add(alert, "incidents", _token(str(data.get("incident_id") or "")))
    if kind != "link.heartbeat":
        for language in ("zh", "en"):
            _info(alert, language, kind, body, address, zone)
    text = tostring(alert, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _status(kind: str, data: Mapping[str, Any]) -> str:
    if kind == "link.heartbeat":
        return "System"
    return "Test" if data.get("test") else "Exercise" if data.get("drill") else "Actual"


def _message_type(kind: str, references: Sequence[str]) -> str:
    if not references:
        return "Alert"
    return "Cancel" if kind == "incident.reset" else "Update"


def _references(calls: Sequence[Mapping[str, Any]], address: CapAddress, zone: ZoneInfo) -> list[str]:
    """Each as ``sender,identifier,sent``, word for word as those documents had it."""
    return [f"{_token(address.sender)},{_token(str(call['id']))},{_time(str(call['at']), zone)}" for call in calls]


def _info(
    alert: Element, language: str, kind: str, body: Mapping[str, Any], address: CapAddress, zone: ZoneInfo
) -> None:
    data: Mapping[str, Any] = body["data"]
    english, report, over = language == "en", kind.startswith("report."), kind == "incident.reset"
    category = Category(data["category"]) if data.get("category") in set(Category) else Category.COMPLIANCE
    severity = Severity(data["severity"]) if data.get("severity") in set(Severity) else Severity.MAJOR
    rule = str(data.get("rule") or "")
    text = str((data.get("text") or {}).get(language) or (data.get("text") or {}).get("zh") or "")
    info = SubElement(alert, "info")
    _add(info, "language", "en-US" if english else "zh-CN")
    _add(info, "category", "Safety" if report or rule == "gas_alarm" else _CATEGORIES[category])
    what = ("事件报告", "Incident report") if report else rule_words(rule or "alarm", {"rule_title": data.get("title")})
    _add(info, "event", what[english])
    _add(info, "responseType", "AllClear" if over else "Monitor" if report else "Assess")
    _add(info, "urgency", "Past" if over else "Immediate" if data.get("life_safety") else "Expected")
    _add(info, "severity", _SEVERITIES[severity])
    # A person pressed the button; what a detector says is still to be looked at.
    _add(info, "certainty", "Observed" if category is Category.PANIC or report or over else "Likely")
    if rule:
        _pair(info, "eventCode", "campuswatch:rule", rule)
    _add(info, "effective", _time(str(body["timestamp"]), zone))
    if data.get("raised_at"):
        _add(info, "onset", _time(str(data["raised_at"]), zone))
    _add(info, "senderName", address.sender_name)
    _add(info, "headline", text)
    _add(info, "description", str(data.get("report", {}).get("text") or "") if report else _described(data, english))
    if data.get("drill") or data.get("test"):
        note = _DRILL_NOTE if data.get("drill") else _TEST_NOTE
        _add(info, "instruction", note)
    site: Mapping[str, Any] = data.get("site") or {}
    _add(info, "contact", f"{site.get('contact_name') or ''} {site.get('contact_phone') or ''}".strip())
    if data.get("number") is not None:
        _pair(info, "parameter", "campuswatch:number", str(data["number"]))
    if data.get("device"):
        _pair(info, "parameter", "campuswatch:device", str(data["device"]["device_id"]))
        _pair(info, "parameter", "campuswatch:place", str(data["device"].get("place") or ""))
    for camera in data.get("cameras") or ():
        _pair(info, "parameter", "campuswatch:camera", " ".join(filter(None, (camera["device_id"], camera["place"]))))
    if site:
        _area(info, site, english)


def _described(data: Mapping[str, Any], english: bool) -> str:
    site, device = data.get("site") or {}, data.get("device") or {}
    parts = (
        ("Site" if english else "学校", (site.get("name_en") if english else "") or site.get("name")),
        ("Township" if english else "乡镇", site.get("township")),
        ("Address" if english else "地址", site.get("address")),
        ("Place" if english else "位置", device.get("place") or device.get("name")),
    )
    return "; ".join(f"{word}: {value}" for word, value in parts if value)


def _area(info: Element, site: Mapping[str, Any], english: bool) -> None:
    area = SubElement(info, "area")
    name = (site.get("name_en") if english else "") or site.get("name") or site["site_id"]
    _add(area, "areaDesc", ", ".join(filter(None, (str(name), str(site.get("address") or "")))))
    longitude, latitude = site.get("longitude"), site.get("latitude")
    if longitude is not None and latitude is not None:
        # Latitude first: CAP has the points of WGS 84 so.
        _add(area, "circle", f"{latitude:.6f},{longitude:.6f} {RADIUS_KM:g}")
    _pair(area, "geocode", "campuswatch:site", str(site["site_id"]))


def _add(parent: Element, name: str, text: str) -> None:
    """A child with ``text``, or none where there is nothing to say."""
    if text:
        SubElement(parent, name).text = _CONTROLS.sub(" ", text)


def _pair(parent: Element, name: str, key: str, value: str) -> None:
    if value:
        pair = SubElement(parent, name)
        _add(pair, "valueName", key)
        _add(pair, "value", value)


def _token(text: str) -> str:
    return _UNSENDABLE.sub("_", text)


def _time(text: str, zone: ZoneInfo) -> str:
    """Whole seconds with an offset; UTC is -00:00, for Z must not be used."""
    at = datetime.fromisoformat(text)
    at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(zone)
    offset = at.strftime("%z")[:5]
    return f"{at:%Y-%m-%dT%H:%M:%S}" + ("-00:00" if offset == "+0000" else f"{offset[:3]}:{offset[3:]}")
