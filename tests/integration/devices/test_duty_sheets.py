"""The roster from a workbook: all or nothing, every fault with its sheet, row and column; and back into one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from openpyxl import Workbook, load_workbook

from devices.duty_sheets import contact_of, export_roster, import_roster
from domain.delivery import DeliveryChannel
from domain.duty import DutyRole
from storage.duty import all_people, load_roster, rostered
from storage.pool import Connection, connect
from tests.integration.storage.kept import empty

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
Rows = list[list[object]]
PEOPLE: Rows = [
    ["人员编号", "姓名", "学校编号", "语言", "联系方式1", "联系方式2"],
    ["w1", "王主任", "", "zh", "json://geheim/1", "tel:+86 138-0000-0000"],
    ["l2", "李老师", "s001", "", "https://people.example/hook#whsec_AAAA", ""],
]
SHIFTS: list[list[object]] = [
    ["值班人员编号", "岗位", "学校编号", "开始时间", "结束时间"],
    ["w1", "带班领导", "", "2026-03-02 08:00", datetime(2026, 3, 3, 8, 0)],  # noqa: DTZ001 - as Excel keeps it
    ["l2", "值班员", "s001", "2026-03-02 08:00", "2026-03-02 18:00"],
]
PATTERNS: list[list[object]] = [
    ["规律人员编号", "岗位", "学校编号", "适用日", "开始", "结束", "起始日期", "截止日期"],
    ["l2", "领导", "s001", "上课日、周末", "18:00", "08:00", "2026-03-01", "2026-07-01"],
]


@pytest.fixture
async def conn(plain_database: str) -> AsyncIterator[Connection]:
    opened = await connect(plain_database, name="test")
    await empty(opened)
    await opened.execute("INSERT INTO site (site_id, name, kind) VALUES ('s001', '前黄实验学校', 'nine_year')")
    yield opened
    await opened.close()


def _book(path: Path, **sheets: Sequence[Sequence[object]]) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


async def _names(conn: Connection, at: str, site_id: str, role: DutyRole) -> list[str]:
    moment = datetime.fromisoformat(at).replace(tzinfo=ZONE)
    roster = await load_roster(conn, moment, moment, zone=ZONE, site_ids=[site_id])
    return [one.person.name for one in roster.who(moment, site_id, role)]


async def test_people_shifts_and_patterns_come_in_and_go_out_and_in_again(conn: Connection, tmp_path: Path) -> None:
    file = _book(tmp_path / "in.xlsx", 值班=SHIFTS, 人员=PEOPLE, 规律=PATTERNS)
    plan = await import_roster(conn, file, zone=ZONE, actor="张伟", at=NOW)
    assert plan.faults == []
    assert await _names(conn, "2026-03-03 07:59", "", DutyRole.LEADER) == ["王主任"]
    assert await _names(conn, "2026-03-02 09:00", "s001", DutyRole.OFFICER) == ["李老师"]
    assert await _names(conn, "2026-03-02 23:00", "s001", DutyRole.LEADER) == ["李老师"]
    out = tmp_path / "out.xlsx"
    assert await export_roster(conn, out, zone=ZONE, at=NOW) == {"人员": 2, "值班": 2, "值班规律": 1}
    text = str([[cell.value for row in sheet.rows for cell in row] for sheet in load_workbook(out).worksheets])
    assert "geheim" not in text
    again = await import_roster(conn, out, zone=ZONE, actor="张伟", at=NOW)
    assert (again.faults, len(again.people), len(again.shifts), len(again.patterns)) == ([], 2, 2, 1)
    # The file has no columns of contacts: they are as they were.
    assert [len(person.contacts) for person in await all_people(conn)] == [1, 2]
    assert len(await rostered(conn)) == 3
    assert await _names(conn, "2026-03-02 23:00", "s001", DutyRole.LEADER) == ["李老师"]


async def test_every_fault_is_named_by_sheet_row_and_column_and_nothing_is_changed(
    conn: Connection, tmp_path: Path
) -> None:
    people: Rows = [*PEOPLE, ["w1", "", "s999", "fr", "nonsense geheim", ""]]
    shifts: Rows = [*SHIFTS, ["nobody", "校长", "", "2026-03-02", "2026-03-01 08:00"]]
    shifts += [["w1", "", "", "2026-03-02 09:00", "2026-03-02 08:00"]]
    patterns: Rows = [*PATTERNS, ["w1", "", "", "圣诞", "25:00", "08:00", "2026-03-01", "2026-02-01"]]
    file = _book(tmp_path / "in.xlsx", 人员=people, 值班=shifts, 规律=patterns)
    plan = await import_roster(conn, file, zone=ZONE, actor="张伟", at=NOW)
    where = {(fault.sheet, fault.line, fault.column[0]) for fault in plan.faults}
    assert where == {
        *(("人员", 4, column) for column in "ABCDE"),
        *(("值班", 4, column) for column in "ABD"),
        ("值班", 5, "E"),
        *(("规律", 3, column) for column in "DEH"),
    }
    assert "geheim" not in str(plan.faults)
    assert all(fault.text("zh") and fault.text("en") for fault in plan.faults)
    assert await all_people(conn) == []


async def test_a_dry_run_changes_nothing(conn: Connection, tmp_path: Path) -> None:
    file = _book(tmp_path / "in.xlsx", 人员=PEOPLE, 值班=SHIFTS)
    plan = await import_roster(conn, file, zone=ZONE, actor="张伟", at=NOW, dry_run=True)
    assert (plan.faults, len(plan.shifts)) == ([], 2)
    assert await all_people(conn) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mailto://user:pass@example.com", DeliveryChannel.APPRISE),
        ("wecombot://abc", DeliveryChannel.APPRISE),
        ("https://people.example/hook", DeliveryChannel.PEOPLE_WEBHOOK),
        ("http://127.0.0.1:9000/hook", DeliveryChannel.PEOPLE_WEBHOOK),
        ("tel:+8613800000000", DeliveryChannel.VOICE),
        ("http://people.example/hook", None),  # in clear over the net
        ("tel:abc", None),
        ("13800000000", None),
    ],
)
def test_an_address_tells_its_kind(text: str, kind: DeliveryChannel | None) -> None:
    found = contact_of(text)
    assert (found and found[0]) == kind
