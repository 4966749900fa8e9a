"""The roster in files: people, shifts and patterns of duty, one sheet each; every fault named by sheet, row and column.

People (人员), shifts (值班) and patterns of the calendar (值班规律). Headings are Chinese or English. An import is all
or nothing; what a file leaves out stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from devices.exporter import CellValue, workbook, write_whole
from devices.headings import fold, match_headings
from devices.records import HEADINGS_WITHIN, Fault, Record, Sheet, titles_of
from devices.tables import CellFault, Table, Words, data_rows, read_tables
from domain.delivery import DeliveryChannel
from domain.duty import DutyPattern, DutyRole, DutyShift, Person
from domain.errors import ImportRefused
from domain.school_calendar import DayKind
from storage.audit_trail import append
from storage.duty import (
    all_people,
    clear_patterns,
    load_roster,
    people_by_id,
    put_contacts,
    put_pattern,
    put_person,
    put_shift,
)
from storage.pool import Connection
from storage.sites import list_sites

Headings = dict[str, tuple[str, ...]]

PEOPLE: Headings = {
    "person_id": ("人员编号", "person_id", "工号"),
    "name": ("姓名", "name"),
    "site_id": ("学校编号", "site_id", "站点编号"),
    "language": ("语言", "language"),
    "contact_1": ("联系方式1", "contact_1", "联系方式"),
    "contact_2": ("联系方式2", "contact_2"),
    "contact_3": ("联系方式3", "contact_3"),
}
SHIFTS: Headings = {
    "shift_of": ("值班人员编号", "shift_of"),
    "role": ("岗位", "role"),
    "site_id": ("学校编号", "site_id", "站点编号"),
    "starts_at": ("开始时间", "starts_at"),
    "ends_at": ("结束时间", "ends_at"),
}
PATTERNS: Headings = {
    "pattern_of": ("规律人员编号", "pattern_of"),
    "role": ("岗位", "role"),
    "site_id": ("学校编号", "site_id", "站点编号"),
    "days": ("适用日", "days"),
    "starts": ("开始", "starts"),
    "ends": ("结束", "ends"),
    "first_day": ("起始日期", "first_day"),
    "last_day": ("截止日期", "last_day"),
}
_FORMS: tuple[tuple[str, Words, Headings], ...] = (
    ("person_id", Words("人员", "people"), PEOPLE),
    ("shift_of", Words("值班", "shifts"), SHIFTS),
    ("pattern_of", Words("值班规律", "patterns"), PATTERNS),
)
_ROLES = {
    fold(word): role
    for role, words in {
        DutyRole.LEADER: ("leader", "带班领导", "领导"),
        DutyRole.OFFICER: ("officer", "值班员"),
    }.items()
    for word in words
}
_DAYS = {
    fold(word): kind
    for kind, words in {
        DayKind.SCHOOL: ("school", "上课日"),
        DayKind.WEEKEND: ("weekend", "周末"),
        DayKind.HOLIDAY: ("holiday", "节假日"),
        DayKind.VACATION: ("vacation", "寒暑假"),
    }.items()
    for word in words
}
_ROLE_WORDS = {DutyRole.LEADER: Words("带班领导", "leader"), DutyRole.OFFICER: Words("值班员", "officer")}
_DAY_WORDS = {
    DayKind.SCHOOL: Words("上课日", "school"),
    DayKind.WEEKEND: Words("周末", "weekend"),
    DayKind.HOLIDAY: Words("节假日", "holiday"),
    DayKind.VACATION: Words("寒暑假", "vacation"),
}
#: How far an export of shifts looks back and ahead.
BACK, AHEAD = timedelta(days=31), timedelta(days=366)


class PersonRow(msgspec.Struct, frozen=True):
    person_id: str
    name: str
    site_id: str
    language: str
    contacts: tuple[tuple[DeliveryChannel, str], ...] | None  # None: the file has no such columns


class ShiftRow(msgspec.Struct, frozen=True):
    person_id: str
    role: DutyRole
    site_id: str
    starts_at: datetime
    ends_at: datetime


class PatternRow(msgspec.Struct, frozen=True):
    person_id: str
    role: DutyRole
    site_id: str
    days: frozenset[DayKind]
    starts: time
    ends: time
    first_day: date
    last_day: date


class RosterPlan(msgspec.Struct):
    """What a file asks for; it may be carried out when it has no faults."""

    people: list[PersonRow] = []
    shifts: list[ShiftRow] = []
    patterns: list[PatternRow] = []
    faults: list[Fault] = []
    sheets: int = 0


def contact_of(text: str) -> tuple[DeliveryChannel, str] | None:
    """The kind of a way to somebody, by how its address looks; None where it is none."""
    folded = text.casefold()
    if folded.startswith("tel:"):
        number = text[4:].replace(" ", "").replace("-", "")
        return (DeliveryChannel.VOICE, f"tel:{number}") if number.removeprefix("+").isdecimal() else None
    local = ("http://127.0.0.1", "http://localhost")
    if folded.startswith("https://") or folded.startswith(local):
        return DeliveryChannel.PEOPLE_WEBHOOK, text
    scheme, separator, rest = text.partition("://")
    if separator and rest and scheme.replace("+", "").isalnum() and folded.partition("://")[0] != "http":
        return DeliveryChannel.APPRISE, text
    return None


def plan_roster(
    tables: Iterable[Table], *, sites: Mapping[str, object], people: Mapping[str, object], zone: ZoneInfo
) -> RosterPlan:
    """Read every row of every sheet. ``sites`` and ``people`` are those that are known already."""
    plan = RosterPlan()
    sheets = [found for table in tables if (found := _recognised(table, plan)) is not None]
    plan.sheets = len(sheets)
    if not sheets:
        plan.faults.append(
            Fault("", 1, "A", Words("没有找到表头:人员编号、值班人员编号或规律人员编号", "no heading that is known"))
        )
    seen: dict[str, int] = {}
    for name, sheet in sorted(sheets, key=lambda one: one[0] != "person_id"):
        for row in data_rows(sheet.table, sheet.heading_line):
            record = Record(sheet, row, plan.faults)
            if name == "person_id":
                _take_person(record, plan, sites, seen)
            elif name == "shift_of":
                _take_shift(record, plan, sites, people.keys() | seen.keys(), zone)
            else:
                _take_pattern(record, plan, sites, people.keys() | seen.keys())
    plan.faults.sort(key=lambda fault: (fault.sheet, fault.line, fault.column))
    return plan


def _recognised(table: Table, plan: RosterPlan) -> tuple[str, Sheet] | None:
    for row in table.rows[:HEADINGS_WITHIN]:
        cells = ["" if isinstance(cell, CellFault) else cell for cell in row.cells]
        for key, _, headings in _FORMS:
            columns = match_headings(cells, headings)
            if key in columns.values() and len(columns) > 1:
                titles = titles_of(table.name, row.line, cells, columns, plan.faults)
                return key, Sheet(table, row.line, columns, titles)
    return None


def _take_person(record: Record, plan: RosterPlan, sites: Mapping[str, object], seen: dict[str, int]) -> None:
    person_id, name = record.code("person_id", required=True), record.text("name", required=True)
    if person_id in seen:
        line = seen[person_id]
        record.refuse("person_id", f"与第 {line} 行重复", f"the same as line {line}")
    elif person_id:
        seen[person_id] = record.line
    language = record.code("language") or "zh"
    if language not in ("zh", "en"):
        record.refuse("language", f"应为 zh 或 en,得到 {language[:20]}", f"expected zh or en, got {language[:20]}")
    contacts = []
    for field in ("contact_1", "contact_2", "contact_3"):
        text = record.text(field)
        if not text:
            continue
        contact = contact_of(text)
        if contact is None:
            # What stands there may be a secret: it is not repeated.
            record.refuse(
                field,
                "应为 Apprise 地址(如 mailto://…)、https:// 地址或 tel:+86…",
                "expected an Apprise URL (such as mailto://…), an https:// URL or tel:+86…",
            )
        else:
            contacts.append(contact)
    site_id = _site(record, sites)
    if record.sound:
        named = any(record.has(field) for field in ("contact_1", "contact_2", "contact_3"))
        row = PersonRow(person_id, name, site_id, language, tuple(contacts) if named else None)
        plan.people.append(row)


def _take_shift(
    record: Record, plan: RosterPlan, sites: Mapping[str, object], people: Iterable[str], zone: ZoneInfo
) -> None:
    person_id, role, site_id = _person(record, "shift_of", people), _role(record), _site(record, sites)
    moments = []
    for field in ("starts_at", "ends_at"):
        moment = record.moment(field, required=True)
        if isinstance(moment, time):
            record.refuse(field, "应为日期和时间,如 2026-03-01 08:00", "expected a date and a time")
        elif moment is not None:
            moments.append(moment.replace(tzinfo=zone).astimezone(UTC))
    if len(moments) == 2 and moments[0] >= moments[1]:
        record.refuse("ends_at", "应晚于开始时间", "expected later than the beginning")
    if record.sound:
        plan.shifts.append(ShiftRow(person_id, role, site_id, moments[0], moments[1]))


def _take_pattern(record: Record, plan: RosterPlan, sites: Mapping[str, object], people: Iterable[str]) -> None:
    person_id, role, site_id = _person(record, "pattern_of", people), _role(record), _site(record, sites)
    words = [fold(word) for word in record.code("days", required=True).replace("、", ",").split(",") if word.strip()]
    if wrong := [word for word in words if word not in _DAYS]:
        known = "、".join(words.zh for words in _DAY_WORDS.values()), ", ".join(DayKind)
        record.refuse("days", f"应为 {known[0]},得到 {wrong[0][:20]}", f"expected {known[1]}, got {wrong[0][:20]}")
    starts, ends = record.clock("starts", required=True), record.clock("ends", required=True)
    first, last = record.day("first_day", required=True), record.day("last_day", required=True)
    if first is not None and last is not None and first > last:
        record.refuse("last_day", "应不早于起始日期", "expected not before the first day")
    if record.sound and starts is not None and ends is not None and first is not None and last is not None:
        days = frozenset(_DAYS[word] for word in words)
        plan.patterns.append(PatternRow(person_id, role, site_id, days, starts, ends, first, last))


def _person(record: Record, field: str, people: Iterable[str]) -> str:
    person_id = record.code(field, required=True)
    if person_id and person_id not in people:
        record.refuse(field, f"名单里没有 {person_id[:40]}", f"nobody on the list is called {person_id[:40]}")
    return person_id


def _site(record: Record, sites: Mapping[str, object]) -> str:
    site_id = record.code("site_id").lower()
    if site_id and site_id not in sites:
        record.refuse("site_id", f"没有登记学校 {site_id[:40]}", f"no site {site_id[:40]} is registered")
    return site_id


def _role(record: Record) -> DutyRole:
    text = record.code("role")
    role = _ROLES.get(fold(text)) if text else DutyRole.LEADER
    if role is None:
        record.refuse(
            "role", f"应为 带班领导 或 值班员,得到 {text[:20]}", f"expected leader or officer, got {text[:20]}"
        )
    return role or DutyRole.LEADER


async def import_roster(
    conn: Connection, file: Path, *, zone: ZoneInfo, actor: str, at: datetime, dry_run: bool = False
) -> RosterPlan:
    """Import ``file`` in one transaction; with faults, or as a dry run, nothing is changed. Patterns of a site and role
    that the file names are replaced as a whole.

    :raises ImportRefused: the file as a whole cannot be read.
    """
    tables = read_tables(file)
    async with conn.transaction():
        sites = {row.site.site_id: row for row in await list_sites(conn, limit=None)}
        known = {person.person_id: person for person in await all_people(conn)}
        plan = plan_roster(tables, sites=sites, people=known, zone=zone)
        if plan.faults or dry_run:
            return plan
        for row in plan.people:
            number = await put_person(conn, row.person_id, row.name, site_id=row.site_id, language=row.language)
            if row.contacts is not None:
                await put_contacts(conn, number, row.contacts)
        numbers = await _numbers(conn, plan)
        for shift in plan.shifts:
            await put_shift(
                conn,
                numbers[shift.person_id].person_no,
                site_id=shift.site_id,
                role=shift.role,
                starts_at=shift.starts_at,
                ends_at=shift.ends_at,
            )
        for site_id, role in dict.fromkeys((one.site_id, one.role) for one in plan.patterns):
            await clear_patterns(conn, site_id, role)
        for pattern in plan.patterns:
            await put_pattern(conn, _pattern(pattern, numbers[pattern.person_id].person_no))
        detail = {"people": len(plan.people), "shifts": len(plan.shifts), "patterns": len(plan.patterns)}
        await append(conn, at=at, actor=actor, action="roster.imported", subject=file.name[:200], detail=detail)
    return plan


async def _numbers(conn: Connection, plan: RosterPlan) -> dict[str, Person]:
    wanted = {shift.person_id for shift in plan.shifts} | {pattern.person_id for pattern in plan.patterns}
    return await people_by_id(conn, sorted(wanted))


def _pattern(row: PatternRow, person_no: int) -> DutyPattern:
    return DutyPattern(
        pattern_no=0,
        site_id=row.site_id,
        role=row.role,
        person_no=person_no,
        day_kinds=row.days,
        starts=row.starts,
        ends=row.ends,
        first_day=row.first_day,
        last_day=row.last_day,
    )


async def export_roster(
    conn: Connection, file: Path, *, zone: ZoneInfo, at: datetime, language: str = "zh"
) -> dict[str, int]:
    """Write the roster to an XLSX that imports back; how many rows stand in each sheet. Addresses are secrets and are
    left out with their columns, so that an import of the file leaves them as they are.

    :raises ImportRefused: the name does not end in .xlsx.
    """
    if file.suffix.lower() != ".xlsx":
        raise ImportRefused(f"{file.name}: 应为 .xlsx / expected .xlsx")
    people = await all_people(conn)
    roster = await load_roster(conn, at - BACK, at + AHEAD, zone=zone)
    listed = [shift for shift in roster.shifts if shift.person_no in roster.people]
    rows: tuple[list[list[CellValue]], ...] = (
        [[one.person_id, one.name, one.site_id, one.language] for one in people],
        [_shift_cells(shift, roster.people, zone, language) for shift in listed],
        [_pattern_cells(pattern, roster.people, language) for pattern in roster.patterns],
    )
    without = {field: names for field, names in PEOPLE.items() if not field.startswith("contact")}
    sheets = [
        (title, without if headings is PEOPLE else headings, cells)
        for (_, title, headings), cells in zip(_FORMS, rows, strict=True)
    ]
    write_whole(file, workbook(sheets, language))
    return {title.text(language): len(cells) for (_, title, _), cells in zip(_FORMS, rows, strict=True)}


def _shift_cells(shift: DutyShift, people: Mapping[int, Person], zone: ZoneInfo, language: str) -> list[CellValue]:
    assert shift.person_no is not None
    starts, ends = (f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" for at in (shift.starts_at, shift.ends_at))
    return [people[shift.person_no].person_id, _ROLE_WORDS[shift.role].text(language), shift.site_id, starts, ends]


def _pattern_cells(pattern: DutyPattern, people: Mapping[int, Person], language: str) -> list[CellValue]:
    person = people.get(pattern.person_no)
    days = ",".join(_DAY_WORDS[kind].text(language) for kind in DayKind if kind in pattern.day_kinds)
    return [
        person.person_id if person else "",
        _ROLE_WORDS[pattern.role].text(language),
        pattern.site_id,
        days,
        f"{pattern.starts:%H:%M}",
        f"{pattern.ends:%H:%M}",
        pattern.first_day.isoformat(),
        pattern.last_day.isoformat(),
    ]
