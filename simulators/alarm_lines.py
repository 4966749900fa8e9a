"""The line that a receiver's operator would see for an alarm: Chinese, or English by a switch."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from simulators.message import CHINA_TIME
from simulators.receipts import Receipt


class Language(StrEnum):
    ZH = "zh"
    EN = "en"


_WORDS = {
    Language.ZH: {
        "police": "公安接警",
        "education": "教育接报",
        "phone": "带班领导手机",
        "incident.raised": "报警",
        "incident.returned": "恢复正常",
        "incident.reset": "已复位",
        "report.first": "初报",
        "report.follow_up": "续报",
        "report.final": "终报",
        "test": "【测试】",
        "drill": "【演练】",
        "copy": "（重复投递）",
    },
    Language.EN: {
        "police": "POLICE",
        "education": "EDUCATION",
        "phone": "DUTY LEADER'S PHONE",
        "incident.raised": "raised",
        "incident.returned": "back to normal",
        "incident.reset": "reset",
        "report.first": "first report",
        "report.follow_up": "follow-up report",
        "report.final": "final report",
        "test": "[TEST] ",
        "drill": "[DRILL] ",
        "copy": " (delivered again)",
    },
}


def alarm_line(link: str, receipt: Receipt, body: dict[str, Any], *, new: bool, language: Language) -> str:
    """One line: time, who received, receipt number, what happened, where. Missing fields leave gaps, never errors."""
    words = _WORDS[language]
    data = _object(body.get("data"))
    site, device, text = _object(data.get("site")), _object(data.get("device")), _object(data.get("text"))
    kind = str(body.get("type", ""))
    marks = "".join(words[mark] for mark in ("drill", "test") if data.get(mark) is True)
    name = site.get("name_en") if language is Language.EN else site.get("name")
    where = " ".join(str(part) for part in (name or site.get("name"), device.get("place"), device.get("name")) if part)
    parts = [
        _clock_time(datetime.fromisoformat(receipt.received_at)),
        words.get(link, link),
        receipt.receipt_id,
        f"{marks}{words.get(kind, kind)}",
        str(text.get(language.value) or data.get("rule") or ""),
        where,
        str(site.get("address") or ""),
    ]
    return _one_line(" | ".join(part for part in parts if part)) + ("" if new else words["copy"])


def phone_line(notice: dict[str, Any], at: datetime, *, language: Language) -> str:
    parts = (_clock_time(at), _WORDS[language]["phone"], notice.get("title"), notice.get("message"))
    return _one_line(" | ".join(str(part) for part in parts if part))


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _clock_time(at: datetime) -> str:
    return at.astimezone(CHINA_TIME).strftime("%H:%M:%S")


def _one_line(text: str) -> str:
    """Line breaks and control characters of a sender must not forge a second line on a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
