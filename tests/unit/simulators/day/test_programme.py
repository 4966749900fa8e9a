from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import msgspec
import pytest

from domain.bells import BELLS
from domain.device import Device, DeviceKind
from domain.observation import EventKind
from domain.site import Site, SiteKind
from simulators.day.act import DAY_MS, Act
from simulators.day.guards import card_of, on_shift
from simulators.day.programme import Programme, site_acts
from simulators.day.sky import sun_height
from simulators.district import devices_of
from simulators.enrolment import guards_of
from simulators.message import CHINA_TIME

SCHOOL_DAY, SUNDAY, HOLIDAY, SUMMER = date(2026, 3, 10), date(2026, 3, 15), date(2026, 10, 2), date(2026, 8, 5)
EVERY_DAY = (SCHOOL_DAY, SUNDAY, HOLIDAY, SUMMER)


def site(kind: SiteKind = SiteKind.PRIMARY, site_id: str = "s001") -> Site:
    return Site(site_id=site_id, name="明德小学", kind=kind)


def numbered(of: Site, *more: Device) -> list[tuple[int, Device]]:
    return list(enumerate([*devices_of(of), *more]))


def acts(day: date, kind: SiteKind = SiteKind.PRIMARY, *more: Device, seed: int = 1) -> list[Act]:
    of = site(kind)
    return sorted(site_acts(seed, of, day, numbered(of, *more)), key=lambda act: act.due_ms)


def at(act: Act) -> datetime:
    return datetime.fromtimestamp(act.due_ms / 1000, CHINA_TIME)


def minute(act: Act) -> float:
    return at(act).hour * 60 + at(act).minute + at(act).second / 60


def of_kind(found: Sequence[Act], kind: DeviceKind, more: Sequence[Device] = ()) -> list[Act]:
    devices = dict(numbered(site(), *more))
    return [act for act in found if devices[act.device_no].kind is kind]


@pytest.mark.parametrize("day", EVERY_DAY)
@pytest.mark.parametrize("kind", SiteKind)
def test_everything_happens_on_its_date_and_has_an_id_of_its_own(day: date, kind: SiteKind) -> None:
    found = acts(day, kind)
    assert {at(act).date() for act in found} == {day}
    assert max(Counter((act.device_no, act.act_id) for act in found).values()) == 1
    assert all(len(act.act_id) <= 64 for act in found)


