"""The register's workbook: what is written comes back, and what is wrong is named."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from devices.register.exporter import register_workbook
from devices.register.form import Form
from devices.register.forms import FORMS
from devices.register.people import GUARDS, OFFICERS, POSTS, SHIFTS
from devices.register.places import BARRIERS, GATES
from devices.register.plan import Registered, RegisterPlan, plan_register, years_of
from devices.register.times import BELLS, CALENDAR
from devices.tables import read_tables
from domain.bells import SiteBells
from domain.guard import Guard, GuardPost, GuardShift
from domain.premises import Barrier, BarrierKind, Gate
from domain.safety_officer import SafetyOfficer
from domain.school_calendar import USUAL, CalendarSpan, SpanKind, calendar_of, calendar_years
from tests.unit.devices.test_files_round_trip import WORDS

ZONE = ZoneInfo("Asia/Shanghai")
SITE_IDS = ("s001", "s002")
KNOWN = Registered(sites=SITE_IDS, devices=[("s001", "s001-door-01"), ("s002", "s002-door-01")], facts={})
GUARD = Guard(
    guard_id="G1",
    site_id="s001",
    name="李强",
    born_on=date(1980, 5, 1),
    first_hired_on=date(2020, 1, 1),
    serves_from=date(2020, 1, 1),
)

_ID = st.from_regex(r"[A-Za-z0-9-]{1,8}", fullmatch=True)
_SITE = st.sampled_from(SITE_IDS)
_NAME = WORDS.filter(bool)
_DAYS = st.dates(date(1990, 1, 1), date(2090, 1, 1))
_CODE = st.from_regex(r"[A-Za-z0-9=+@-]{0,12}", fullmatch=True)


@st.composite
def _guard(draw: st.DrawFn) -> Guard:
    born = draw(st.dates(date(1890, 1, 1), date(2000, 1, 1)))
    hired = born + timedelta(days=draw(st.integers(17 * 366, 20_000)))
    serves = hired + timedelta(days=draw(st.integers(0, 3000)))
    number = draw(_CODE)
    first = draw(st.none() | _DAYS) if number else None
    last = draw(st.none() | st.dates(first or date(1990, 1, 1), date(2099, 1, 1))) if number else None
    return Guard(
        guard_id=draw(_ID),
        site_id=draw(_SITE),
        name=draw(_NAME),
        born_on=born,
        first_hired_on=hired,
        serves_from=serves,
        serves_until=draw(st.none() | st.just(serves + timedelta(days=10))),
        full_time=draw(st.booleans()),
        certificate_no=number,
        certificate_from=first,
        certificate_until=last,
        company=draw(WORDS),
        phone=draw(_CODE),
    )


@st.composite
def _bells(draw: st.DrawFn) -> SiteBells:
    times = sorted(draw(st.sets(st.integers(0, 1439), min_size=9, max_size=9)))
    return SiteBells(
        site_id=draw(_SITE), from_day=draw(_DAYS), arrival=times[0], lessons=times[1], noon=times[2],
        afternoon=times[3], leaving=times[4], leaving_to=times[5], staff_leave=times[6],
        evening_study=draw(st.sampled_from([None, times[7]])), lights_out=draw(st.sampled_from([None, times[8]])),
    )  # fmt: skip


@st.composite
def registers(draw: st.DrawFn) -> dict[Form, list[Any]]:
    def several(one: st.SearchStrategy[Any], form: Form) -> list[Any]:
        return draw(st.lists(one, max_size=3, unique_by=form.key_of))

    guards = several(_guard(), GUARDS)
    gates = several(
        st.builds(Gate, site_id=_SITE, gate_id=_ID, name=_NAME, main=st.booleans(), closed_in_class=st.booleans()),
        GATES,
    )
    moments = st.integers(1_767_225_600, 1_893_456_000).map(lambda s: datetime.fromtimestamp(s, UTC))
    shifts = [
        GuardShift(
            guard_id=guard.guard_id,
            site_id=guard.site_id,
            starts_at=(starts := draw(moments)),
            ends_at=starts + timedelta(seconds=draw(st.integers(1, 172_800))),
        )
        for guard in guards
    ]
    barriers = [
        Barrier(
            site_id=gate.site_id,
            barrier_id=draw(_ID),
            gate_id=gate.gate_id,
            kind=draw(st.sampled_from(BarrierKind)),
            installed_on=(installed := draw(st.none() | _DAYS)),
            inspected_on=None if installed is None else installed + timedelta(days=7),
            inspection_passed=draw(st.booleans()),
            inspection_days=draw(st.integers(1, 3660)),
            device_id=f"{gate.site_id}-door-01",
        )
        for gate in gates
    ]
    spans = several(
        st.builds(
            lambda first, kind, name: CalendarSpan(first=first, last=first, kind=kind, name=name),
            _DAYS,
            st.sampled_from(SpanKind),
            WORDS,
        ),
        CALENDAR,
    )
    return {
        GUARDS: guards,
        SHIFTS: shifts,
        POSTS: several(
            st.builds(
                GuardPost, site_id=_SITE, post_id=_ID, place=_NAME, required=st.integers(1, 100),
                at_arrival=st.booleans(), at_leaving=st.booleans(),
            ),
            POSTS,
        ),
        GATES: gates,
        BARRIERS: list({BARRIERS.key_of(one): one for one in barriers}.values()),
        OFFICERS: several(
            st.builds(
                SafetyOfficer, site_id=_SITE, name=_NAME, phone=_CODE, language=st.sampled_from(["zh", "en"]),
                contacts=st.lists(st.sampled_from(["mailto://a@b", "wecombot://k"]), max_size=2).map(tuple),
            ),
            OFFICERS,
        ),
        CALENDAR: spans,
        BELLS: several(_bells(), BELLS),
    }  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(registers(), st.sampled_from(["zh", "en"]))
def test_what_is_exported_imports_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, register: dict[Form, list[Any]], language: str
) -> None:
    path = tmp_path_factory.mktemp("register") / "register.xlsx"
    path.write_bytes(register_workbook([], register, zone=ZONE, language=language, secrets=True))
    plan = plan_register(read_tables(path), KNOWN, ZONE)
    assert [fault.text("en") for fault in plan.faults] == []
    assert {form.title.zh: plan.of(form) for form in FORMS} == {form.title.zh: register[form] for form in FORMS}
    assert plan.ignored == []


def _planned(tmp_path: Path, sheets: dict[str, list[list[Any]]], registered: Registered = KNOWN) -> RegisterPlan:
    book = Workbook()
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    path = tmp_path / "book.xlsx"
    book.save(path)
    return plan_register(read_tables(path), registered, ZONE)


_GUARD_TITLES = ["保安编号", "学校编号", "姓名", "出生日期", "首次入职日期", "身份证号"]


def test_dates_are_taken_as_excel_keeps_them_and_as_people_write_them(tmp_path: Path) -> None:
    hired = [
        datetime.combine(date(2020, 1, 1), time()),
        "2020-01-01",
        "2020/1/1",
        "2020.1.1",
        "2020年1月1日",
        "20200101",
        "２０２０-０１-０１",
    ]
    rows = [
        [f"G{number}", "s001", "李强", date(1980, 5, 1), day, "320400198005010000"] for number, day in enumerate(hired)
    ]
    plan = _planned(tmp_path, {"保安员": [["武进区保安员花名册"], _GUARD_TITLES, *rows]})
    assert plan.faults == []
    assert {guard.first_hired_on for guard in plan.of(GUARDS)} == {date(2020, 1, 1)}
    assert {guard.serves_from for guard in plan.of(GUARDS)} == {date(2020, 1, 1)}
    assert plan.ignored == ["保安员 F(身份证号)"]


def test_every_fault_names_sheet_line_column_and_what_was_expected(tmp_path: Path) -> None:
    plan = _planned(
        tmp_path,
        {
            "保安员": [
                _GUARD_TITLES,
                ["G1", "s009", "李强", "1980-13-01", "2020-01-01"],
                ["G 2", "s001", "", "1980-01-01", 43831],
                ["G3", "s001", "王强", "2010-01-01", "2020-01-01"],
                ["G4", "s001", "王强", "1980-01-01", "2020-01-01"],
                ["G4", "s001", "王强", "1980-01-01", "2020-01-01"],
            ],
            "班次": [
                ["保安编号", "上班时间", "下班时间"],
                ["G4", "7:00", "19:00"],
                ["G9", "2026-03-01 7:00", "19:00"],
                ["G1", "2026-03-01 7:00", "19:00"],
            ],
            "校门": [["学校编号", "校门编号", "校门名称", "主校门"], ["s001", "g1", "正门", "也许"]],
            "防冲撞设施": [
                ["学校编号", "设施编号", "校门编号", "设施类型", "传感器设备编号"],
                ["s001", "b1", "g9", "石狮子", "nix"],
                ["s001", "b2", "g9", "防撞柱", "nix"],
            ],
            "校历": [["开始日期", "结束日期", "类型"], ["2026-12-30", "2027-01-02", "节假日"]],
            "作息时间": [["什么都不是"], ["x"]],
        },
    )
    assert [fault.text("en").replace("line ", "") for fault in plan.faults] == [
        "作息时间 1, column A: no headings found; expected site_id, from_day, arrival, lessons, noon, afternoon,"
        " leaving, leaving_to, staff_leave, evening_study, lights_out",
        "保安员 2, column D(出生日期): expected a date such as 2026-03-01, got 1980-13-01",
        "保安员 3, column A(保安编号): expected 1 to 32 of A-Z a-z 0-9 -, got G 2",
        "保安员 3, column C(姓名): must not be empty",
        "保安员 3, column E(首次入职日期): expected a date such as 2026-03-01, got 43831",
        "保安员 4, column E(首次入职日期): younger than 16 when first hired",
        "保安员 6, column A(保安编号): the same as in 5",
        "校历 2, column B(结束日期): one row for each year, please: it goes beyond the year's end",
        "校门 2, column D(主校门): expected yes or no, got 也许",
        "班次 2, column B(上班时间): expected a date with it",
        "班次 3, column A(保安编号): no such guard: G9",
        "防冲撞设施 2, column D(设施类型): no such thing: 石狮子;"
        " there are bollard, lifting_bollard, barricade, pier, wedge",
        "防冲撞设施 3, column C(校门编号): no such gate at this site: g9",
        "防冲撞设施 3, column E(传感器设备编号): no such device at this site: nix",
    ]
    assert "第 2 行 D(出生日期) 列:应为日期,如 2026-03-01" in plan.faults[1].text("zh")


def test_a_column_that_is_not_there_leaves_what_is_registered_alone(tmp_path: Path) -> None:
    registered = Registered(sites=SITE_IDS, devices=(), facts={"保安员": {("G1",): GUARD}})
    plan = _planned(
        tmp_path, {"guards": [["guard_id", "serves_until"], ["G1", "2026-03-31"], ["G2", "2026-03-31"]]}, registered
    )
    assert [guard.serves_until for guard in plan.of(GUARDS)] == [date(2026, 3, 31)]
    assert plan.of(GUARDS)[0].name == "李强"
    assert [fault.column for fault in plan.faults] == [
        "(出生日期 born_on)", "(姓名 name)", "(学校编号 site_id)", "(首次入职日期 first_hired_on)",
    ]  # fmt: skip


def test_a_shift_over_midnight_needs_no_second_date(tmp_path: Path) -> None:
    registered = Registered(sites=SITE_IDS, devices=(), facts={"保安员": {("G1",): GUARD}})
    plan = _planned(
        tmp_path,
        {"班次": [["保安编号", "上班时间", "下班时间"], ["G1", datetime.combine(date(2026, 3, 1), time(19)), "7:00"]]},
        registered,
    )
    assert plan.faults == []
    (shift,) = plan.of(SHIFTS)
    assert (shift.site_id, shift.starts_at) == ("s001", datetime(2026, 3, 1, 11, tzinfo=UTC))
    assert shift.ends_at == datetime(2026, 3, 1, 23, tzinfo=UTC)


def test_a_card_belongs_to_one_guard_of_a_site(tmp_path: Path) -> None:
    held = Guard(**{name: getattr(GUARD, name) for name in GUARD.__struct_fields__} | {"card": "C-1"})
    registered = Registered(sites=SITE_IDS, devices=(), facts={"保安员": {("G1",): held}})
    rows = [["G2", "s001", "王强", "1980-01-01", "2020-01-01", "C-1"]]
    plan = _planned(tmp_path, {"保安员": [[*_GUARD_TITLES[:5], "门禁卡号"], *rows]}, registered)
    assert [fault.text("en") for fault in plan.faults] == ["保安员 line 2, column F(门禁卡号): C-1 belongs to guard G1"]


def test_the_shipped_calendar_goes_through_the_sheet_and_means_the_same(tmp_path: Path) -> None:
    spans = [span for year in calendar_years(USUAL) for span in year.spans]
    path = tmp_path / "calendar.xlsx"
    path.write_bytes(register_workbook([], {CALENDAR: spans}, zone=ZONE))
    years = years_of(plan_register(read_tables(path), KNOWN, ZONE).of(CALENDAR))
    again = calendar_of(years, beside=USUAL)
    day = date(2025, 12, 1)
    while day < date(2028, 2, 1):
        assert again.day_kind(day) is USUAL.day_kind(day), day
        day += timedelta(days=1)


def test_contacts_are_left_out_unless_asked_for_and_no_formula_is_run(tmp_path: Path) -> None:
    officer = SafetyOfficer(site_id="s001", name="=1+1", contacts=("wecombot://secret",))
    for secrets in (False, True):
        path = tmp_path / f"{secrets}.xlsx"
        path.write_bytes(register_workbook([], {OFFICERS: [officer]}, zone=ZONE, secrets=secrets))
        rows = [*load_workbook(path)["安全干部"].iter_rows()]
        assert ("secret" in str([cell.value for cell in rows[1]])) is secrets
        assert [cell.data_type for cell in rows[1] if cell.value is not None] == ["s"] * (4 if secrets else 3)
