"""A report on rounds as PDF, set as the reports on the targets are (ADR 20)."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.compliance import paper as plain
from dashboards.compliance.words import Language
from dashboards.patrol.report import PatrolReport
from dashboards.patrol.tables import figures, period, sheets, word


def paper(report: PatrolReport, *, language: Language, zone: ZoneInfo) -> bytes:
    """Blocking: call it in a thread."""
    made = BytesIO()
    document = plain.empty(made, title=word("title", language))
    told = "    ".join(f"{name}：{value}" for name, value in figures(report, language))
    story: list[Any] = [
        plain.text(word("title", language), size=18, after=4),
        plain.text(f"{word('period', language)}：{period(report, zone)}", colour=plain.GREY),
        plain.text(told, colour=plain.GREY, after=8),
    ]
    for sheet in sheets(report, language, zone):
        story.append(plain.heading(sheet.name))
        table = plain.table(sheet.headings, sheet.rows, first=48, last=0, empty=word("none", language))
        story.append(table)
    document.build(story, onFirstPage=plain.foot, onLaterPages=plain.foot)
    return made.getvalue()
