from __future__ import annotations

from pathlib import Path
from time import perf_counter

import pytest

from devices.exporter import What, export_file
from devices.importer import import_district, import_file
from domain.device import DeviceKind
from domain.errors import ImportRefused, RegistryError
from simulators.district import build_district
from storage.devices import list_devices
from storage.pool import Connection
from storage.registry import Changes
from storage.sites import list_sites
from tests.integration.devices.conftest import AT, device, site

NONE = Changes(0, 0, 0)


@pytest.fixture
async def school(conn: Connection) -> Connection:
    await import_district(
        conn,
        [site()],
        [
            device("gw-01", DeviceKind.GATEWAY),
            device("smk-01", name='=HYPERLINK("x")', place="-1层", parent_id="gw-01"),
            device("smk-02", profile="zigbee2mqtt", address="0x01", heartbeat_s=7200),
        ],
        at=AT,
    )
    return conn


def assert_only_file(folder: Path, name: str) -> None:
    assert [file.name for file in folder.iterdir()] == [name]


@pytest.mark.parametrize("name", ["all.xlsx", "devices.csv", "sites.csv"])
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_export_imports_back_unchanged(school: Connection, tmp_path: Path, name: str, language: str) -> None:
    what = What.SITES if name == "sites.csv" else What.DEVICES
    written = await export_file(school, tmp_path / name, what=what, language=language)
    report = await import_file(school, tmp_path / name, actor="tester", at=AT)
    sites, devices = written
    assert (report.sites, report.devices) == (Changes(0, 0, sites), Changes(0, 0, devices))
    assert sites + devices > 0
    assert_only_file(tmp_path, name)


async def test_import_adds_and_changes_and_removes_nothing(school: Connection, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("site_id,device_id,kind,name\ns001,smk-02,,新名\n".replace(",,", ",smoke,") + "s001,new,gas,燃气\n")
    report = await import_file(school, file, actor="tester", at=AT)
    assert (report.sites, report.devices) == (NONE, Changes(1, 1, 0))
    rows = {row.device_id: row for row in await list_devices(school)}
    assert set(rows) == {"gw-01", "smk-01", "smk-02", "new"}
    assert (rows["smk-02"].name, rows["smk-02"].heartbeat_s) == ("新名", 7200)


async def test_one_bad_row_keeps_the_whole_file_out(school: Connection, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("site_id,device_id,kind\ns001,good,smoke\ns009,bad,smoke\ns001,worse,ufo\n")
    with pytest.raises(ImportRefused) as caught:
        await import_file(school, file, actor="tester", at=AT, language="en")
    assert str(caught.value).splitlines() == [
        "line 3, column A(site_id): no such site: s009",
        "line 4, column C(kind): no such kind: ufo; there are " + ", ".join(DeviceKind),
    ]
    assert len(await list_devices(school)) == 3


async def test_dry_run_tells_the_same_and_changes_nothing(school: Connection, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("site_id,device_id,kind\ns001,new,smoke\n")
    planned = await import_file(school, file, actor="tester", at=AT, dry_run=True)
    assert (planned.devices, planned.dry_run) == (Changes(1, 0, 0), True)
    assert len(await list_devices(school)) == 3
    done = await import_file(school, file, actor="tester", at=AT)
    assert (done.devices, done.dry_run) == (Changes(1, 0, 0), False)


async def test_file_without_headings_is_refused(school: Connection, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(ImportRefused, match="site_id"):
        await import_file(school, file, actor="tester", at=AT)


async def test_export_into_a_file_that_cannot_be_written_is_refused(school: Connection, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="cannot be written"):
        await export_file(school, tmp_path / "no" / "x.csv")
    with pytest.raises(RegistryError, match=r"expected \.xlsx or \.csv"):
        await export_file(school, tmp_path / "x.txt")


async def test_district_of_twenty_thousand_devices_is_loaded_quickly_and_again_changes_nothing(
    conn: Connection,
) -> None:
    district = build_district()
    started = perf_counter()
    first = await import_district(conn, district.sites, district.devices, at=AT)
    loaded = perf_counter()
    again = await import_district(conn, district.sites, district.devices, at=AT)
    done = perf_counter()
    count = len(district.devices)
    assert first == (Changes(184, 0, 0), Changes(count, 0, 0))
    assert again == (Changes(0, 0, 184), Changes(0, 0, count))
    assert count == 19_872
    assert len(await list_sites(conn, limit=None)) == 184
    # Measured 1.9 s and 0.3 s; the bounds leave room for a machine that is busy with other tests.
    assert loaded - started < 30
    assert done - loaded < 10
