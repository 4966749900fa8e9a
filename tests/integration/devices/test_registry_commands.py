"""`campuswatch registry`: the bureau's workbook goes in, whole or not at all, and comes out again."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from openpyxl import Workbook, load_workbook

from campuswatch.commands.registry import registry
from campuswatch.settings import Settings


def run(dsn: str, *arguments: str | Path) -> Result:
    session = SimpleNamespace(dsn=lambda: dsn, settings=Settings)
    return CliRunner().invoke(registry, [str(argument) for argument in arguments], obj=session)


SHEETS: dict[str, list[list[Any]]] = {
    "学校": [
        ["学校编号", "学校名称", "学校类型", "学生数", "住宿生数", "反恐重点单位"],
        ["s001", "实验小学", "小学", 900, 0, "是"],
    ],
    "设备": [
        ["学校编号", "设备编号", "设备类型", "重要部位"],
        ["s001", "door-1", "门禁", ""],
        ["s001", "cam-1", "摄像机", "是"],
    ],
    "保安员": [
        ["保安编号", "学校编号", "姓名", "出生日期", "首次入职日期", "保安员证号", "证书有效期至", "手机", "门禁卡号"],
        ["G1", "s001", "李强", date(1980, 5, 1), "2020-01-01", "32040001", "2028/6/30", 13800001234, "C-1"],
        ["G2", "s001", "'=王强", date(1985, 5, 1), "2021.3.1", "32040002", "", "", ""],
    ],
    "班次": [
        ["保安编号", "上班时间", "下班时间"],
        ["G1", "2026-12-01 07:00", "19:00"],
        ["G2", "2026-12-01 19:00", "7:00"],
    ],
    "校门": [
        ["学校编号", "校门编号", "校门名称", "主校门", "门禁设备编号"],
        ["s001", "g1", "正门", "是", "door-1"],
    ],
    "防冲撞设施": [
        ["学校编号", "设施编号", "校门编号", "设施类型", "安装日期"],
        ["s001", "b1", "g1", "升降柱", "2022-09-01"],
    ],
    "护学岗": [["学校编号", "岗位编号", "位置", "应到人数"], ["s001", "p1", "正门", 2]],
    "安全干部": [
        ["学校编号", "姓名", "手机", "通知地址"],
        ["s001", "王芳", "13900005678", "json://token@127.0.0.1/x"],
    ],
    "校历": [["开始日期", "结束日期", "类型", "名称"], ["2027-01-01", "2027-01-03", "节假日", "元旦"]],
    "备忘": [["随便写的"]],
}


def book(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    workbook = Workbook()
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


@pytest.fixture
def imported(database: str, tmp_path: Path) -> str:
    result = run(database, "import", book(tmp_path / "registry.xlsx", SHEETS), "--lang", "en")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "ignored: 备忘",
        "sites: 1 added, 0 changed, 0 unchanged",
        "devices: 2 added, 0 changed, 0 unchanged",
        "guards: 2 added, 0 changed, 0 unchanged",
        "shifts: 2 added, 0 changed, 0 unchanged",
        "posts: 1 added, 0 changed, 0 unchanged",
        "gates: 1 added, 0 changed, 0 unchanged",
        "barriers: 1 added, 0 changed, 0 unchanged",
        "safety_officers: 1 added, 0 changed, 0 unchanged",
        "calendar: 1 added, 0 changed, 0 unchanged",
    ]
    return database


def test_a_workbook_is_imported_once_and_what_is_exported_changes_nothing(imported: str, tmp_path: Path) -> None:
    again = run(imported, "import", tmp_path / "registry.xlsx")
    assert again.exit_code == 0
    assert all("新增 0,修改 0" in line for line in again.output.splitlines()[1:])
    for language in ("zh", "en"):
        for arguments in ((), ("--secrets",)):
            out = tmp_path / f"out-{language}-{len(arguments)}.xlsx"
            exported = run(imported, "export", out, "--lang", language, *arguments)
            assert exported.exit_code == 0, exported.output
            result = run(imported, "import", out, "--dry-run", "--lang", "en")
            assert result.exit_code == 0, result.output
            assert all(" 0 added, 0 changed" in line for line in result.output.splitlines()[:-1])
            cells = [cell.value for sheet in load_workbook(out) for row in sheet.iter_rows() for cell in row]
            assert ("json://token@127.0.0.1/x" in cells) is bool(arguments)
            assert "'=王强" in cells


def test_one_fault_and_nothing_is_imported(database: str, tmp_path: Path) -> None:
    wrong = SHEETS | {"护学岗": [["学校编号", "岗位编号", "位置", "应到人数"], ["s001", "p1", "正门", "两人"]]}
    result = run(database, "import", book(tmp_path / "wrong.xlsx", wrong))
    assert result.exit_code == 1
    assert "护学岗 第 2 行 D(应到人数) 列:应为 1 到 100 的数字,得到 两人" in result.output
    assert "共 1 处错误,没有导入任何内容。" in result.output
    assert run(database, "show", "s001").exit_code == 1
    dry = run(database, "import", book(tmp_path / "right.xlsx", SHEETS), "--dry-run")
    assert dry.exit_code == 0
    assert run(database, "show", "s001").exit_code == 1
    strange = run(database, "import", book(tmp_path / "strange.xlsx", {"备忘": [["x"]]}))
    assert "没有可识别的工作表" in strange.output


def test_what_is_shown_masks_telephone_numbers_and_hides_contacts(imported: str) -> None:
    shown = run(imported, "show", "s001", "--lang", "en").output
    assert "900 pupils, 0 boarders, key site of counter-terrorism" in shown
    assert "138******34" in shown
    assert "13800001234" not in shown
    assert "token" not in shown
    assert "李强" in shown
    before = run(imported, "show", "s001", "--at", "2020-01-01").output
    assert "李强" not in before


def test_the_example_of_the_template_is_imported_as_it_is(database: str, tmp_path: Path) -> None:
    for language in ("zh", "en"):
        assert run(database, "template", tmp_path / "t.xlsx", "--example", "--lang", language).exit_code == 0
        result = run(database, "import", tmp_path / "t.xlsx", "--dry-run", "--lang", "en")
        assert result.exit_code == 0, result.output
        assert len(result.output.splitlines()) == 10  # nine sheets
        assert " 0 added" not in result.output


def test_the_template_has_every_sheet_and_is_refused_as_empty(database: str, tmp_path: Path) -> None:
    result = run(database, "template", tmp_path / "t.xlsx")
    assert result.exit_code == 0
    assert [sheet.title for sheet in load_workbook(tmp_path / "t.xlsx")] == [
        "学校", "保安员", "班次", "护学岗", "校门", "防冲撞设施", "安全干部", "校历", "作息时间",
    ]  # fmt: skip
    assert run(database, "import", tmp_path / "t.xlsx").exit_code == 0
