"""A report as XLSX: one sheet for the district, one for its groups, one for the worst, one for the causes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from dashboards.compliance.report import Report
from dashboards.compliance.words import Language, cause_word, group_name, period, target_name, word

_PERCENT = "0.00%"
_HOURS = "#,##0.0"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def workbook(report: Report, *, language: Language, zone: ZoneInfo) -> bytes:
    """Blocking: call it in a thread."""
    book = Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    first.title = word("district", language)
    rows(first, [[word("title", language)], [word("period", language), period(report, zone)]])
    first["A1"].font = Font(bold=True, size=14)
    table(
        first,
        [word(key, language) for key in ("target", "compliant", "dropped", "unknown", "exempt", "rate")],
        (
            [
                one.name_zh if language == "zh" else one.name_en,
                one.compliant,
                one.dropped,
                one.unknown,
                one.exempt,
                one.rate,
            ]
            for one in report.at_end
        ),
        {6: _PERCENT},
    )
    first.append([])
    keys = ("sites", "rate", "proved", "dropped_h", "unknown_h", "drops")
    table(
        first,
        [word("target", language), *(word(key, language) for key in keys)],
        (
            [target_name(report, one.target_id, language), *(getattr(one, key) for key in keys)]
            for one in report.district
        ),
        {3: _PERCENT, 4: _PERCENT, 5: _HOURS, 6: _HOURS},
    )
    rows(first, [[], [word("note", language)]])
    if report.by != "district":
        sheet = book.create_sheet(word(report.by, language))
        table(
            sheet,
            [word(report.by, language), word("target", language), *(word(key, language) for key in keys)],
            (
                [
                    group_name(one, report, language),
                    target_name(report, one.target_id, language),
                    *(getattr(one, key) for key in keys),
                ]
                for one in report.lines
            ),
            {4: _PERCENT, 5: _PERCENT, 6: _HOURS, 7: _HOURS},
        )
        sheet.freeze_panes = "A2"
    table(
        book.create_sheet(word("worst", language)[:31]),
        [word(key, language) for key in ("site", "target", "rate", "dropped_h", "drops", "cause")],
        (
            [
                one.line.name_en if language == "en" and one.line.name_en else one.line.name,
                target_name(report, one.line.target_id, language),
                one.line.rate,
                one.line.dropped_h,
                one.line.drops,
                "；".join(cause_word(requirement, language) for requirement, _ in one.causes),
            ]
            for one in report.worst
        ),
        {3: _PERCENT, 4: _HOURS},
    )
    table(
        book.create_sheet(word("causes", language)[:31]),
        [word(key, language) for key in ("target", "cause", "sites", "hours")],
        (
            [
                target_name(report, one.target_id, language),
                cause_word(one.requirement, language),
                one.sites,
                one.seconds / 3600,
            ]
            for one in report.causes
        ),
        {4: _HOURS},
    )
    made = BytesIO()
    book.save(made)
    return made.getvalue()


def table(sheet: Worksheet, headings: Sequence[str], lines: Iterable[list[Any]], formats: dict[int, str]) -> None:
    rows(sheet, [list(headings)])
    top = sheet.max_row
    for cell in sheet[top]:
        cell.font = Font(bold=True)
    rows(sheet, lines)
    for row in sheet.iter_rows(min_row=top + 1):
        for column, form in formats.items():
            if column <= len(row):
                row[column - 1].number_format = form
    for number, heading in enumerate(headings, 1):
        letter = get_column_letter(number)
        wide = max(len(heading) * 2, 34 if number == 1 else 14)
        sheet.column_dimensions[letter].width = max(sheet.column_dimensions[letter].width or 0, wide)


def rows(sheet: Worksheet, lines: Iterable[list[Any]]) -> None:
    for row in lines:
        sheet.append([harmless(value) for value in row])


def harmless(value: Any) -> Any:
    """A name that begins like a formula is a name all the same."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
