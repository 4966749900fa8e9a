"""Sheets about time: 校历 the school calendar, 作息时间 the bells of sites."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from devices.records import Record
from devices.register.cells import Choice, Clock, Day, Text
from devices.register.columns import SITE, check_site
from devices.register.form import Around, Column, Form
from devices.tables import Words
from domain.bells import SiteBells
from domain.school_calendar import CalendarSpan, SpanKind

SPAN_WORDS: dict[SpanKind, Words] = {
    SpanKind.VACATION: Words("寒暑假", "vacation"),
    SpanKind.HOLIDAY: Words("节假日", "holiday"),
    SpanKind.MADE_UP: Words("调休上学", "made-up school day"),
}


def _check_span(record: Record, values: dict[str, Any], around: Around) -> None:
    if values["last"] is None:
        values["last"] = values["first"]
    if values["last"] < values["first"]:
        record.refuse("last", "早于开始日期", "before the first day")
    elif values["last"].year != values["first"].year:
        record.refuse("last", "跨年的请按年份分成两行", "one row for each year, please: it goes beyond the year's end")


CALENDAR = Form(
    names=("校历", "calendar"),
    fact=CalendarSpan,
    key=("first", "kind"),
    check=_check_span,
    columns=(
        Column(
            field="first",
            titles=("开始日期", "first", "日期"),
            kind=Day(),
            required=True,
            meaning=Words("第一天", "first day"),
        ),
        Column(
            field="last",
            titles=("结束日期", "last"),
            kind=Day(),
            meaning=Words("最后一天(含);空 = 只有一天", "last day, included; empty = one day"),
        ),
        Column(
            field="kind",
            titles=("类型", "kind", "日期类型"),
            kind=Choice(SPAN_WORDS),
            required=True,
            meaning=Words("没有写到的日子:周末休息,其余上学", "days of no row: weekends off, all others school"),
        ),
        Column(
            field="name",
            titles=("名称", "name", "说明"),
            kind=Text(),
            default="",
            meaning=Words("如 国庆节", "such as 国庆节"),
        ),
    ),
)

#: In the order of a day.
_BELLS = (
    ("arrival", ("上学开门", "arrival", "到校"), Words("校门开启", "the gate opens")),
    ("lessons", ("上课", "lessons", "上午上课"), Words("校门关闭,开始上课", "the gate shuts, lessons begin")),
    ("noon", ("午休", "noon", "中午"), Words("上午课结束", "end of the morning")),
    ("afternoon", ("下午上课", "afternoon"), Words("下午课开始", "lessons go on")),
    ("leaving", ("放学", "leaving"), Words("校门开启,开始放学", "the gate opens, pupils leave")),
    ("leaving_to", ("放学结束", "leaving_to"), Words("校门关闭", "the gate shuts")),
)


def _check_bells(record: Record, values: dict[str, Any], around: Around) -> None:
    check_site(record, values, around)
    for (earlier, titles, _), (later, _, _) in pairwise(_BELLS):
        if values[later] <= values[earlier]:
            record.refuse(later, f"应晚于「{titles[0]}」", f"expected to be after {titles[1]}")
    for field in ("staff_leave", "evening_study", "lights_out"):
        if values[field] is not None and values[field] <= values["leaving"]:
            record.refuse(field, "应晚于「放学」", "expected to be after leaving")


BELLS = Form(
    names=("作息时间", "bells", "作息"),
    fact=SiteBells,
    key=("site_id", "from_day"),
    check=_check_bells,
    columns=(
        SITE,
        Column(
            field="from_day",
            titles=("执行日期", "from_day", "起始日期"),
            kind=Day(),
            required=True,
            meaning=Words("从这天起执行,直到下一个执行日期", "from this day on, until the next one"),
        ),
        *(
            Column(field=field, titles=titles, kind=Clock(), required=True, meaning=meaning)
            for field, titles, meaning in _BELLS
        ),
        Column(
            field="staff_leave",
            titles=("教职工下班", "staff_leave"),
            kind=Clock(),
            required=True,
            meaning=Words("教职工离校", "the staff leave"),
        ),
        Column(
            field="evening_study",
            titles=("晚自习", "evening_study"),
            kind=Clock(),
            meaning=Words("空 = 无", "empty = none"),
        ),
        Column(
            field="lights_out",
            titles=("熄灯", "lights_out"),
            kind=Clock(),
            meaning=Words("寄宿生就寝;空 = 无寄宿", "boarders go to bed; empty = nobody boards"),
        ),
    ),
)
