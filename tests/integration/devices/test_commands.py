from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from campuswatch.commands.devices import devices

SITES = "学校编号,学校名称,学校类型\ns001,实验小学,小学\n"
DEVICES = "学校编号,设备编号,设备类型,设备名称\ns001,smk-01,烟感,食堂烟感\n"


def run(dsn: str, *arguments: str | Path) -> Result:
    return CliRunner().invoke(devices, [str(argument) for argument in arguments], obj=SimpleNamespace(dsn=lambda: dsn))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "sites.csv").write_text(SITES, encoding="utf-8")
    (tmp_path / "devices.csv").write_text(DEVICES, encoding="gb18030")
    (tmp_path / "bad.csv").write_text(DEVICES + "s001,x,飞碟,\ns009,y,烟感,\n", encoding="utf-8")
    return tmp_path


def test_import_tells_what_it_did_in_chinese_and_in_english(plain_database: str, files: Path) -> None:
    first = run(plain_database, "import", files / "sites.csv")
    assert (first.exit_code, first.output) == (0, "学校: 新增 1,修改 0,未变 0\n设备: 新增 0,修改 0,未变 0\n")
    dry = run(plain_database, "import", files / "devices.csv", "--dry-run", "--lang", "en")
    assert dry.exit_code == 0
    assert "devices: 1 added, 0 changed, 0 unchanged\nDry run: nothing was changed.\n" in dry.output
    assert "新增 1" in run(plain_database, "import", files / "devices.csv").output
    assert "未变 1" in run(plain_database, "import", files / "devices.csv").output


def test_refused_import_names_every_fault_and_fails(plain_database: str, files: Path) -> None:
    run(plain_database, "import", files / "sites.csv")
    result = run(plain_database, "import", files / "bad.csv")
    assert result.exit_code == 1
    assert "第 3 行 C(设备类型) 列" in result.output
    assert "第 4 行 A(学校编号) 列" in result.output
    assert "共 2 处错误,没有导入任何内容。" in result.output
    assert run(plain_database, "list", "s001").output == "没有登记。\n"


def test_export_and_list_tell_what_is_registered(plain_database: str, files: Path) -> None:
    for name in ("sites.csv", "devices.csv"):
        run(plain_database, "import", files / name)
    exported = run(plain_database, "export", files / "all.xlsx")
    assert (exported.exit_code, exported.output) == (0, f"{files / 'all.xlsx'}:学校 1,设备 1\n")
    assert "未变 1" in run(plain_database, "import", files / "all.xlsx").output
    assert run(plain_database, "list").output == "s001\t实验小学\t\n"
    assert run(plain_database, "list", "s001").output == "smk-01\t烟感\t食堂烟感\t\n"
    assert run(plain_database, "list", "s009").exit_code == 1


def test_database_that_is_away_is_told_without_a_traceback(files: Path) -> None:
    result = run("postgresql://nobody@127.0.0.1:1/none", "import", files / "sites.csv")
    assert result.exit_code == 1
    assert "cannot be reached" in result.output


def test_file_that_is_not_there_is_wrong_usage(files: Path) -> None:
    assert run("postgresql://unused", "import", files / "nothing.csv").exit_code == 2
