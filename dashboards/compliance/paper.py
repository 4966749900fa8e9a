"""A report as PDF. Chinese is set in STSong-Light, which every reader of PDF knows by its name: the file embeds no
font, needs none of this machine, and stays small (ADR 20).
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from dashboards.compliance.report import Line, Report
from dashboards.compliance.words import (
    Language,
    cause_word,
    group_name,
    minute,
    percent,
    period,
    target_name,
    word,
)

FONT = "STSong-Light"
GREY = colors.HexColor("#5b6770")
_LINE = colors.HexColor("#c9d1d6")
_HEAD = colors.HexColor("#eef2f4")


def empty(into: BytesIO, *, title: str) -> SimpleDocTemplate:
    """An empty document; two of the same contents are the same bytes."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    edge = 16 * mm
    return SimpleDocTemplate(
        into,
        pagesize=A4,
        leftMargin=edge,
        rightMargin=edge,
        topMargin=edge,
        bottomMargin=edge,
        title=title,
        author="campuswatch",
        invariant=True,
    )


def paper(report: Report, *, language: Language, zone: ZoneInfo) -> bytes:
    """Blocking: call it in a thread."""
    made = BytesIO()
    document = empty(made, title=word("title", language))
    story: list[Any] = [
        text(word("title", language), size=18, after=4),
        text(f"{word('period', language)}：{period(report, zone)}", colour=GREY),
        text(f"{word('made', language)}：{minute(report.made_at, zone)}", colour=GREY, after=8),
    ]
    story += _at_end(report, language)
    story += _over(report, language)
    story += _groups(report, language)
    story += _worst(report, language)
    story += _causes(report, language)
    story += [Spacer(1, 8), text(word("note", language), size=8, colour=GREY)]
    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return made.getvalue()


def _at_end(report: Report, language: Language) -> list[Any]:
    heads = ("target", "rate", "compliant", "dropped", "unknown", "exempt")
    rows = [
        [
            one.name_zh if language == "zh" else one.name_en,
            percent(one.rate),
            one.compliant,
            one.dropped,
            one.unknown,
            one.exempt,
        ]
        for one in report.at_end
    ]
    return [heading(word("at_end", language)), table([word(key, language) for key in heads], rows, first=68, last=0)]


def _over(report: Report, language: Language) -> list[Any]:
    heads = ("target", "rate", "proved", "dropped_h", "drops")
    rows = [[target_name(report, one.target_id, language), *_figures(one)] for one in report.district]
    return [heading(word("over", language)), table([word(key, language) for key in heads], rows, first=68, last=0)]


def _groups(report: Report, language: Language) -> list[Any]:
    """A line a group, its rate to each target beside each other: 184 sites fit on a few pages."""
    if report.by == "district":
        return []
    by_group: dict[str, dict[str, Line]] = {}
    for line in report.lines:
        by_group.setdefault(line.group, {})[line.target_id] = line
    heads = [word(report.by, language), *(target_name(report, target_id, language) for target_id in report.targets)]
    rows = [
        [
            group_name(next(iter(lines.values())), report, language),
            *(percent(lines[target_id].rate) if target_id in lines else "—" for target_id in report.targets),
        ]
        for lines in by_group.values()
    ]
    return [heading(word(report.by, language)), table(heads, rows, first=62, last=0)]


def _worst(report: Report, language: Language) -> list[Any]:
    heads = [word(key, language) for key in ("site", "target", "dropped_h", "drops", "cause")]
    rows = [
        [
            one.line.name_en if language == "en" and one.line.name_en else one.line.name,
            target_name(report, one.line.target_id, language),
            f"{one.line.dropped_h:,.1f}",
            one.line.drops,
            "；".join(cause_word(requirement, language) for requirement, _ in one.causes),
        ]
        for one in report.worst
    ]
    return [heading(word("worst", language)), table(heads, rows, first=48, last=44, empty=word("none", language))]


def _causes(report: Report, language: Language) -> list[Any]:
    heads = [word(key, language) for key in ("target", "cause", "sites", "hours")]
    rows = [
        [
            target_name(report, one.target_id, language),
            cause_word(one.requirement, language),
            one.sites,
            f"{one.seconds / 3600:,.1f}",
        ]
        for one in report.causes
    ]
    return [heading(word("causes", language)), table(heads, rows, first=62, last=0, empty=word("none", language))]


def _figures(line: Line) -> list[Any]:
    return [percent(line.rate), percent(line.proved), f"{line.dropped_h:,.1f}", line.drops]


def text(text: str, *, size: float = 9.5, colour: Any = colors.black, after: float = 2) -> Paragraph:
    style = ParagraphStyle(
        "text", fontName=FONT, fontSize=size, leading=size * 1.45, textColor=colour, spaceAfter=after, wordWrap="CJK"
    )
    return Paragraph(escape(text), style)


def heading(text: str) -> Paragraph:
    style = ParagraphStyle(
        "heading", fontName=FONT, fontSize=12, leading=17, spaceBefore=10, spaceAfter=4, wordWrap="CJK"
    )
    return Paragraph(escape(text), style)


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]], *, first: float, last: float, empty: str = "") -> Any:
    """``first`` and ``last``: widths in mm; 0 = as the columns between them, which share what is left."""
    if not rows:
        return text(empty or "—", colour=GREY)
    whole = 178.0
    between = len(heads) - 1 - bool(last)
    widths = [first, *[(whole - first - last) / between] * between, *([last] if last else [])]
    body = [[text(str(value), size=8.5, after=0) for value in row] for row in (heads, *rows)]
    style: list[Any] = [
        ("BACKGROUND", (0, 0), (-1, 0), _HEAD),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("TOPPADDING", (0, 0), (-1, -1), 2.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ("LEFTPADDING", (0, 0), (-1, -1), 3),
    ]
    return Table(body, colWidths=[width * mm for width in widths], repeatRows=1, style=TableStyle(style))


def foot(canvas: Any, document: Any) -> None:
    canvas.saveState()
    canvas.setFont(FONT, 8)
    canvas.setFillColor(GREY)
    canvas.drawRightString(A4[0] - 16 * mm, 9 * mm, str(document.page))
    canvas.restoreState()
