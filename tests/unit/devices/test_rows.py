from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from devices.rows import Known, Plan, plan_import
from devices.tables import read_tables
from domain.device import Device, DeviceKind
from domain.errors import ImportRefused
from domain.site import Site, SiteKind

SITE = Site(site_id="s001", name="实验小学", kind=SiteKind.PRIMARY, township="湖塘镇", longitude=119.95, latitude=31.7)
GATEWAY = Device(site_id="s001", device_id="gw-01", kind=DeviceKind.GATEWAY, name="网关")
SMOKE = Device(
    site_id="s001",
    device_id="smk-01",
    kind=DeviceKind.SMOKE,
    name="食堂烟感",
    place="食堂",
    parent_id="gw-01",
    profile="zigbee2mqtt",
    address="0x01",
    heartbeat_s=60,
)
KNOWN = Known(
    {"s001": SITE},
    {(device.site_id, device.device_id): device for device in (GATEWAY, SMOKE)},
    ("tasmota", "zigbee2mqtt"),
)


def from_csv(folder: Path, text: str | bytes, known: Known = KNOWN) -> Plan:
    file = folder / "list.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return plan_import(read_tables(file), known)


def from_sheets(folder: Path, sheets: dict[str, list[list[Any]]], merge: dict[str, str] | None = None) -> Plan:
    book = Workbook()
    del book[book.sheetnames[0]]
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        if merge and name in merge:
            sheet.merge_cells(merge[name])
    data = io.BytesIO()
    book.save(data)
    file = folder / "list.xlsx"
    file.write_bytes(data.getvalue())
    return plan_import(read_tables(file), KNOWN)


def faults(plan: Plan) -> list[tuple[int, str]]:
    return [(fault.line, fault.column) for fault in plan.faults]


CHINESE = "学校编号,设备编号,设备类型,设备名称\ns001,tmp-01,温度传感器,走廊温度\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_csv_in_the_encodings_of_the_field_is_read(tmp_path: Path, encoding: str) -> None:
    plan = from_csv(tmp_path, CHINESE.encode(encoding))
    assert plan.faults == []
    assert plan.devices == [Device(site_id="s001", device_id="tmp-01", kind=DeviceKind.TEMPERATURE, name="走廊温度")]


@pytest.mark.parametrize(
    "text",
    [
        "site_id,device_id,kind,name\ns001,tmp-01,temperature,走廊温度\n",
        "Site ID;Device-ID;Kind*;Name\ns001;tmp-01;Temperature Sensor;走廊温度\n",
        "学校编号\t设备编号\t类型\t名称\r\ns001\ttmp-01\t温度传感器\t走廊温度\r\n",
        "武进区设备登记表,,,\n\n学校编号,设备编号,设备类型,设备名称\ns001,tmp-01,温度传感器,走廊温度\n",
        "学校编号,设备编号,设备类型,设备名称\n s001　,ｔｍｐ－０１, 温度传感器 ,　走廊温度 \n,,,\n",
    ],
)
def test_headings_and_cells_are_understood_as_people_write_them(tmp_path: Path, text: str) -> None:
    plan = from_csv(tmp_path, text)
    assert plan.faults == []
    assert [(device.device_id, device.kind, device.name) for device in plan.devices] == [
        ("tmp-01", DeviceKind.TEMPERATURE, "走廊温度")
    ]


def test_csv_of_sites_is_told_by_its_headings(tmp_path: Path) -> None:
    plan = from_csv(
        tmp_path,
        "学校编号,学校名称,学校类型,经度,纬度,联系电话\ns002,第二幼儿园,幼儿园,119.9,31.7,１３８００００００００\n",
    )
    assert plan.faults == []
    assert plan.sites == [
        Site(
            site_id="s002",
            name="第二幼儿园",
            kind=SiteKind.KINDERGARTEN,
            longitude=119.9,
            latitude=31.7,
            contact_phone="13800000000",
        )
    ]


