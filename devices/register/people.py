"""Sheets about people: 保安员 guards, 班次 shifts, 护学岗 posts, 安全干部 safety officers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from devices.records import Record
from devices.register.cells import Code, Contacts, Day, Flag, Moment, Text, Whole, within
from devices.register.columns import ANY_CODE, SHORT_ID, SITE, check_site, not_before
from devices.register.form import Around, Column, Form
from devices.tables import Words
from domain.guard import Guard, GuardPost, GuardShift
from domain.safety_officer import SafetyOfficer

_YOUNGEST = 16
_LONGEST_SHIFT = timedelta(hours=48)


def _check_guard(record: Record, values: dict[str, Any], around: Around) -> None:
    check_site(record, values, around)
    born: date = values["born_on"]
    hired: date = values["first_hired_on"]
    if hired.year - born.year - ((hired.month, hired.day) < (born.month, born.day)) < _YOUNGEST:
        record.refuse("first_hired_on", f"首次入职时不满 {_YOUNGEST} 岁", f"younger than {_YOUNGEST} when first hired")
    if values["serves_from"] is None:
        values["serves_from"] = hired
    not_before(record, values, "serves_from", "first_hired_on")
    not_before(record, values, "serves_until", "serves_from")
    not_before(record, values, "certificate_until", "certificate_from")
    if not values["certificate_no"] and (values["certificate_from"] or values["certificate_until"]):
        record.refuse("certificate_no", "有证书日期而无证号", "the certificate has dates and no number")


GUARDS = Form(
    names=("保安员", "guards", "专职保安员", "保安"),
    fact=Guard,
    key=("guard_id",),
    check=_check_guard,
    columns=(
        Column(
            field="guard_id",
            titles=("保安编号", "guard_id", "工号", "编号", "guard"),
            kind=SHORT_ID,
            required=True,
            meaning=Words("全区唯一,不用身份证号", "unique in the district; not the ID card's number"),
        ),
        SITE,
        Column(
            field="name", titles=("姓名", "name"), kind=Text(), required=True, meaning=Words("姓名", "the guard's name")
        ),
        Column(
            field="born_on",
            titles=("出生日期", "born_on", "出生年月日", "born"),
            kind=Day(),
            required=True,
            meaning=Words("用于核对在岗年龄不超过 60 岁", "serving at no more than 60 is told by it"),
        ),
        Column(
            field="first_hired_on",
            titles=("首次入职日期", "first_hired_on", "入职日期", "首次聘用日期"),
            kind=Day(),
            required=True,
            meaning=Words("用于核对首次入职不超过 50 岁", "first hired at no more than 50 is told by it"),
        ),
        Column(
            field="serves_from",
            titles=("到岗日期", "serves_from", "上岗日期"),
            kind=Day(),
            meaning=Words("在本校上岗之日;空 = 首次入职日期", "first day at this site; empty = day of first hire"),
        ),
        Column(
            field="serves_until",
            titles=("离岗日期", "serves_until", "离职日期"),
            kind=Day(),
            meaning=Words("在本校的最后一天;空 = 在岗", "last day at this site; empty = still serving"),
        ),
        Column(
            field="full_time",
            titles=("专职", "full_time", "是否专职"),
            kind=Flag(),
            default=True,
            meaning=Words("空 = 是", "empty = yes"),
        ),
        Column(
            field="certificate_no",
            titles=("保安员证号", "certificate_no", "证书编号", "保安证号"),
            kind=ANY_CODE,
            default="",
            meaning=Words("空 = 无证", "empty = no certificate"),
        ),
        Column(
            field="certificate_from",
            titles=("发证日期", "certificate_from"),
            kind=Day(),
            meaning=Words("证书生效之日", "first day of the certificate"),
        ),
        Column(
            field="certificate_until",
            titles=("证书有效期至", "certificate_until", "有效期至"),
            kind=Day(),
            meaning=Words("最后有效之日;空 = 长期有效", "its last day; empty = it does not expire"),
        ),
        Column(
            field="company",
            titles=("保安公司", "company", "派遣单位"),
            kind=Text(),
            default="",
            meaning=Words("派遣单位", "who employs the guard"),
        ),
        Column(
            field="phone",
            titles=("手机", "phone", "联系电话", "电话"),
            kind=ANY_CODE,
            default="",
            meaning=Words("页面上只显示首尾", "screens show its beginning and end alone"),
        ),
        Column(
            field="card",
            titles=("门禁卡号", "card", "卡号"),
            kind=ANY_CODE,
            default="",
            meaning=Words(
                "门禁或巡更报文中的卡号,刷卡即签到",
                "what access control and patrol call the guard by: its use checks in",
            ),
        ),
    ),
)


def _check_shift(record: Record, values: dict[str, Any], around: Around) -> None:
    guard = around.guards.get(values["guard_id"])
    if guard is None:
        if (values["guard_id"],) in around.doubtful:
            record.sound = False
            return
        text = values["guard_id"][:40]
        record.refuse("guard_id", f"没有编号为 {text} 的保安员", f"no such guard: {text}")
        return
    if values["site_id"] is None:
        values["site_id"] = guard.site_id
    check_site(record, values, around)
    starts, ends = values["starts_at"], values["ends_at"]
    if not isinstance(starts, datetime):
        record.refuse("starts_at", "应有日期", "expected a date with it")
        return
    ends = within(starts, ends)
    begin, end = (at.replace(tzinfo=around.zone).astimezone(UTC) for at in (starts, ends))
    if not begin < end <= begin + _LONGEST_SHIFT:
        record.refuse(
            "ends_at", "应晚于上班时间,且不超过 48 小时", "expected to be after the beginning, by 48 hours at most"
        )
    values["starts_at"], values["ends_at"] = begin, end


SHIFTS = Form(
    names=("班次", "shifts", "保安排班", "排班"),
    fact=GuardShift,
    key=("guard_id", "starts_at"),
    check=_check_shift,
    columns=(
        Column(
            field="guard_id",
            titles=("保安编号", "guard_id", "工号", "编号", "guard"),
            kind=SHORT_ID,
            required=True,
            meaning=Words("「保安员」表中的编号", "by the sheet of guards"),
        ),
        Column(
            field="site_id",
            titles=SITE.titles,
            kind=SITE.kind,
            meaning=Words("空 = 保安员所在学校", "empty = the guard's site"),
        ),
        Column(
            field="starts_at",
            titles=("上班时间", "starts_at", "开始时间", "start"),
            kind=Moment(),
            required=True,
            meaning=Words("本地日期和时间", "local date and time"),
        ),
        Column(
            field="ends_at",
            titles=("下班时间", "ends_at", "结束时间", "end"),
            kind=Moment(),
            required=True,
            meaning=Words("可只写时间:上班后的下一个该时刻", "a time alone is the next one after the beginning"),
        ),
    ),
)

POSTS = Form(
    names=("护学岗", "posts", "guard_posts"),
    fact=GuardPost,
    key=("site_id", "post_id"),
    check=check_site,
    columns=(
        SITE,
        Column(
            field="post_id",
            titles=("岗位编号", "post_id", "岗位", "post"),
            kind=SHORT_ID,
            required=True,
            meaning=Words("本校唯一", "unique at its site"),
        ),
        Column(
            field="place",
            titles=("位置", "place", "岗位位置", "校门"),
            kind=Text(),
            required=True,
            meaning=Words("设在哪里", "where it stands"),
        ),
        Column(
            field="required",
            titles=("应到人数", "required", "人数"),
            kind=Whole(1, 100),
            required=True,
            meaning=Words("保安、教师、民警合计", "guards, teachers and police together"),
        ),
        Column(
            field="at_arrival",
            titles=("上学", "at_arrival", "上学时段"),
            kind=Flag(),
            default=True,
            meaning=Words("上学时段设岗;空 = 是", "stands at arrival; empty = yes"),
        ),
        Column(
            field="at_leaving",
            titles=("放学", "at_leaving", "放学时段"),
            kind=Flag(),
            default=True,
            meaning=Words("放学时段设岗;空 = 是", "stands at leaving; empty = yes"),
        ),
    ),
)


def _check_officer(record: Record, values: dict[str, Any], around: Around) -> None:
    check_site(record, values, around)
    if values["language"] not in ("zh", "en"):
        record.refuse("language", "应为 zh 或 en", "expected zh or en")


OFFICERS = Form(
    names=("安全干部", "safety_officers", "officers"),
    fact=SafetyOfficer,
    key=("site_id", "name"),
    check=_check_officer,
    columns=(
        SITE,
        Column(
            field="name",
            titles=("姓名", "name"),
            kind=Text(),
            required=True,
            meaning=Words("本校内不重名", "unique at its site"),
        ),
        Column(
            field="phone",
            titles=("手机", "phone", "联系电话", "电话"),
            kind=ANY_CODE,
            default="",
            meaning=Words("电话", "telephone"),
        ),
        Column(
            field="contacts",
            titles=("通知地址", "contacts"),
            kind=Contacts(),
            default=(),
            meaning=Words("报警发往哪里;是机密,导出时默认留空", "where alerts go; a secret, left out of exports"),
        ),
        Column(
            field="language",
            titles=("语言", "language"),
            kind=Code(Words("zh 或 en", "zh or en")),
            default="zh",
            meaning=Words("空 = zh", "empty = zh"),
        ),
    ),
)
