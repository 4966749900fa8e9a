"""From the cells of an import file to sites and devices: pure, every fault of every row kept."""

from __future__ import annotations

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
from devices.records import HEADINGS_WITHIN, Fault, Record, Sheet, titles_of
from devices.register.forms import form_of
from devices.tables import CellFault, Table, Words, column_name, data_rows
from domain.device import Device
from domain.site import Site

DeviceKey = tuple[str, str]

#: At one site.
MOST_PUPILS = 100_000


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


class _Sheet(Sheet, frozen=True):
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
                site = _take_site(Record(sheet, row, plan.faults), known, site_lines)
                if site is not None:
                    plan.sites.append(site)
    devices: dict[DeviceKey, tuple[Record, Device]] = {}
    device_lines: dict[DeviceKey, int] = {}
    site_ids = known.sites.keys() | site_lines.keys()
    for sheet in sheets:
        if sheet.of_devices:
            for row in data_rows(sheet.table, sheet.heading_line):
                record = Record(sheet, row, plan.faults)
                device = _take_device(record, known, site_ids, device_lines)
                if device is not None:
                    devices[device.site_id, device.device_id] = (record, device)
    _check_parents(devices, known, device_lines)
    _check_addresses(devices, known)
    plan.devices = [device for _, device in devices.values()]
    plan.faults.sort(key=lambda fault: (fault.sheet, fault.line, fault.column))
    return plan


def _recognise(table: Table, plan: Plan) -> _Sheet | None:
    """Find the headings and by them what the table holds. Sheets of the register go another way."""
    if form_of(table.name) is not None:
        plan.ignored.append(table.name)
        return None
    for row in table.rows[:HEADINGS_WITHIN]:
        cells = ["" if isinstance(cell, CellFault) else cell for cell in row.cells]
        as_devices, as_sites = match_headings(cells, DEVICE_HEADINGS), match_headings(cells, SITE_HEADINGS)
        of_devices = "device_id" in as_devices.values()
        columns = as_devices if of_devices else as_sites
        if "site_id" not in columns.values() or len(columns) < 2:
            continue
        titles = titles_of(table.name, row.line, cells, columns, plan.faults)
        plan.ignored.extend(
            f"{table.name} {column_name(column)}({cell.strip()})".strip()
            for column, cell in enumerate(cells)
            if cell.strip() and column not in columns
        )
        return _Sheet(table, row.line, columns, titles, of_devices)
    if table.rows:
        plan.ignored.append(table.name or "CSV")
    return None


_Kind = TypeVar("_Kind")


def _kind(
    record: Record, find: Callable[[str], _Kind | None], words: Mapping[Any, Words], default: _Kind | None
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


def _take_site(record: Record, known: Known, lines: dict[str, int]) -> Site | None:
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
    if record.has("pupils"):
        fields["pupils"] = record.whole_or_none("pupils", 0, MOST_PUPILS)
    if record.has("boarders"):
        fields["boarders"] = record.whole("boarders", 0, MOST_PUPILS, default=0)
    if record.has("key_site"):
        fields["key_site"] = record.flag("key_site", default=False)
    if not record.sound or kind is None:
        return None
    before = {} if old is None else msgspec.structs.asdict(old)
    site = Site(**{**before, "site_id": site_id, "kind": kind, **fields})
    if site.boarders > (site.pupils or 0):
        field = "boarders" if record.has("boarders") else "pupils"
        record.refuse(field, "住宿生数多于学生数", "more boarders than pupils")
    return site


def _take_device(
    record: Record,
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
    if record.has("key_place"):
        fields["key_place"] = record.flag("key_place", default=False)
    if record.has("must_network"):
        fields["must_network"] = record.flag_or_none("must_network")
    if not record.sound or kind is None:
        return None
    before = {} if old is None else msgspec.structs.asdict(old)
    device = Device(**{**before, "site_id": site_id, "device_id": device_id, "kind": kind, **fields})
    _check_profile(record, device, old, known.profiles)
    return device


def _check_profile(record: Record, device: Device, old: Device | None, profiles: Collection[str]) -> None:
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
    devices: Mapping[DeviceKey, tuple[Record, Device]], known: Known, lines: Collection[DeviceKey]
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


def _check_addresses(devices: Mapping[DeviceKey, tuple[Record, Device]], known: Known) -> None:
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
