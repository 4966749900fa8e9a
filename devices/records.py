"""The cells of one row of an import file by field, and the faults that are found in them."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, time

import msgspec

from devices.neutral import restore
from devices.tables import Cell, CellFault, Row, Table, Words, column_name

_MAX_TEXT = 200
HEADINGS_WITHIN = 10  # rows: titles and remarks may stand above the headings
_DAY = re.compile(r"(\d{4})(?:[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{2})(\d{2}))")
_CLOCK = re.compile(r"(\d{1,2})[:：时](\d{2})(?:[:：分](\d{2})秒?|分)?")
_TRUE = frozenset({"是", "有", "y", "yes", "true", "1", "√", "✓", "对"})
_FALSE = frozenset({"否", "无", "n", "no", "false", "0", "×", "x", "错"})
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a cell. ``column`` is its letter and heading, ``sheet`` "" for a CSV file."""

    sheet: str
    line: int
    column: str
    why: Words

    def text(self, language: str) -> str:
        sheet = f"{self.sheet} " if self.sheet else ""
        if language == "en":
            return f"{sheet}line {self.line}, column {self.column}: {self.why.en}"
        return f"{sheet}第 {self.line} 行 {self.column} 列:{self.why.zh}"


class Sheet(msgspec.Struct, frozen=True):
    """A table whose headings were found. ``columns``: number → field; ``titles``: field → letter and heading."""

    table: Table
    heading_line: int
    columns: dict[int, str]
    titles: dict[str, str]


def titles_of(
    sheet: str, line: int, cells: list[str], columns: Mapping[int, str], faults: list[Fault]
) -> dict[str, str]:
    """What each column is called; a field that stands there twice is a fault."""
    titles: dict[str, str] = {}
    for column, field in columns.items():
        title = f"{column_name(column)}({cells[column].strip()})"
        if field in titles:
            why = Words(f"与 {titles[field]} 列重复", f"the same as column {titles[field]}")
            faults.append(Fault(sheet, line, title, why))
        titles.setdefault(field, title)
    return titles


class Record:
    """The cells of one row by field, and where to report what is wrong with them."""

    def __init__(self, sheet: Sheet, row: Row, faults: list[Fault]) -> None:
        self.sheet = sheet
        self.line = row.line
        self._faults = faults
        self._cells: dict[str, Cell] = {
            field: row.cells[column] if column < len(row.cells) else "" for column, field in sheet.columns.items()
        }
        self.sound = True

    def has(self, field: str) -> bool:
        return field in self._cells

    def raw(self, field: str) -> str:
        """What stands there, right or wrong."""
        cell = self._cells.get(field, "")
        return cell.strip() if isinstance(cell, str) else ""

    def refuse(self, field: str, zh: str, en: str) -> None:
        self.sound = False
        title = self.sheet.titles.get(field, field)
        self._faults.append(Fault(self.sheet.table.name, self.line, title, Words(zh, en)))

    def text(self, field: str, *, required: bool = False) -> str:
        """Free text as it stands, without blanks around it."""
        cell = self._cells.get(field, "")
        if isinstance(cell, CellFault):
            self.refuse(field, cell.why.zh, cell.why.en)
            return ""
        text = restore(cell.strip().strip(_INVISIBLE).strip())
        if required and not text:
            self.refuse(field, "不能为空", "must not be empty")
        if len(text) > _MAX_TEXT:
            self.refuse(field, f"超过 {_MAX_TEXT} 个字", f"longer than {_MAX_TEXT} characters")
            return text[:_MAX_TEXT]
        if any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\t\r\n" for char in text):
            self.refuse(field, "含有控制字符", "holds control characters")
        return text

    def code(self, field: str, *, required: bool = False) -> str:
        """An id, number or word: full-width forms become plain ones."""
        return unicodedata.normalize("NFKC", self.text(field, required=required)).strip()

    def number(self, field: str, low: float, high: float) -> float | None:
        text = self.code(field)
        if not text:
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not low <= number <= high:
            zh, en = f"应为 {low:g} 到 {high:g} 的数字", f"expected a number from {low:g} to {high:g}"
            self.refuse(field, f"{zh},得到 {text[:40]}", f"{en}, got {text[:40]}")
            return None
        return number

    def whole(self, field: str, low: int, high: int, default: int) -> int:
        number = self.number(field, low, high)
        if number is None:
            return default
        if not number.is_integer():
            self.refuse(field, f"应为整数,得到 {number:g}", f"expected a whole number, got {number:g}")
        return int(number)

    def whole_or_none(self, field: str, low: int, high: int) -> int | None:
        number = self.number(field, low, high)
        if number is not None and not number.is_integer():
            self.refuse(field, f"应为整数,得到 {number:g}", f"expected a whole number, got {number:g}")
        return None if number is None else int(number)

    def flag(self, field: str, *, default: bool) -> bool:
        value = self.flag_or_none(field)
        return default if value is None else value

    def flag_or_none(self, field: str) -> bool | None:
        """Yes or no; None where the cell is empty."""
        cell = self._cells.get(field, "")
        if isinstance(cell, CellFault) and cell.truth is not None:
            return cell.truth
        text = self.code(field)
        if text.casefold() in _TRUE | _FALSE:
            return text.casefold() in _TRUE
        if text:
            self.refuse(field, f"应为 是 或 否,得到 {text[:40]}", f"expected yes or no, got {text[:40]}")
        return None

    def day(self, field: str, *, required: bool = False) -> date | None:
        """A date, as Excel keeps it or as text: 2026-03-01, 2026/3/1, 2026.3.1, 2026年3月1日, 20260301."""
        text = self._dated(field, required=required)
        if not text:
            return None
        found = day_of(text.removesuffix(" 00:00:00"))
        if found is None:
            self.refuse(
                field,
                f"应为日期,如 2026-03-01,得到 {text[:40]}",
                f"expected a date such as 2026-03-01, got {text[:40]}",
            )
        return found

    def clock(self, field: str, *, required: bool = False) -> time | None:
        """A time of day: 7:30, 07:30:00, 7时30分."""
        text = self._dated(field, required=required)
        if not text:
            return None
        found = clock_of(text)
        if found is None:
            self.refuse(field, f"应为时间,如 07:30,得到 {text[:40]}", f"expected a time such as 07:30, got {text[:40]}")
        return found

    def moment(self, field: str, *, required: bool = False) -> datetime | time | None:
        """A date with a time of day, or a time of day alone, without a zone."""
        text = self._dated(field, required=required)
        if not text:
            return None
        day_text, _, clock_text = text.partition(" ") if " " in text else text.partition("T")
        day, clock = day_of(day_text), clock_of(clock_text.strip())
        if day is not None and clock is not None:
            return datetime.combine(day, clock)
        alone = clock_of(text)
        if alone is None:
            self.refuse(
                field,
                f"应为日期和时间,如 2026-03-01 07:00,得到 {text[:40]}",
                f"expected a date and a time such as 2026-03-01 07:00, got {text[:40]}",
            )
        return alone

    def _dated(self, field: str, *, required: bool) -> str:
        cell = self._cells.get(field, "")
        if isinstance(cell, CellFault) and cell.date:
            return cell.date
        return self.code(field, required=required)


def day_of(text: str) -> date | None:
    match = _DAY.fullmatch(text.replace(" ", ""))
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2] or match[4]), int(match[3] or match[5]))
    except ValueError:
        return None


def clock_of(text: str) -> time | None:
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    try:
        return time(int(match[1]), int(match[2]), int(match[3] or 0))
    except ValueError:
        return None
