"""Sheets about places: 校门 gates, 防冲撞设施 barriers."""

from __future__ import annotations

from typing import Any

from devices.records import Record
from devices.register.cells import Choice, Code, Day, Flag, Text, Whole
from devices.register.columns import SHORT_ID, SITE, check_site, not_before
from devices.register.form import Around, Column, Form
from devices.tables import Words
from domain.premises import Barrier, BarrierKind, Gate

BARRIER_WORDS: dict[BarrierKind, Words] = {
    BarrierKind.BOLLARD: Words("防撞柱", "bollard"),
    BarrierKind.LIFTING_BOLLARD: Words("升降柱", "lifting bollard"),
    BarrierKind.BARRICADE: Words("阻车器", "barricade"),
    BarrierKind.PIER: Words("防撞墩", "pier"),
    BarrierKind.WEDGE: Words("翻板", "wedge"),
}

_DEVICE = Code(Words("本校已登记的设备编号", "the id of a device of the site"), r"[A-Za-z0-9_.-]{1,64}")


def _check_place(record: Record, values: dict[str, Any], around: Around) -> None:
    check_site(record, values, around)
    device_id = values["device_id"]
    if device_id and (values["site_id"], device_id) not in around.devices:
        record.refuse(
            "device_id",
            f"本校没有编号为 {device_id[:40]} 的设备",
            f"no such device at this site: {device_id[:40]}",
        )


def _check_barrier(record: Record, values: dict[str, Any], around: Around) -> None:
    _check_place(record, values, around)
    key = (values["site_id"], values["gate_id"])
    if key not in around.gates and key in around.doubtful:
        record.sound = False
    elif key not in around.gates:
        text = values["gate_id"][:40]
        record.refuse("gate_id", f"本校没有编号为 {text} 的校门", f"no such gate at this site: {text}")
    not_before(record, values, "inspected_on", "installed_on")


GATES = Form(
    names=("校门", "gates"),
    fact=Gate,
    key=("site_id", "gate_id"),
    check=_check_place,
    columns=(
        SITE,
        Column(
            field="gate_id",
            titles=("校门编号", "gate_id", "gate"),
            kind=SHORT_ID,
            required=True,
            meaning=Words("本校唯一", "unique at its site"),
        ),
        Column(
            field="name",
            titles=("校门名称", "name", "名称"),
            kind=Text(),
            required=True,
            meaning=Words("如 正门", "such as 正门"),
        ),
        Column(
            field="main",
            titles=("主校门", "main", "是否主校门"),
            kind=Flag(),
            default=False,
            meaning=Words("主校门必须有硬质防冲撞设施;空 = 否", "main gates need hard barriers; empty = no"),
        ),
        Column(
            field="device_id",
            titles=("门禁设备编号", "device_id", "门禁编号", "设备编号"),
            kind=_DEVICE,
            default="",
            meaning=Words(
                "报告开关状态的门禁;空 = 无", "the access control that tells whether it is open; empty = none"
            ),
        ),
        Column(
            field="closed_in_class",
            titles=("上课时关闭", "closed_in_class", "上课期间关闭"),
            kind=Flag(),
            default=True,
            meaning=Words("空 = 是", "empty = yes"),
        ),
    ),
)

BARRIERS = Form(
    names=("防冲撞设施", "barriers", "硬质防冲撞设施"),
    fact=Barrier,
    key=("site_id", "barrier_id"),
    check=_check_barrier,
    columns=(
        SITE,
        Column(
            field="barrier_id",
            titles=("设施编号", "barrier_id", "barrier"),
            kind=SHORT_ID,
            required=True,
            meaning=Words("本校唯一", "unique at its site"),
        ),
        Column(
            field="gate_id",
            titles=("校门编号", "gate_id", "gate"),
            kind=SHORT_ID,
            required=True,
            meaning=Words("「校门」表中的编号", "by the sheet of gates"),
        ),
        Column(
            field="kind",
            titles=("设施类型", "kind", "类型", "type"),
            kind=Choice(BARRIER_WORDS),
            required=True,
            meaning=Words("设施类型", "what it is"),
        ),
        Column(
            field="installed_on",
            titles=("安装日期", "installed_on"),
            kind=Day(),
            meaning=Words("空 = 未安装", "empty = not installed"),
        ),
        Column(
            field="inspected_on",
            titles=("检查日期", "inspected_on", "最近检查日期"),
            kind=Day(),
            meaning=Words("最近一次;空 = 从未检查", "the newest one; empty = never"),
        ),
        Column(
            field="inspection_passed",
            titles=("检查合格", "inspection_passed", "是否合格"),
            kind=Flag(),
            default=True,
            meaning=Words("空 = 是", "empty = yes"),
        ),
        Column(
            field="inspection_days",
            titles=("检查周期(天)", "inspection_days", "检查周期"),
            kind=Whole(1, 3660),
            default=180,
            meaning=Words("一次检查的有效天数;空 = 180", "how long an inspection holds; empty = 180"),
        ),
        Column(
            field="device_id",
            titles=("传感器设备编号", "device_id", "传感器编号", "设备编号"),
            kind=_DEVICE,
            default="",
            meaning=Words("状态传感器;空 = 无", "its state sensor; empty = none"),
        ),
    ),
)
