"""Export of sites and devices to files that import back unchanged."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from devices.headings import DEVICE_HEADINGS, DEVICE_KIND_WORDS, SITE_HEADINGS, SITE_KIND_WORDS
from devices.neutral import neutralise
from devices.tables import Words, column_name
from domain.device import Device
from domain.errors import RegistryError
from domain.site import Site
from storage.devices import list_devices
from storage.pool import Connection
from storage.sites import list_sites

SITES_SHEET = Words("学校", "sites")
DEVICES_SHEET = Words("设备", "devices")

_Value = str | int | float | None
CellValue = _Value | date
_WIDTH = 16


class What(StrEnum):
    """What a CSV file, which holds one table, shall hold."""

    SITES = "sites"
    DEVICES = "devices"


async def export_file(
    conn: Connection, path: Path, *, what: What = What.DEVICES, language: str = "zh"
) -> tuple[int, int]:
    """Write an XLSX with both tables, or a CSV with one; how many sites and devices stand in it.

    The file appears whole or not at all.

    :raises RegistryError: the name ends in neither .xlsx nor .csv, or the file cannot be written.
    """
    form = path.suffix.lower()
    if form not in (".xlsx", ".csv"):
        raise RegistryError(f"{path.name}: 应为 .xlsx 或 .csv / expected .xlsx or .csv")
    wanted = set(What) if form == ".xlsx" else {what}
    sites = [row.site for row in await list_sites(conn, limit=None)] if What.SITES in wanted else []
    devices = await list_devices(conn, limit=None) if What.DEVICES in wanted else []
    if form == ".xlsx":
        data = to_xlsx(sites, devices, language)
    else:
        data = (
            to_csv(sites, site_row, SITE_HEADINGS, language)
            if what is What.SITES
            else to_csv(devices, device_row, DEVICE_HEADINGS, language)
        )
    write_whole(path, data)
    return len(sites), len(devices)


def site_row(site: Site, language: str) -> list[_Value]:
    return [
        site.site_id,
        site.name,
        site.name_en,
        SITE_KIND_WORDS[site.kind].zh if language == "zh" else site.kind.value,
        site.township,
        site.address,
        site.longitude,
        site.latitude,
        site.contact_name,
        site.contact_phone,
        site.pupils,
        site.boarders,
        truth(site.key_site, language),
    ]


def device_row(device: Device, language: str) -> list[_Value]:
    return [
        device.site_id,
        device.device_id,
        DEVICE_KIND_WORDS[device.kind].zh if language == "zh" else device.kind.value,
        device.name,
        device.place,
        device.parent_id,
        device.profile,
        device.address,
        device.heartbeat_s,
        truth(device.key_place, language),
        "" if device.must_network is None else truth(device.must_network, language),
    ]


def truth(value: bool, language: str) -> str:
    return Words("是", "yes").text(language) if value else Words("否", "no").text(language)


def to_csv(
    items: Iterable[Any],
    row: Callable[[Any, str], list[_Value]],
    headings: dict[str, tuple[str, ...]],
    language: str,
) -> bytes:
    """CSV in UTF-8 with BOM, without which Excel shows Chinese as rubbish."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_titles(headings, language))
    for item in items:
        writer.writerow(["" if value is None else neutralise(str(value)) for value in row(item, language)])
    return text.getvalue().encode("utf-8-sig")


def to_xlsx(sites: Sequence[Site], devices: Sequence[Device], language: str) -> bytes:
    return workbook(
        (
            (SITES_SHEET, SITE_HEADINGS, (site_row(site, language) for site in sites)),
            (DEVICES_SHEET, DEVICE_HEADINGS, (device_row(device, language) for device in devices)),
        ),
        language,
    )


def workbook(
    tables: Iterable[tuple[Words, dict[str, tuple[str, ...]], Iterable[Sequence[CellValue]]]], language: str
) -> bytes:
    """An XLSX of ``tables``: the name of the sheet, headings by field, rows."""
    book = Workbook(write_only=True)
    for words, headings, rows in tables:
        sheet = book.create_sheet(words.text(language))
        sheet.freeze_panes = "A2"
        titles = []
        for number, title in enumerate(_titles(headings, language)):
            sheet.column_dimensions[column_name(number)].width = _WIDTH
            cell = WriteOnlyCell(sheet, value=title)
            cell.font = Font(bold=True)
            titles.append(cell)
        sheet.append(titles)
        for row in rows:
            sheet.append([_date_cell(sheet, value) if isinstance(value, date) else _xlsx_value(value) for value in row])
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def write_whole(path: Path, data: bytes) -> None:
    """The file appears whole or not at all.

    :raises RegistryError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise RegistryError(f"{path}: 无法写入 / cannot be written: {error.strerror}") from error


def _date_cell(sheet: Any, value: date) -> Any:
    cell = WriteOnlyCell(sheet, value=datetime.combine(value, time()))
    cell.number_format = "yyyy-mm-dd"
    return cell


def _xlsx_value(value: _Value) -> _Value:
    if isinstance(value, float):
        # openpyxl writes 16 digits; a coordinate that needs 17 goes out as text, or it would come back changed.
        return value if float(f"{value:.16g}") == value else repr(value)
    if not isinstance(value, str):
        return value
    return neutralise(ILLEGAL_CHARACTERS_RE.sub("", value)) or None


def _titles(headings: dict[str, tuple[str, ...]], language: str) -> list[str]:
    return [names[1 if language == "en" else 0] for names in headings.values()]
