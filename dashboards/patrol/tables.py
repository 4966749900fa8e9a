"""A report on rounds as tables with headings in Chinese or English, for a workbook and for paper alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from dashboards.compliance.words import Language, minute, percent
from dashboards.patrol.report import PatrolReport, Tally
from domain.camera_words import fault_words

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("视频网上巡查结果", "Results of the network patrol"),
    "period": ("时段", "Period"),
    "rounds": ("巡查轮次", "Rounds"),
    "in_time": ("按期整改", "Mended in time"),
    "late": ("超期", "Overdue"),
    "total": ("合计", "Total"),
    "by_fault": ("按故障", "By fault"),
    "by_site": ("按学校", "By site"),
    "by_person": ("按巡查员", "By officer"),
    "hazards": ("隐患清单", "Hazards"),
    "confirmed": ("确认", "Confirmed"),
    "rejected": ("误报", "Rejected"),
    "good": ("正常", "Good"),
    "missed": ("漏检", "Missed"),
    "unseen": ("无法判断", "Not seen"),
    "removed": ("移出", "Removed"),
    "open": ("未判", "Open"),
    "precision": ("准确率", "Precision"),
    "fault": ("故障", "Fault"),
    "site": ("学校", "Site"),
    "person": ("巡查员", "Officer"),
    "camera": ("摄像机", "Camera"),
    "found": ("发现时间", "Found"),
    "due": ("整改期限", "Due"),
    "cleared": ("图像恢复", "Picture good again"),
    "struck": ("销号", "Struck off"),
    "none": ("无", "None"),
}
_COUNTS = ("confirmed", "rejected", "good", "missed", "unseen", "removed", "open")


class Sheet(NamedTuple):
    name: str
    headings: tuple[str, ...]
    rows: Sequence[Sequence[Any]]


def word(key: str, language: Language) -> str:
    return _WORDS[key][language == "en"]


def period(report: PatrolReport, zone: ZoneInfo) -> str:
    return f"{minute(report.since, zone)} – {minute(report.until, zone)}"


def sheets(report: PatrolReport, language: Language, zone: ZoneInfo) -> list[Sheet]:
    def tallies(key: str, first: str, tallies: Sequence[Tally], *, faults: bool = False) -> Sheet:
        names = [
            fault_words(one.name)[language == "en"] if faults else f"{one.name} {one.label}".strip() for one in tallies
        ]
        rows = [
            [name, *(getattr(one, count) for count in _COUNTS), percent(one.precision)]
            for name, one in zip(names, tallies, strict=True)
        ]
        headings = (word(first, language), *(word(count, language) for count in _COUNTS), word("precision", language))
        return Sheet(word(key, language), headings, rows)

    def when(at: Any) -> str:
        return "" if at is None else minute(at, zone)

    sites = {one.name: one.label for one in report.by_site}
    hazards = [
        [
            f"{sites.get(one.site_id) or one.site_id} {one.device_id}",
            fault_words(one.fault)[language == "en"],
            when(one.found_at),
            when(one.due_at),
            when(one.cleared_at),
            when(one.struck_at),
        ]
        for one in report.hazards
    ]
    total = replace(report.total, name=word("total", language))
    return [
        tallies("total", "total", [total]),
        tallies("by_fault", "fault", report.by_fault, faults=True),
        tallies("by_site", "site", report.by_site),
        tallies("by_person", "person", report.by_person),
        Sheet(
            word("hazards", language),
            tuple(word(key, language) for key in ("camera", "fault", "found", "due", "cleared", "struck")),
            hazards,
        ),
    ]


def figures(report: PatrolReport, language: Language) -> list[tuple[str, int]]:
    return [(word(key, language), getattr(report, key)) for key in ("rounds", "in_time", "late")]
