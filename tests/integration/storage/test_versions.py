"""What the targets rest on is kept with its past."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from domain.bells import SiteBells
from domain.device import Device, DeviceKind
from domain.errors import EditConflict, RegistryError, UnknownEntry, UnknownSite
from domain.guard import Guard, GuardCheckIn, GuardPost, GuardShift, PostReport
from domain.premises import Barrier, BarrierKind, Gate, Inspection
from domain.safety_officer import SafetyOfficer
from domain.school_calendar import USUAL, CalendarSpan, CalendarYear, DayKind, SpanKind
from domain.site import Site, SiteKind
from storage import guard_posts, guards, premises
from storage.devices import retire_device, upsert_devices
from storage.facts import list_networked_devices, list_site_facts
from storage.notices import NoticeChannel, listen
from storage.pool import Connection, connect
from storage.safety_officers import OFFICERS
from storage.school_calendar import BELLS, YEARS, school_calendar
from storage.sites import upsert_sites
from storage.versions import edit, get, load, put, remove

_T0 = datetime(2026, 3, 2, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_SITE = Site(site_id="s001", name="前黄实验学校", kind=SiteKind.PRIMARY, pupils=900)
_DOOR = Device(site_id="s001", device_id="door-1", kind=DeviceKind.ACCESS_CONTROL)
_GUARD = Guard(
    guard_id="G1",
    site_id="s001",
    name="李强",
    born_on=date(1980, 5, 1),
    first_hired_on=date(2020, 1, 1),
    serves_from=date(2020, 1, 1),
    certificate_no="3204001",
    card="C-1",
)


@pytest.fixture(autouse=True)
async def _school(conn: Connection) -> None:
    await upsert_sites(conn, [_SITE], actor="test", at=_T0)
    await upsert_devices(conn, [_DOOR], actor="test", at=_T0)


async def _audit(conn: Connection, action: str) -> list[tuple[str, dict[str, object]]]:
    cursor = await conn.execute(
        "SELECT subject, detail FROM audit_entry WHERE action = %s ORDER BY entry_no", (action,)
    )
    return list(await cursor.fetchall())


async def test_the_same_again_changes_nothing_and_a_change_keeps_the_past(conn: Connection) -> None:
    assert await put(conn, guards.GUARDS, [_GUARD], actor="test", at=_T0) == (1, 0, 0)
    assert await put(conn, guards.GUARDS, [_GUARD], actor="test", at=_T0 + _DAY) == (0, 0, 1)
    left = msgspec.structs.replace(_GUARD, serves_until=date(2026, 3, 31))
    assert await put(conn, guards.GUARDS, [left], actor="test", at=_T0 + 2 * _DAY) == (0, 1, 0)

    assert [one.fact for one in await load(conn, guards.GUARDS)] == [left]
    then = await load(conn, guards.GUARDS, at=_T0 + 2 * _DAY - timedelta(seconds=1), site_id="s001")
    assert [(one.fact, one.since) for one in then] == [(_GUARD, _T0)]
    assert await load(conn, guards.GUARDS, at=_T0 - timedelta(seconds=1)) == []
    assert await _audit(conn, "guard.changed") == [("G1", {"serves_until": [None, "2026-03-31"]})]


async def test_two_changes_in_one_moment_and_a_clock_set_back_leave_one_version_for_each_moment(
    conn: Connection,
) -> None:
    for number, at in enumerate((_T0, _T0, _T0 - _DAY, _T0 + _DAY)):
        await put(conn, guards.GUARDS, [msgspec.structs.replace(_GUARD, phone=str(number))], actor="test", at=at)
    assert [one.fact.phone for one in await load(conn, guards.GUARDS, at=_T0)] == ["2"]
    assert [one.fact.phone for one in await load(conn, guards.GUARDS, at=_T0 + _DAY)] == ["3"]


async def test_an_edit_names_the_version_that_was_seen(conn: Connection) -> None:
    first = await edit(conn, guards.GUARDS, _GUARD, version=None, actor="test", at=_T0)
    with pytest.raises(EditConflict):
        await edit(conn, guards.GUARDS, _GUARD, version=None, actor="test", at=_T0)
    changed = msgspec.structs.replace(_GUARD, phone="1")
    second = await edit(conn, guards.GUARDS, changed, version=first.version, actor="test", at=_T0 + _DAY)
    assert second.version != first.version
    with pytest.raises(EditConflict):
        await edit(conn, guards.GUARDS, _GUARD, version=first.version, actor="test", at=_T0 + _DAY)
    with pytest.raises(EditConflict):
        await remove(conn, guards.GUARDS, "G1", version=first.version, actor="test", at=_T0 + _DAY)
    await remove(conn, guards.GUARDS, "G1", version=second.version, actor="test", at=_T0 + 2 * _DAY)
    with pytest.raises(UnknownEntry):
        await get(conn, guards.GUARDS, "G1")
    assert [one.fact for one in await load(conn, guards.GUARDS, at=_T0 + _DAY)] == [changed]


async def test_what_does_not_fit_is_refused_and_changes_nothing(conn: Connection) -> None:
    other = msgspec.structs.replace(_GUARD, guard_id="G2")
    for wrong, error in (
        ([_GUARD, _GUARD], RegistryError),
        ([_GUARD, msgspec.structs.replace(other, site_id="s999")], UnknownSite),
        ([_GUARD, other], RegistryError),  # both with one card
        ([msgspec.structs.replace(_GUARD, guard_id="'; DROP TABLE guard; --")], RegistryError),
    ):
        with pytest.raises(error):
            await put(conn, guards.GUARDS, wrong, actor="test", at=_T0)
        assert await load(conn, guards.GUARDS) == []
    gate = Gate(site_id="s001", gate_id="g1", name="东门", device_id="door-1")
    barrier = Barrier(site_id="s001", barrier_id="b1", gate_id="g1", kind=BarrierKind.BOLLARD)
    with pytest.raises(RegistryError, match="without their gate"):
        await premises.put_premises(conn, [], [barrier], actor="test", at=_T0)
    with pytest.raises(RegistryError, match="no such device"):
        await premises.put_premises(conn, [msgspec.structs.replace(gate, device_id="door-9")], [], actor="test", at=_T0)
    await premises.put_premises(conn, [gate], [barrier], actor="test", at=_T0)
    with pytest.raises(RegistryError, match="without their gate"):
        await premises.remove_gate(conn, "s001", "g1", version=None, actor="test", at=_T0)
    assert [one.fact for one in await load(conn, premises.GATES, site_id="s001")] == [gate]


async def test_two_guards_can_swap_their_cards_in_one_import(conn: Connection) -> None:
    other = msgspec.structs.replace(_GUARD, guard_id="G2", card="C-2")
    await put(conn, guards.GUARDS, [_GUARD, other], actor="test", at=_T0)
    swapped = [msgspec.structs.replace(_GUARD, card="C-2"), msgspec.structs.replace(other, card="C-1")]
    assert await put(conn, guards.GUARDS, swapped, actor="test", at=_T0 + _DAY) == (0, 2, 0)


async def test_a_change_gives_notice_of_its_sites(conn: Connection, kept_database: str) -> None:
    listener = await connect(kept_database, name="listener")
    try:
        await listen(listener, NoticeChannel.PREMISES)
        await upsert_sites(conn, [msgspec.structs.replace(_SITE, site_id="s002")], actor="test", at=_T0)
        await put(conn, guards.GUARDS, [_GUARD], actor="test", at=_T0)
        moved = msgspec.structs.replace(_GUARD, site_id="s002")
        await put(conn, guards.GUARDS, [moved], actor="test", at=_T0 + _DAY)
        await put(conn, guards.GUARDS, [moved], actor="test", at=_T0 + _DAY)
        told = [notice.payload async for notice in listener.notifies(timeout=5, stop_after=3)]
        assert told[0] == "s001"
        assert sorted(told[1:]) == ["s001", "s002"]
        assert [notice async for notice in listener.notifies(timeout=0.05)] == []
    finally:
        await listener.close()


async def test_an_inspection_stands_with_the_barrier_unless_a_newer_one_does(conn: Connection) -> None:
    gate = Gate(site_id="s001", gate_id="g1", name="东门")
    barrier = Barrier(site_id="s001", barrier_id="b1", gate_id="g1", kind=BarrierKind.BOLLARD)
    await premises.put_premises(conn, [gate], [barrier], actor="test", at=_T0)
    for day, passed in ((date(2026, 3, 1), False), (date(2026, 2, 1), True)):
        inspection = Inspection(
            site_id="s001", barrier_id="b1", inspected_on=day, passed=passed, inspector="王工", note="松动"
        )
        await premises.inspect(conn, inspection, actor="test", at=_T0 + _DAY)
    held = await get(conn, premises.BARRIERS, "s001", "b1")
    assert (held.fact.inspected_on, held.fact.inspection_passed) == (date(2026, 3, 1), False)
    kept = await premises.list_inspections(conn, "s001", "b1")
    assert [one.inspected_on for _, one in kept] == [date(2026, 2, 1), date(2026, 3, 1)]
    assert [one.fact.inspected_on for one in await load(conn, premises.BARRIERS, at=_T0)] == [None]
    unknown = Inspection(site_id="s001", barrier_id="b9", inspected_on=date(2026, 3, 1), passed=True, inspector="")
    with pytest.raises(UnknownEntry):
        await premises.inspect(conn, unknown, actor="test", at=_T0)


async def test_shifts_are_found_by_the_time_in_which_they_run(conn: Connection) -> None:
    night = GuardShift(guard_id="G1", site_id="s001", starts_at=_T0, ends_at=_T0 + timedelta(hours=12))
    day = GuardShift(guard_id="G2", site_id="s001", starts_at=_T0 + timedelta(hours=12), ends_at=_T0 + _DAY)
    await put(conn, guards.SHIFTS, [night, day], actor="test", at=_T0 - _DAY)

    async def found(hour: float, until: float) -> list[str]:
        since = _T0 + timedelta(hours=hour)
        rows = await guards.list_shifts(conn, since=since, until=_T0 + timedelta(hours=until), site_id="s001")
        return [row.fact.guard_id for row in rows]

    assert await found(11, 12) == ["G1"]
    assert await found(11, 13) == ["G1", "G2"]
    assert await found(24, 30) == []
    await remove(conn, guards.SHIFTS, "G2", day.starts_at, version=None, actor="test", at=_T0)
    assert await found(11, 13) == ["G1"]


async def test_check_ins_and_post_reports_are_kept_once_and_only_of_who_is_known(conn: Connection) -> None:
    await put(conn, guards.GUARDS, [_GUARD], actor="test", at=_T0)
    seen = GuardCheckIn(guard_id="G1", site_id="s001", at=_T0, source="word/王主任")
    assert await guards.record_check_ins(conn, [seen], at=_T0) == 1
    assert await guards.record_check_ins(conn, [seen], at=_T0) == 0
    later = msgspec.structs.replace(seen, at=_T0 + timedelta(hours=1))
    await guards.record_check_ins(conn, [later], at=_T0)
    assert await guards.last_check_ins(conn, since=_T0 - _DAY, until=_T0 + _DAY) == [later]
    assert [one for _, one in await guards.list_check_ins(conn, since=_T0, until=_T0 + _DAY)] == [later, seen]
    with pytest.raises(UnknownEntry):
        await guards.record_check_ins(conn, [msgspec.structs.replace(seen, guard_id="G9")], at=_T0)

    report = PostReport(site_id="s001", post_id="p1", at=_T0, present=2, reporter="王主任")
    with pytest.raises(UnknownEntry):
        await guard_posts.report_post(conn, report, at=_T0)
    post = GuardPost(site_id="s001", post_id="p1", place="东门", required=2)
    await put(conn, guard_posts.POSTS, [post], actor="test", at=_T0)
    number = await guard_posts.report_post(conn, report, at=_T0)
    assert await guard_posts.list_post_reports(conn, since=_T0, until=_T0 + _DAY) == [(number, report)]


async def test_the_district_says_its_years_and_the_shipped_calendar_the_rest(conn: Connection) -> None:
    assert await school_calendar(conn) == USUAL
    spans = (
        CalendarSpan(first=date(2027, 1, 1), last=date(2027, 1, 3), kind=SpanKind.HOLIDAY, name="元旦"),
        CalendarSpan(first=date(2027, 1, 10), last=date(2027, 1, 10), kind=SpanKind.MADE_UP),
        CalendarSpan(first=date(2027, 1, 20), last=date(2027, 2, 10), kind=SpanKind.VACATION, name="寒假"),
    )
    await put(conn, YEARS, [CalendarYear(year=2027, spans=spans)], actor="test", at=_T0)
    calendar = await school_calendar(conn)
    assert calendar.day_kind(date(2027, 1, 10)) is DayKind.SCHOOL
    assert calendar.day_kind(date(2027, 2, 11)) is DayKind.SCHOOL
    assert calendar.day_kind(date(2026, 10, 1)) is DayKind.HOLIDAY
    assert await school_calendar(conn, at=_T0 - _DAY) == USUAL
    bells = SiteBells(
        site_id="s001", from_day=date(2026, 5, 1), arrival=420, lessons=470, noon=700, afternoon=810, leaving=960,
        leaving_to=1000, staff_leave=1040,
    )  # fmt: skip
    await put(conn, BELLS, [bells], actor="test", at=_T0)
    assert [one.fact for one in await load(conn, BELLS, site_id="s001")] == [bells]


async def test_contacts_of_a_safety_officer_are_in_no_audit(conn: Connection) -> None:
    officer = SafetyOfficer(site_id="s001", name="王芳", contacts=("json://secret@127.0.0.1",))
    await put(conn, OFFICERS, [officer], actor="test", at=_T0)
    assert [one.fact for one in await load(conn, OFFICERS)] == [officer]
    assert "secret" not in str(await _audit(conn, "safety_officer.added"))


async def test_telephone_numbers_stand_in_no_audit_only_that_they_changed(conn: Connection) -> None:
    await put(conn, guards.GUARDS, [_GUARD], actor="test", at=_T0)
    called = msgspec.structs.replace(_GUARD, phone="13800001234")
    await put(conn, guards.GUARDS, [called], actor="test", at=_T0 + _DAY)
    assert await _audit(conn, "guard.changed") == [("G1", {"phone": "***"})]


async def test_enrolment_and_networking_have_their_past(conn: Connection) -> None:
    await upsert_sites(conn, [msgspec.structs.replace(_SITE, pupils=1200)], actor="test", at=_T0 + _DAY)
    await upsert_sites(conn, [msgspec.structs.replace(_SITE, pupils=1200)], actor="test", at=_T0 + 2 * _DAY)
    assert [(one.pupils, one.since) for one in await list_site_facts(conn)] == [(1200, _T0 + _DAY)]
    assert [one.pupils for one in await list_site_facts(conn, at=_T0, site_id="s001")] == [900]

    button = Device(site_id="s001", device_id="btn-1", kind=DeviceKind.ONE_KEY_ALARM)
    camera = Device(site_id="s001", device_id="cam-1", kind=DeviceKind.CAMERA)

    async def networked(at: datetime | None = None) -> list[str]:
        return [one.device_id for one in await list_networked_devices(conn, at=at)]

    await upsert_devices(conn, [button, camera], actor="test", at=_T0)
    assert await networked() == ["btn-1"]
    key = msgspec.structs.replace(camera, key_place=True)
    await upsert_devices(conn, [key], actor="test", at=_T0 + _DAY)
    assert await networked() == ["btn-1", "cam-1"]
    await retire_device(conn, "s001", "btn-1", actor="test", at=_T0 + 2 * _DAY)
    spared = msgspec.structs.replace(key, must_network=False)
    await upsert_devices(conn, [spared], actor="test", at=_T0 + 3 * _DAY)
    assert await networked() == []
    assert await networked(_T0) == ["btn-1"]
    assert await networked(_T0 + _DAY) == ["btn-1", "cam-1"]
    await upsert_devices(conn, [button], actor="test", at=_T0 + 4 * _DAY)
    assert await networked() == ["btn-1"]
