"""A report on rounds as XLSX: a sheet for each table."""

from __future__ import annotations

from io import BytesIO
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from dashboards.compliance import workbook as plain
from dashboards.compliance.words import Language
from dashboards.patrol.report import PatrolReport
from dashboards.patrol.tables import figures, period, sheets, word


def workbook(report: PatrolReport, *, language: Language, zone: ZoneInfo) -> bytes:
    """Blocking: call it in a thread."""
    book = Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    tables = sheets(report, language, zone)
    first.title = tables[0].name
    plain.rows(first, [[word("title", language)], [word("period", language), period(report, zone)]])
    plain.rows(first, [[name, value] for name, value in figures(report, language)])
    first["A1"].font = Font(bold=True, size=14)
    plain.table(first, tables[0].headings, (list(row) for row in tables[0].rows), {})
    for sheet in tables[1:]:
        page = book.create_sheet(sheet.name)
        plain.table(page, sheet.headings, (list(row) for row in sheet.rows), {})
        page.freeze_panes = "A2"
    made = BytesIO()
    book.save(made)
    return made.getvalue()
