"""The words of a report, in Chinese and English."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from dashboards.compliance.report import Line, Report
from domain.target_words import CAUSE_WORDS

Language = Literal["zh", "en"]

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "title": ("三个100%达标报告", "Report on the 100% targets"),
    "period": ("统计时段", "Period"),
    "made": ("生成时间", "Made"),
    "district": ("全区", "District"),
    "at_end": ("期末状态", "At the end of the period"),
    "over": ("时段达标率（按时间加权）", "Rates over the period, weighted by time"),
    "worst": ("不达标时间最长的校点", "Sites that were longest off target"),
    "causes": ("不达标原因", "What kept sites from the targets"),
    "target": ("目标", "Target"),
    "rate": ("达标率", "Rate"),
    "proved": ("已证实率", "Proved"),
    "compliant": ("达标", "Compliant"),
    "dropped": ("不达标", "Not compliant"),
    "unknown": ("无法判定", "Unknown"),
    "exempt": ("不适用", "Exempt"),
    "sites": ("校点数", "Sites"),
    "dropped_h": ("不达标时长（小时）", "Hours off target"),
    "unknown_h": ("无法判定时长（小时）", "Hours unknown"),
    "drops": ("掉线次数", "Drop-offs"),
    "cause": ("原因", "Cause"),
    "hours": ("时长（小时）", "Hours"),
    "nothing": ("时段内没有记录", "Nothing is recorded for this period"),
    "none": ("无", "None"),
    "site": ("校点", "Site"),
    "township": ("镇（街道）", "Township"),
    "note": (
        "达标率 = 达标时间 ÷（达标 + 不达标时间）；已证实率把无法判定的时间计为未达标。历史按当时生效的口径计算。",
        "Rate = time compliant / (compliant + not compliant); proved counts unknown time as not compliant. The past is"
        " judged by the definitions of its time.",
    ),
}


def word(key: str, language: Language) -> str:
    return _WORDS[key][0 if language == "zh" else 1]


def cause_word(requirement: str, language: Language) -> str:
    return CAUSE_WORDS.get(requirement, (requirement, requirement))[0 if language == "zh" else 1]


def target_name(report: Report, target_id: str, language: Language) -> str:
    return report.targets.get(target_id, (target_id, target_id))[0 if language == "zh" else 1]


def group_name(line: Line, report: Report, language: Language) -> str:
    if report.by == "district" or line.group == "":
        return word("district", language)
    name = line.name_en if language == "en" and line.name_en else line.name
    return name or line.group


def percent(rate: float | None) -> str:
    """Down, so that only what is whole is a hundred."""
    return "—" if rate is None else "100%" if rate >= 1.0 else f"{int(rate * 10_000) / 100:.2f}%"


def minute(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def period(report: Report, zone: ZoneInfo) -> str:
    return f"{minute(report.since, zone)} – {minute(report.until, zone)}"
