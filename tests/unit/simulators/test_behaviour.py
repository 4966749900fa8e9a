from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from domain.device import Device, DeviceKind
from simulators.behaviour import Behaviour, cooking
from simulators.chance import drift, key_of, unit
from simulators.day.sky import outdoor_c, sun_height
from simulators.gazetteer import KITCHEN

DAY_S = 86_400.0


def at(month: int, day: int, hour: int = 4) -> float:
    """UTC; 4:00 is noon in China."""
    return datetime(2026, month, day, hour, tzinfo=UTC).timestamp()


def device(kind: DeviceKind, place: str = "图书馆", number: int = 1) -> Device:
    return Device(site_id="s001", device_id=f"d-{number:02d}", kind=kind, place=place)


def test_summer_is_warmer_than_winter_and_noon_than_night() -> None:
    assert outdoor_c(at(7, 20)) > outdoor_c(at(1, 20)) + 15
    assert outdoor_c(at(10, 1, 6)) > outdoor_c(at(10, 1, 20)) + 2
    assert min(outdoor_c(at(m, 15, h)) for m in range(1, 13) for h in range(24)) > -10
    assert max(outdoor_c(at(m, 15, h)) for m in range(1, 13) for h in range(24)) < 42


def test_the_sun_is_down_at_midnight_and_highest_about_noon() -> None:
    assert sun_height(at(6, 21, 16)) == 0
    heights = {hour: sun_height(at(6, 21, hour)) for hour in range(24)}
    assert max(heights, key=lambda hour: heights[hour]) == 4
    assert heights[4] > 0.95


def test_a_kitchen_is_warmer_than_a_library_and_warmest_at_lunch() -> None:
    kitchen = Behaviour(1, device(DeviceKind.TEMPERATURE, KITCHEN))
    library = Behaviour(1, device(DeviceKind.TEMPERATURE))
    lunch = at(5, 6, 2) + 1800.0
    assert cooking(lunch) == 1
    assert kitchen.measured(lunch) > library.measured(lunch) + 8
    assert kitchen.measured(lunch) > kitchen.measured(at(5, 6, 18)) + 4


def test_rooms_stay_in_a_plausible_range_all_year() -> None:
    rooms = [Behaviour(1, device(DeviceKind.TEMPERATURE, number=n)) for n in range(10)]
    measured = [room.measured(at(month, 10, hour)) for room in rooms for month in range(1, 13) for hour in (0, 6, 20)]
    assert 5 < min(measured) < 18
    assert 22 < max(measured) < 36


def test_smoke_without_a_fire_stays_near_zero() -> None:
    detectors = [Behaviour(1, device(DeviceKind.SMOKE, KITCHEN, number=n)) for n in range(20)]
    background = [detector.measured(at(3, 3) + 600.0 * step) for detector in detectors for step in range(100)]
    assert min(background) >= 0
    assert 0 < max(background) < 0.06


def test_a_battery_falls_slowly_and_is_changed_before_it_is_empty() -> None:
    sensor = Behaviour(1, device(DeviceKind.SMOKE))
    days = [sensor.battery_pct(at(1, 1) + DAY_S * day) for day in range(1500)]
    assert 30 <= min(days) < max(days) <= 100
    rises = [later - sooner for sooner, later in itertools.pairwise(days) if later > sooner]
    assert 1 <= len(rises) <= 3
    assert min(rises) > 60


def test_mains_powered_devices_have_no_battery_and_cameras_no_readings() -> None:
    camera = Behaviour(1, device(DeviceKind.CAMERA))
    assert not camera.has_battery
    assert not camera.metric
    assert Behaviour(1, device(DeviceKind.ONE_KEY_ALARM)).has_battery


def test_measurements_depend_on_seed_device_and_time_alone() -> None:
    moment = at(9, 1)
    room = device(DeviceKind.TEMPERATURE)
    first = Behaviour(1, room)
    first.measured(moment + 999)
    assert first.measured(moment) == Behaviour(1, room).measured(moment)
    assert Behaviour(1, room).measured(moment) != Behaviour(2, room).measured(moment)
    assert first.measured(moment) != Behaviour(1, device(DeviceKind.TEMPERATURE, number=2)).measured(moment)


def test_chance_is_spread_evenly_and_repeats() -> None:
    key = key_of("a", 1)
    drawn = [unit(key, counter) for counter in range(10_000)]
    assert drawn == [unit(key_of("a", 1), counter) for counter in range(10_000)]
    assert all(0 <= number < 1 for number in drawn)
    assert sum(drawn) / len(drawn) == pytest.approx(0.5, abs=0.02)
    tenths = [sum(1 for number in drawn if int(number * 10) == tenth) for tenth in range(10)]
    assert max(tenths) < 1.2 * min(tenths)


def test_drift_is_smooth_and_bounded() -> None:
    wander = [drift(5, 10.0 * step, 600.0) for step in range(2_000)]
    assert all(-1 <= value <= 1 for value in wander)
    assert max(abs(b - a) for a, b in itertools.pairwise(wander)) < 0.06
    assert max(wander) - min(wander) > 1