def test_workbook_holds_sites_and_their_devices(tmp_path: Path) -> None:
    plan = from_sheets(
        tmp_path,
        {
            "设备": [
                ["学校编号", "设备编号", "设备类型", "上级设备编号", "心跳间隔(秒)"],
                ["s002", 12, "网关", None, 30.0],
                ["s002", 13.0, "烟感", 12, "６０"],
            ],
            "学校": [["学校编号", "学校名称", "学校类型"], ["s002", "第二小学", "小学"]],
            "说明": [["怎样填写"]],
        },
    )
    assert plan.faults == []
    assert [site.site_id for site in plan.sites] == ["s002"]
    assert [(device.device_id, device.parent_id, device.heartbeat_s) for device in plan.devices] == [
        ("12", "", 30),
        ("13", "12", 60),
    ]
    assert plan.ignored == ["说明"]


def test_every_bad_row_is_told_with_line_column_and_reason(tmp_path: Path) -> None:
    plan = from_csv(
        tmp_path,
        "学校编号,设备编号,设备类型,上级设备编号,接入协议,通信地址,心跳间隔(秒)\n"
        "s009,a-1,烟感,,,,\n"
        "s001,a 2,烟感,,,,\n"
        "s001,a-3,飞碟,,,,\n"
        "s001,,烟感,,,,\n"
        "s001,a-5,,,,,\n"
        "s001,a-6,烟感,gw-99,,,\n"
        "s001,a-7,烟感,,modbus,1,\n"
        "s001,a-8,烟感,,tasmota,,\n"
        "s001,a-9,烟感,,,,0\n"
        "s001,a-10,烟感,,,,86401\n"
        "s001,a-11,烟感,,,,一分钟\n"
        "s001,a-12,烟感,,,,1.5\n"
        "s001,a-13,烟感,,,,nan\n"
        "s001,a-14,烟感,,,,30\n"
        "s001,a-14,烟感,,,,30\n"
        "s001,a-16,烟感,,zigbee2mqtt,0x01,\n"
        "s001,a-17,烟感,a-17,,,\n",
    )
    assert [(fault.line, fault.column[0]) for fault in plan.faults] == [
        (2, "A"),
        (3, "B"),
        (4, "C"),
        (5, "B"),
        (6, "C"),
        (7, "D"),
        (8, "E"),
        (9, "F"),
        (10, "G"),
        (11, "G"),
        (12, "G"),
        (13, "G"),
        (14, "G"),
        (16, "B"),
        (17, "F"),
        (18, "D"),
    ]


def test_fault_is_told_in_chinese_and_in_english(tmp_path: Path) -> None:
    (fault,) = from_csv(tmp_path, "学校编号,设备编号,设备类型\ns001,a-1,飞碟\n").faults
    assert fault.text("zh").startswith("第 2 行 C(设备类型) 列:没有「飞碟」这种类型;可用:一键报警、烟感")
    assert fault.text("en").startswith("line 2, column C(设备类型): no such kind: 飞碟; there are one_key_alarm, smoke")


def test_line_is_where_the_row_begins_though_cells_hold_line_breaks(tmp_path: Path) -> None:
    plan = from_csv(tmp_path, '学校编号,设备编号,设备类型,安装位置\ns001,a-1,烟感,"一楼\n东侧"\ns009,a-2,烟感,x\n')
    assert [fault.line for fault in plan.faults] == [4]


@pytest.mark.parametrize(
    ("value", "why"),
    [("=A1&B1", "formula"), (True, "TRUE"), ("#N/A", "error")],
)
def test_cell_that_is_no_text_is_told(tmp_path: Path, value: Any, why: str) -> None:
    plan = from_sheets(
        tmp_path, {"设备": [["学校编号", "设备编号", "设备类型", "设备名称"], ["s001", "a-1", "烟感", value]]}
    )
    assert faults(plan) == [(2, "D(设备名称)")]
    assert why in plan.faults[0].why.en


def test_date_in_a_text_column_is_told(tmp_path: Path) -> None:
    when = datetime(2026, 11, 22)  # noqa: DTZ001 - a spreadsheet's dates have no zone
    plan = from_sheets(tmp_path, {"设备": [["学校编号", "设备编号", "设备类型"], ["s001", when, "烟感"]]})
    assert faults(plan) == [(2, "B(设备编号)")]


