"""From the cells of an import file to sites and devices: pure, every fault of every row kept."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from devices.formats.topic import DEVICE_ID, SITE_ID
from devices.headings import (
    DEVICE_HEADINGS,
    DEVICE_KIND_WORDS,
    SITE_HEADINGS,
    SITE_KIND_WORDS,
    device_kind,
    match_headings,
    site_kind,
)
from devices.neutral import restore
from devices.tables import Cell, CellFault, Row, Table, Words, column_name, data_rows
from domain.device import Device
from domain.site import Site

_MAX_TEXT = 200
_HEADINGS_WITHIN = 10  # rows: titles and remarks may stand above the headings
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"

DeviceKey = tuple[str, str]


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


class Known(msgspec.Struct, frozen=True):
    """What is registered already and which profiles there are."""

    sites: Mapping[str, Site]
    devices: Mapping[DeviceKey, Device]
    profiles: Collection[str]


class Plan(msgspec.Struct):
    """What a file asks for. ``ignored`` are sheets and columns that nothing is known about."""

    sites: list[Site] = []
    devices: list[Device] = []
    faults: list[Fault] = []
    ignored: list[str] = []
    tables: int = 0


class _Sheet(msgspec.Struct, frozen=True):
    table: Table
    heading_line: int
    columns: dict[int, str]
    titles: dict[str, str]
    of_devices: bool


def plan_import(tables: Iterable[Table], known: Known) -> Plan:
    """Read every row of every table. The plan may be carried out when it has no faults."""
    plan = Plan()
    sheets = [sheet for table in tables if (sheet := _recognise(table, plan)) is not None]
    plan.tables = len(sheets)
    site_lines: dict[str, int] = {}
    for sheet in sheets:
        if not sheet.of_devices:
            for row in data_rows(sheet.table, sheet.heading_line):
                site = _take_site(_Record(sheet, row, plan.faults), known, site_lines)
                if site is not None:
                    plan.sites.append(site)
    devices: dict[DeviceKey, tuple[_Record, Device]] = {}
    device_lines: dict[DeviceKey, int] = {}
    site_ids = known.sites.keys() | site_lines.keys()
    for sheet in sheets:
        if sheet.of_devices:
            for row in data_rows(sheet.table, sheet.heading_line):
                record = _Record(sheet, row, plan.faults)
                device = _take_device(record, known, site_ids, device_lines)
                if device is not None:
                    devices[device.site_id, device.device_id] = (record, device)
    _check_parents(devices, known, device_lines)
    _check_addresses(devices, known)
    plan.devices = [device for _, device in devices.values()]
    plan.faults.sort(key=lambda fault: (fault.sheet, fault.line, fault.column))
    return plan


def _recognise(table: Table, plan: Plan) -> _Sheet | None:
    """Find the headings and by them what the table holds."""
    for row in table.rows[:_HEADINGS_WITHIN]:
        cells = ["" if isinstance(cell, CellFault) else cell for cell in row.cells]
        as_devices, as_sites = match_headings(cells, DEVICE_HEADINGS), match_headings(cells, SITE_HEADINGS)
        of_devices = "device_id" in as_devices.values()
        columns = as_devices if of_devices else as_sites
        if "site_id" not in columns.values() or len(columns) < 2:
            continue
        titles: dict[str, str] = {}
        for column, field in columns.items():
            title = f"{column_name(column)}({cells[column].strip()})"
            if field in titles:
                why = Words(f"与 {titles[field]} 列重复", f"the same as column {titles[field]}")
                plan.faults.append(Fault(table.name, row.line, title, why))
            titles.setdefault(field, title)
        plan.ignored.extend(
            f"{table.name} {column_name(column)}({cell.strip()})".strip()
            for column, cell in enumerate(cells)
            if cell.strip() and column not in columns
        )
        return _Sheet(table, row.line, columns, titles, of_devices)
    if table.rows:
        plan.ignored.append(table.name or "CSV")
    return None


class _Record:
    """The cells of one row by field, and where to report what is wrong with them."""

    def __init__(self, sheet: _Sheet, row: Row, faults: list[Fault]) -> None:
        self.sheet = sheet
        self.line = row.line
        self._faults = faults
        self._cells: dict[str, Cell] = {
            field: row.cells[column] if column < len(row.cells) else "" for column, field in sheet.columns.items()
        }
        self.sound = True

    def has(self, field: str) -> bool:
        return field in self._cells

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


_Kind = TypeVar("_Kind")


def _kind(
    record: _Record, find: Callable[[str], _Kind | None], words: Mapping[Any, Words], default: _Kind | None
) -> _Kind | None:
    if not record.has("kind") and default is not None:
        return default
    text = record.code("kind", required=True)
    kind = find(text)
    if text and kind is None:
        record.refuse(
            "kind",
            f"没有「{text[:40]}」这种类型;可用:{'、'.join(word.zh for word in words.values())}",
            f"no such kind: {text[:40]}; there are {', '.join(kind for kind in words)}",
        )
    return kind


def _take_site(record: _Record, known: Known, lines: dict[str, int]) -> Site | None:
    """The site of a row, None if the row has faults. ``lines`` remembers where each id stood, faults or not."""
    site_id = record.code("site_id", required=True)
    if site_id and SITE_ID.fullmatch(site_id) is None:
        record.refuse("site_id", "应为 1 到 32 个小写字母、数字或连字符", "expected 1 to 32 of a-z 0-9 -")
    line = lines.setdefault(site_id, record.line)
    if site_id and line != record.line:
        record.refuse("site_id", f"{site_id} 与第 {line} 行重复", f"{site_id} stands in line {line} already")
    old = known.sites.get(site_id)
    kind = _kind(record, site_kind, SITE_KIND_WORDS, None if old is None else old.kind)
    fields: dict[str, Any] = {}
    if record.has("name") or old is None:
        fields["name"] = record.text("name", required=True)
    for field in ("name_en", "township", "address", "contact_name"):
        if record.has(field):
            fields[field] = record.text(field)
    if record.has("contact_phone"):
        fields["contact_phone"] = record.code("contact_phone")
    if record.has("longitude"):
        fields["longitude"] = record.number("longitude", -180, 180)
    if record.has("latitude"):
        fields["latitude"] = record.number("latitude", -90, 90)
    if not record.sound or kind is None:
        return None
    before = {} if old is None else msgspec.structs.asdict(old)
    return Site(**{**before, "site_id": site_id, "kind": kind, **fields})


def _take_device(
    record: _Record,
    known: Known,
    site_ids: Collection[str],
    lines: dict[DeviceKey, int],
) -> Device | None:
    site_id = record.code("site_id", required=True)
    if site_id and site_id not in site_ids:
        record.refuse("site_id", f"没有编号为 {site_id[:40]} 的学校", f"no such site: {site_id[:40]}")
    device_id = record.code("device_id", required=True)
    if device_id and DEVICE_ID.fullmatch(device_id) is None:
        record.refuse(
            "device_id",
            "应为 1 到 64 个字母、数字、下划线、点或连字符",
            "expected 1 to 64 of A-Z a-z 0-9 _ . -",
        )
    key = (site_id, device_id)
    line = lines.setdefault(key, record.line)
    if device_id and line != record.line:
        record.refuse("device_id", f"{device_id} 与第 {line} 行重复", f"{device_id} stands in line {line} already")
    old = known.devices.get(key)
    kind = _kind(record, device_kind, DEVICE_KIND_WORDS, None if old is None else old.kind)
    fields: dict[str, Any] = {field: record.text(field) for field in ("name", "place") if record.has(field)}
    fields |= {field: record.code(field) for field in ("parent_id", "profile", "address") if record.has(field)}
    if record.has("heartbeat_s"):
        fields["heartbeat_s"] = record.whole("heartbeat_s", 1, 86_400, default=30)
    if not record.sound or kind is None:
        return None
    before = {} if old is None else msgspec.structs.asdict(old)
    device = Device(**{**before, "site_id": site_id, "device_id": device_id, "kind": kind, **fields})
    _check_profile(record, device, old, known.profiles)
    return device


def _check_profile(record: _Record, device: Device, old: Device | None, profiles: Collection[str]) -> None:
    if old is not None and (old.profile, old.address) == (device.profile, device.address):
        return
    if device.profile and device.profile not in profiles:
        names = sorted(profiles)
        record.refuse(
            "profile",
            f"没有「{device.profile[:40]}」这种协议;可用:{'、'.join(names)}",
            f"no such profile: {device.profile[:40]}; there are {', '.join(names)}",
        )
    if device.profile and not device.address:
        record.refuse("address", "使用厂家协议时不能为空", "must not be empty where a profile is named")


def _check_parents(
    devices: Mapping[DeviceKey, tuple[_Record, Device]], known: Known, lines: Collection[DeviceKey]
) -> None:
    def parent_of(key: DeviceKey) -> str | None:
        if key in devices:
            return devices[key][1].parent_id
        if key in known.devices:
            return known.devices[key].parent_id
        return "" if key in lines else None  # its own row is bad: no second fault for that

    for (site_id, device_id), (record, device) in devices.items():
        if not device.parent_id:
            continue
        if parent_of((site_id, device.parent_id)) is None:
            record.refuse(
                "parent_id",
                f"本校没有编号为 {device.parent_id[:40]} 的设备",
                f"no such device at this site: {device.parent_id[:40]}",
            )
        elif device_id in _ancestors(site_id, device.parent_id, parent_of):
            record.refuse("parent_id", "设备的上级又是它自己", "the device hangs on itself")


def _ancestors(site_id: str, parent_id: str, parent_of: Callable[[DeviceKey], str | None]) -> Iterator[str]:
    seen: set[str] = set()
    step: str | None = parent_id
    while step and step not in seen:
        seen.add(step)
        yield step
        step = parent_of((site_id, step))


def _check_addresses(devices: Mapping[DeviceKey, tuple[_Record, Device]], known: Known) -> None:
    """At one site, an address of a profile leads to one device only."""
    taken = {
        (device.site_id, device.profile, device.address): device.device_id
        for key, device in known.devices.items()
        if device.profile and key not in devices
    }
    for record, device in devices.values():
        if not device.profile:
            continue
        holder = taken.setdefault((device.site_id, device.profile, device.address), device.device_id)
        if holder != device.device_id:
            record.refuse(
                "address",
                f"{device.address[:40]} 已被设备 {holder} 使用",
                f"{device.address[:40]} belongs to device {holder}",
            )
