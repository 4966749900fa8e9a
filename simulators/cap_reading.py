"""What a receiver makes of a CAP 1.2 document: as much as its operator wants to see, in the words of a webhook."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

from simulators.errors import SimulatorError

MEDIA_TYPE = "application/cap+xml"
_TYPES = {"Alert": "incident.raised", "Update": "incident.raised", "Cancel": "incident.reset"}


def read_cap(document: bytes) -> dict[str, Any]:
    """A document whose signature was checked, as a webhook's body.

    :raises SimulatorError: it is no CAP 1.2 document.
    """
    if b"<!" in document:
        raise SimulatorError("a document type or a comment, which our documents never have")
    try:
        alert = fromstring(document.decode())  # noqa: S314 - signed by the other side, and no entities
    except (ParseError, UnicodeDecodeError) as error:
        raise SimulatorError(f"not XML: {error}") from error
    namespace, _, name = alert.tag.rpartition("}")
    if name != "alert" or namespace != "{urn:oasis:names:tc:emergency:cap:1.2":
        raise SimulatorError(f"not a CAP 1.2 document but {alert.tag}")
    ns = namespace + "}"
    infos = {_text(info, ns, "language")[:2]: info for info in alert.iter(f"{ns}info")}
    info = infos.get("zh")
    status, rule = _text(alert, ns, "status"), ""
    if info is not None:
        rule = next((_text(code, ns, "value") for code in info.iter(f"{ns}eventCode")), "")
    area = None if info is None else info.find(f"{ns}area")
    return {
        "type": "link.heartbeat" if status == "System" else _TYPES.get(_text(alert, ns, "msgType"), ""),
        "timestamp": _text(alert, ns, "sent"),
        "data": {
            "incident_id": _text(alert, ns, "incidents"),
            "rule": rule,
            "test": status == "Test",
            "drill": status == "Exercise",
            "text": {language: _text(one, ns, "headline") for language, one in infos.items()},
            "site": None
            if area is None
            else {"name": _text(area, ns, "areaDesc"), "circle": _text(area, ns, "circle")},
            "cap": {
                field: _text(alert, ns, field)
                for field in ("identifier", "sender", "sent", "status", "msgType", "scope", "addresses", "references")
            },
        },
    }


def _text(parent: Element, ns: str, name: str) -> str:
    return (parent.findtext(f"{ns}{name}") or "").strip()