def test_merged_cells_are_told_below_the_headings_and_pass_above_them(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["设备登记表"],
        ["学校编号", "设备编号", "设备类型"],
        ["s001", "a-1", "烟感"],
        [None, "a-2", "烟感"],
    ]
    assert from_sheets(tmp_path, {"设备": rows[:3]}, {"设备": "A1:C1"}).faults == []
    plan = from_sheets(tmp_path, {"设备": rows}, {"设备": "A3:A4"})
    assert faults(plan) == [(3, "A(学校编号)"), (4, "A(学校编号)")]
    assert "unmerge" in plan.faults[0].why.en


def test_column_that_is_missing_leaves_values_alone_and_an_empty_cell_empties_them(tmp_path: Path) -> None:
    (kept,) = from_csv(tmp_path, "site_id,device_id,name\ns001,smk-01,新名称\n").devices
    assert (kept.name, kept.place, kept.heartbeat_s, kept.profile) == ("新名称", "食堂", 60, "zigbee2mqtt")
    (emptied,) = from_csv(tmp_path, "site_id,device_id,place,heartbeat_s,profile,address\ns001,smk-01,,,,\n").devices
    assert (emptied.place, emptied.heartbeat_s, emptied.profile, emptied.kind) == ("", 30, "", DeviceKind.SMOKE)


def test_new_device_needs_its_kind(tmp_path: Path) -> None:
    assert faults(from_csv(tmp_path, "site_id,device_id,name\ns001,new-01,x\n")) == [(2, "kind")]


def test_address_moves_from_one_device_to_another_in_one_file(tmp_path: Path) -> None:
    plan = from_csv(
        tmp_path,
        "site_id,device_id,kind,profile,address\ns001,smk-01,smoke,,\ns001,smk-02,smoke,zigbee2mqtt,0x01\n",
    )
    assert plan.faults == []


def test_circle_of_parents_is_told(tmp_path: Path) -> None:
    plan = from_csv(tmp_path, "site_id,device_id,kind,parent_id\ns001,a,gateway,b\ns001,b,gateway,a\ns001,c,smoke,a\n")
    assert faults(plan) == [(2, "D(parent_id)"), (3, "D(parent_id)")]


def test_bad_row_is_no_fault_of_those_that_refer_to_it(tmp_path: Path) -> None:
    plan = from_csv(tmp_path, "site_id,device_id,kind,parent_id\ns001,g,ufo,\ns001,c,smoke,g\ns001,g,gateway,\n")
    assert faults(plan) == [(2, "C(kind)"), (4, "B(device_id)")]


def test_column_given_twice_is_told_and_unknown_ones_are_named(tmp_path: Path) -> None:
    plan = from_csv(tmp_path, "序号,site_id,device_id,kind,类型,备注\n1,s001,a,smoke,烟感,x\n")
    assert faults(plan) == [(1, "E(类型)")]
    assert plan.ignored == ["A(序号)", "F(备注)"]


def test_text_with_control_characters_or_without_end_is_told(tmp_path: Path) -> None:
    plan = from_csv(tmp_path, f"site_id,device_id,kind,name,place\ns001,a,smoke,x\x00y,{'长' * 201}\n")
    assert faults(plan) == [(2, "D(name)"), (2, "E(place)")]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff\xfe\x00", "GB18030"),
        (b'site_id,device_id\ns001,"a\n', "line 2 is no CSV"),
        (b"PK\x03\x04 no zip", "no valid XLSX"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as XLSX"),
    ],
)
def test_file_that_cannot_be_read_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(ImportRefused, match=why):
        from_csv(tmp_path, data)


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="cannot be read"):
        read_tables(tmp_path / "nothing.csv")


@pytest.mark.parametrize("text", ["", "\n\n", "a,b,c\n1,2,3\n"])
def test_file_without_known_headings_has_no_table(tmp_path: Path, text: str) -> None:
    assert from_csv(tmp_path, text).tables == 0
