"""Tables as schools and the bureau keep them: CSV (UTF-8 or GB18030) and XLSX, read cell by cell as text.

What cannot be taken as the text a person sees (a formula, a date, a merged cell) is kept as a `CellFault`; the importer
reports it with its line and column.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from openpyxl import load_workbook
from openpyxl.utils import column_index_from_string, get_column_letter

from domain.errors import ImportRefused

MAX_FILE_BYTES = 64 * 1024 * 1024
#: What an XLSX may grow to when unpacked; a file that says more is a trap.
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_ROWS = 1_100_000
MAX_COLUMNS = 256
MAX_MERGED = 500

_XLSX_MAGIC = b"PK\x03\x04"
_OLE_MAGIC = b"\xd0\xcf\x11\xe0"
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*?\bref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_SCAN_CHUNK = 1 << 20
_SCAN_OVERLAP = 256


class Words(NamedTuple):
    """One thing said in both languages."""

    zh: str
    en: str

    def text(self, language: str) -> str:
        return self.en if language == "en" else self.zh


class CellFault(NamedTuple):
    """A cell that is no text, and why. ``date``: where it is a date, a time or both, the same in ISO's form; ``truth``:
    where it is TRUE or FALSE; a column that expects such a thing takes it.
    """

    why: Words
    date: str = ""
    truth: bool | None = None


Cell = str | CellFault


class Row(msgspec.Struct, frozen=True):
    """``line`` counts from 1, as the person who opens the file sees it."""

    line: int
    cells: list[Cell]


class Table(msgspec.Struct, frozen=True):
    """``name`` of the sheet; "" for a CSV file."""

    name: str
    rows: list[Row]


_FORMULA = Words("单元格是公式,请粘贴为数值", "the cell is a formula; paste its value")
_ERROR = Words("单元格是错误值", "the cell holds an error")
_DATE = Words("单元格是日期,此处应为文字", "the cell is a date where text was expected")
_TRUTH = Words("单元格是逻辑值,此处应为文字", "the cell is TRUE or FALSE where text was expected")
_MERGED_CELL = Words("合并单元格,请取消合并", "merged cells; unmerge them")


def read_tables(path: Path) -> list[Table]:
    """Every table of a file; its kind is told by its content, not its name.

    :raises ImportRefused: the file as a whole cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ImportRefused(f"{path.name}: 文件过大 / larger than {MAX_FILE_BYTES >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise ImportRefused(f"{path}: 无法读取 / cannot be read: {error.strerror}") from error
    if data.startswith(_XLSX_MAGIC):
        return _read_xlsx(data, path.name)
    if data.startswith(_OLE_MAGIC):
        raise ImportRefused(
            f"{path.name}: 旧版 XLS 或已加密,请另存为 XLSX / an old XLS or an encrypted file; save it as XLSX"
        )
    return [_read_csv(data, path.name)]


def _read_csv(data: bytes, name: str) -> Table:
    text = _text(data, name)
    first = text.split("\n", 1)[0]
    delimiter = max((",", ";", "\t"), key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(Row(line, list(cells)))
            if len(rows) > MAX_ROWS:
                raise ImportRefused(f"{name}: 行数过多 / more than {MAX_ROWS} rows")
            line = reader.line_num + 1
    except csv.Error as error:
        raise ImportRefused(f"{name}: 第 {line} 行不是有效的 CSV / line {line} is no CSV: {error}") from error
    return Table("", rows)


def _text(data: bytes, name: str) -> str:
    """UTF-8 with or without BOM; UTF-16 with one, as Excel's "Unicode text"; else GB18030, Excel's CSV in China."""
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ["utf-16"] if marked else ["utf-8-sig", "gb18030"]:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ImportRefused(f"{name}: 文件编码应为 UTF-8 或 GB18030 / expected text in UTF-8 or GB18030")


def _read_xlsx(data: bytes, name: str) -> list[Table]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise ImportRefused(f"{name}: 解压后过大 / grows too large when unpacked")
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=False)
            try:
                return [
                    _read_sheet(sheet, _merged_cells(archive, getattr(sheet, "_worksheet_path", "")), name)
                    for sheet in book.worksheets
                ]
            finally:
                book.close()
    except ImportRefused:
        raise
    except Exception as error:  # openpyxl raises whatever a damaged part leads it to
        raise ImportRefused(f"{name}: 不是有效的 XLSX / no valid XLSX: {type(error).__name__}: {error}") from error


def _read_sheet(sheet: Any, merged: list[tuple[range, range]], name: str) -> Table:
    sheet.reset_dimensions()  # what a file says about its own size may be wrong
    rows: list[Row] = []
    for line, cells in enumerate(sheet.iter_rows(), start=1):
        texts = [_cell(cell) for cell in cells[:MAX_COLUMNS]]
        while texts and texts[-1] == "":
            texts.pop()
        for lines, columns in merged:
            if line in lines:
                texts.extend("" for _ in range(len(texts), columns.stop))
                texts[columns.start : columns.stop] = [CellFault(_MERGED_CELL)] * len(columns)
        if any(text != "" for text in texts):
            rows.append(Row(line, texts))
        if len(rows) > MAX_ROWS:
            raise ImportRefused(f"{name}: 行数过多 / more than {MAX_ROWS} rows")
    return Table(sheet.title, rows)


def _cell(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        return CellFault(_FORMULA)
    if cell.data_type == "e":
        return CellFault(_ERROR)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return CellFault(_TRUTH, truth=value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # Excel keeps 12 as 12.0: what a person sees is 12.
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        # A time that Excel keeps as a fraction of a day may be some microseconds off.
        value = (value + timedelta(milliseconds=500)).replace(microsecond=0)
        return CellFault(_DATE, value.date().isoformat() if value.time() == time() else value.isoformat(" "))
    return CellFault(_DATE, value.isoformat() if isinstance(value, date | time) else "")


def _merged_cells(archive: zipfile.ZipFile, path: str) -> list[tuple[range, range]]:
    """Lines (from 1) and columns (from 0) of each merged block. openpyxl does not tell in its read-only mode."""
    if not path:
        return []
    found: set[tuple[bytes, ...]] = set()
    with archive.open(path.lstrip("/")) as part:
        tail = b""
        while chunk := part.read(_SCAN_CHUNK):
            window = tail + chunk
            found.update(match.groups() for match in _MERGED.finditer(window))
            tail = window[-_SCAN_OVERLAP:]
            if len(found) > MAX_MERGED:
                raise ImportRefused("合并单元格过多,请取消合并 / too many merged cells; unmerge them")
    blocks: list[tuple[range, range]] = []
    for left, top, right, bottom in sorted(found):
        start = column_index_from_string(left.decode()) - 1
        stop = min(column_index_from_string(right.decode()), MAX_COLUMNS)
        if start < stop:
            blocks.append((range(int(top), int(bottom) + 1), range(start, stop)))
    return blocks


def column_name(index: int) -> str:
    """A, B, ... for a column counted from 0."""
    return get_column_letter(index + 1)


def data_rows(table: Table, after_line: int) -> Iterator[Row]:
    """The rows below the headings."""
    return (row for row in table.rows if row.line > after_line)