@pytest.mark.parametrize("day", EVERY_DAY)
def test_guards_make_at_least_five_rounds_past_the_points_in_order(day: date) -> None:
    rounds = of_kind(acts(day), DeviceKind.PATROL_POINT)
    assert {act.event for act in rounds} == {EventKind.PATROL_CHECKED}
    points = [device_no for device_no, device in numbered(site()) if device.kind is DeviceKind.PATROL_POINT]
    assert len(rounds) >= 5 * len(points)
    assert [act.device_no for act in rounds] == points * (len(rounds) // len(points))


def test_rounds_of_two_days_do_not_begin_at_the_same_minutes() -> None:
    first, second = ([round(minute(a)) for a in of_kind(acts(day), DeviceKind.PATROL_POINT)] for day in EVERY_DAY[1:3])
    assert first != second


@pytest.mark.parametrize("kind", SiteKind)
def test_the_main_gate_is_open_at_arrival_and_leaving_and_shut_during_lessons(kind: SiteKind) -> None:
    bells, gate = BELLS[kind], acts(SCHOOL_DAY, kind)
    (main,) = [n for n, device in numbered(site(kind)) if device.device_id == "s001-door-01"]
    stands = [act for act in gate if act.device_no == main and act.event is None]
    assert [act.told["door"] for act in stands] == ["open", "closed", "open", "closed"]
    opens, shuts, opens_again, shuts_again = map(minute, stands)
    assert opens <= bells.arrival + 1 < bells.lessons <= shuts < bells.noon
    assert bells.leaving - 5 <= opens_again < bells.leaving_to <= shuts_again


def test_staff_come_with_cards_and_everybody_who_came_goes() -> None:
    cards = [act for act in acts(SCHOOL_DAY) if "card" in act.told and act.event is EventKind.ACCESS_GRANTED]
    came = {act.told["card"]: act.due_ms for act in cards if act.told["direction"] == "in"}
    went = {act.told["card"]: act.due_ms for act in cards if act.told["direction"] == "out"}
    assert len(came) == BELLS[SiteKind.PRIMARY].staff
    assert came.keys() == went.keys()
    assert all(came[card] < went[card] for card in came)


@pytest.mark.parametrize("day", EVERY_DAY[1:])
def test_without_school_the_main_gate_stays_shut_and_few_come(day: date) -> None:
    found = acts(day)
    assert not [act for act in found if act.told.get("door") == "open"]
    assert 1 <= sum(act.event is EventKind.ACCESS_GRANTED for act in found) < 10


def test_boarders_come_back_on_the_evening_before_school() -> None:
    assert [act.told["door"] for act in acts(SUNDAY, SiteKind.HIGH) if "door" in act.told] == ["open", "closed"]
    assert not [act for act in acts(SUNDAY - timedelta(days=1), SiteKind.HIGH) if "door" in act.told]


def test_a_barrier_goes_down_for_the_kitchens_delivery_only() -> None:
    stands = of_kind(acts(SCHOOL_DAY), DeviceKind.BARRIER)
    assert [act.told["barrier"] for act in stands] == ["down", "up"]
    assert minute(stands[1]) < BELLS[SiteKind.PRIMARY].arrival
    assert not of_kind(acts(SUNDAY), DeviceKind.BARRIER)


@pytest.mark.parametrize("day", EVERY_DAY)
def test_each_camera_turns_to_day_after_dawn_and_to_night_at_dusk(day: date) -> None:
    cameras = of_kind(acts(day), DeviceKind.CAMERA)
    assert len(cameras) == 2 * 59
    for act in cameras:
        height = sun_height(act.due_ms / 1000)
        assert 0.01 < height < 0.3
        assert act.told == {"mode": "day" if minute(act) < 720 else "night"}


def test_zones_are_disarmed_while_people_are_about() -> None:
    zones = of_kind(acts(SCHOOL_DAY), DeviceKind.INTRUSION_ZONE)
    assert sorted(act.told["armed"] for act in zones) == [False] * 3 + [True] * 3
    assert {act.told["armed"] for act in of_kind(acts(SUNDAY), DeviceKind.INTRUSION_ZONE)} == {True}


def test_one_seed_gives_one_day_and_another_seed_another() -> None:
    assert acts(SCHOOL_DAY) == acts(SCHOOL_DAY)
    assert acts(SCHOOL_DAY) != acts(SCHOOL_DAY, seed=2)


def test_what_is_due_does_not_depend_on_how_it_is_asked_for() -> None:
    of = site()
    begin = round(datetime(2026, 3, 10, 17, tzinfo=CHINA_TIME).timestamp() * 1000)
    end = begin + 12 * 3_600_000
    whole = Programme(1, [of], devices_of(of)).acts(begin, end)
    sliced = Programme(1, [of], devices_of(of))
    assert [act for ms in range(begin, end, 60_000) for act in sliced.acts(ms, ms + 60_000)] == whole
    assert {at(act).date() for act in whole} == {SCHOOL_DAY, SCHOOL_DAY + timedelta(days=1)}


def test_days_come_out_the_same_in_whatever_order_they_are_asked_for() -> None:
    of = site()
    programme = Programme(1, [of], devices_of(of))
    begin = round(datetime(2026, 3, 9, tzinfo=CHINA_TIME).timestamp() * 1000)
    days = [programme.acts(begin + n * DAY_MS, begin + (n + 1) * DAY_MS) for n in range(4)]
    assert [programme.acts(begin + n * DAY_MS, begin + (n + 1) * DAY_MS) for n in (3, 0, 2, 1)] == [
        days[3],
        days[0],
        days[2],
        days[1],
    ]
    assert days[1] == acts(date(2026, 3, 10))


def test_the_newest_act_of_a_device_is_found_from_the_day_before_too() -> None:
    of = site()
    programme = Programme(1, [of], devices_of(of))
    night = round(datetime(2026, 3, 11, 0, 30, tzinfo=CHINA_TIME).timestamp() * 1000)
    (camera,) = [n for n, device in numbered(of) if device.device_id == "s001-cam-07"]
    found = programme.before(camera, night)
    assert found is not None
    assert found.told == {"mode": "night"}
    assert at(found).date() == SCHOOL_DAY
    assert found == [act for act in acts(SCHOOL_DAY) if act.device_no == camera][-1]


@pytest.mark.parametrize("day", EVERY_DAY)
def test_a_guard_comes_in_time_for_each_shift_and_walks_its_rounds(day: date) -> None:
    of = msgspec.structs.replace(site(), pupils=1600)
    devices = numbered(of)
    kinds = dict(devices)
    guards = guards_of(of)
    assert guards == 4
    found = [act for act in site_acts(1, of, day, devices) if act.event is not None]
    came = [act for act in found if "guard-in" in act.act_id]
    assert {minute(act) // 60 for act in came} == {6, 18}
    cards = [act.told["card"] for act in sorted(came, key=minute)]
    assert cards == [card_of(on_shift(day, shift, guards)) for shift in (0, 1)]
    for act in found:
        if kinds[act.device_no].kind is DeviceKind.PATROL_POINT and 8 * 60 < minute(act) < 18 * 60:
            assert act.told["guard"] == cards[0]


@pytest.mark.parametrize(
    ("hour", "door", "barrier"), [(7.6, "open", "up"), (12.0, "closed", "up"), (3.0, "closed", "up")]
)
def test_doors_and_barriers_say_how_they_stand_in_the_bytes_in_which_they_said_it(
    hour: float, door: str, barrier: str
) -> None:
    of = site()
    devices = numbered(of)
    programme = Programme(1, [of], [device for _, device in devices])
    midnight = datetime(2026, 3, 10, tzinfo=CHINA_TIME).timestamp()
    stands = list(programme.standing(round((midnight + hour * 3600) * 1000)))
    assert [{**act.told}.get("door") or act.told["barrier"] for act in stands] == [door, barrier]
    said = {
        (act.device_no, act.act_id, act.due_ms) for back in (0, 1) for act in acts(SCHOOL_DAY - timedelta(days=back))
    }
    assert all((act.device_no, act.act_id, act.due_ms) in said for act in stands)


def test_a_gate_that_nobody_moved_for_days_is_shut() -> None:
    of = site()
    programme = Programme(1, [of], [device for _, device in numbered(of)])
    noon = datetime(2026, 8, 5, 12, tzinfo=CHINA_TIME).timestamp()
    assert [act.told for act in programme.standing(round(noon * 1000))] == [
        {"door": "closed", "locked": True},
        {"barrier": "up"},
    ]
