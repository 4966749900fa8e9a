from __future__ import annotations

import csv
import io
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.exporter import device_row, site_row, to_csv, to_xlsx
from devices.headings import DEVICE_HEADINGS, SITE_HEADINGS
from devices.neutral import neutralise, restore
from devices.rows import Known, plan_import
from devices.tables import read_tables
from domain.device import Device, DeviceKind
from domain.site import Site, SiteKind

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cf", "Zs", "Zl", "Zp", "Cn", "Co")), max_size=12
)
FORMULA = st.builds(str.__add__, st.sampled_from(["=", "+", "-", "@", "'=", "''@", "＝", "'"]), TEXT)
WORDS = TEXT | FORMULA
CODE = st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True)

SITES = st.builds(
    Site,
    site_id=st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True),
    name=WORDS.filter(bool),
    name_en=WORDS,
    kind=st.sampled_from(SiteKind),
    township=WORDS,
    address=WORDS,
    longitude=st.none() | st.floats(-180, 180),
    latitude=st.none() | st.floats(-90, 90),
    contact_name=WORDS,
    contact_phone=st.from_regex(r"\+?[0-9-]{0,15}", fullmatch=True),
    pupils=st.integers(5_000, 100_000),
    boarders=st.integers(0, 5_000),
    key_site=st.booleans(),
)


@st.composite
def districts(draw: st.DrawFn) -> tuple[list[Site], list[Device]]:
    sites = draw(st.lists(SITES, min_size=1, max_size=3, unique_by=lambda site: site.site_id))
    devices = st.builds(
        Device,
        site_id=st.sampled_from([site.site_id for site in sites]),
        device_id=CODE,
        kind=st.sampled_from(DeviceKind),
        name=WORDS,
        place=WORDS,
        profile=st.just("zigbee2mqtt"),
        address=CODE,
        heartbeat_s=st.integers(1, 86_400),
        key_place=st.booleans(),
        must_network=st.sampled_from([None, True, False]),
    )
    unique = (lambda d: (d.site_id, d.device_id), lambda d: (d.site_id, d.address))
    return sites, draw(st.lists(devices, max_size=5, unique_by=unique))


@pytest.mark.parametrize("text", ["=1+1", "+86 138", "-1", "@SUM(A1)", "'=x", "''=x", "\t=x", "＝1"])
def test_text_like_a_formula_is_neutralised_and_comes_back(text: str) -> None:
    assert neutralise(text).startswith("'")
    assert restore(neutralise(text)) == text


@pytest.mark.parametrize("text", ["", "s001", "1号楼", "'quoted'", "a=b", "五年级(1)班-东"])
def test_plain_text_is_left_alone(text: str) -> None:
    assert neutralise(text) == restore(text) == text


@given(st.text())
def test_every_text_comes_back(text: str) -> None:
    assert restore(neutralise(text)) == text


@settings(deadline=None, max_examples=40)
@given(districts(), st.sampled_from(["zh", "en"]))
def test_what_is_exported_imports_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, district: tuple[list[Site], list[Device]], language: str
) -> None:
    sites, devices = district
    folder = tmp_path_factory.mktemp("export")
    (folder / "all.xlsx").write_bytes(to_xlsx(sites, devices, language))
    (folder / "sites.csv").write_bytes(to_csv(sites, site_row, SITE_HEADINGS, language))
    (folder / "devices.csv").write_bytes(to_csv(devices, device_row, DEVICE_HEADINGS, language))
    as_csv = [*read_tables(folder / "sites.csv"), *read_tables(folder / "devices.csv")]
    for tables in (read_tables(folder / "all.xlsx"), as_csv):
        plan = plan_import(tables, Known({}, {}, ("zigbee2mqtt",)))
        assert [fault.text("en") for fault in plan.faults] == []
        assert plan.sites == sites
        assert plan.devices == devices


def test_no_cell_of_an_export_is_run_as_a_formula(tmp_path: Path) -> None:
    evil = Device(
        site_id="s001", device_id="-x", kind=DeviceKind.SMOKE, name='=HYPERLINK("http://x")', place="@SUM(A1)"
    )
    rows = list(csv.reader(io.StringIO(to_csv([evil], device_row, DEVICE_HEADINGS, "zh").decode("utf-8-sig"))))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    book = tmp_path / "x.xlsx"
    book.write_bytes(to_xlsx([], [evil], "zh"))
    with ZipFile(book) as archive:
        assert not [name for name in archive.namelist() if b"<f>" in archive.read(name)]
