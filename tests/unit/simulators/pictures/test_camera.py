from __future__ import annotations

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from simulators.pictures.camera import Camera
from simulators.pictures.conditions import NightKind, Sky, conditions
from simulators.pictures.faults import MILD, MODERATE, STRONG, Fault, FaultKind
from simulators.pictures.scenery import drawn, indoors

BEGUN = datetime(2026, 10, 1, tzinfo=UTC)
NOON, MIDNIGHT = BEGUN + timedelta(days=3, hours=4), BEGUN + timedelta(days=3, hours=16)
SIZE = (320, 180)


def camera(number: int) -> Camera:
    return Camera(number=number, scenery=drawn(number, SIZE), size=SIZE, begun=BEGUN, indoors=indoors(number))


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.float32)


def apart(first: bytes, second: bytes) -> float:
    return float(np.abs(pixels(first) - pixels(second)).mean())


@pytest.mark.parametrize("number", range(4))
def test_the_same_moment_gives_the_same_picture(number: int) -> None:
    assert camera(number).picture(NOON) == camera(number).picture(NOON)
    assert camera(number).picture(NOON) != camera(number).picture(NOON + timedelta(seconds=10))


@pytest.mark.parametrize("number", range(4))
def test_night_is_darker_than_noon(number: int) -> None:
    one = camera(number)
    assert pixels(one.picture(MIDNIGHT)).mean() < 0.75 * pixels(one.picture(NOON)).mean()


def test_infrared_has_no_colour_and_lamps_have() -> None:
    infrared, lamps = (camera(number).pixels(MIDNIGHT)[0].astype(int) for number in (1, 2))
    assert np.abs(infrared[:, :, 0] - infrared[:, :, 2]).max() == 0
    assert (lamps[:, :, 2] - lamps[:, :, 0]).mean() > 5


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind is not FaultKind.FROZEN])
def test_a_stronger_fault_changes_the_picture_more(kind: FaultKind) -> None:
    one = camera(0)
    good = one.picture(NOON)
    mild, strong = (apart(good, one.picture(NOON, Fault(kind=kind, strength=s, seed=5))) for s in (MILD, STRONG))
    assert mild > 0.5
    # A drawn screen is another picture at any strength: only its cable gets better.
    assert mild < strong or kind is FaultKind.NO_SIGNAL


def test_a_frozen_camera_repeats_itself() -> None:
    one, later = camera(0), NOON + timedelta(hours=2)
    strong, moderate = (Fault(kind=FaultKind.FROZEN, strength=s) for s in (STRONG, MODERATE))
    assert one.picture(later, strong, since=NOON) == one.picture(NOON)
    shown = one.picture(later, moderate, since=NOON)
    assert shown != one.picture(NOON)
    assert np.abs(pixels(shown) - pixels(one.picture(NOON)))[40:].max() == 0


def test_weather_of_all_kinds_comes_and_a_day_keeps_its_own() -> None:
    noons = [conditions(camera, day, 12.0) for camera in range(20) for day in range(10)]
    assert {one.sky for one in noons} == set(Sky)
    assert {one.night for one in noons} == set(NightKind)
    assert any(one.bus is not None for one in noons)
    assert conditions(3, 5, 9.0).sky is conditions(3, 5, 15.0).sky


def test_what_looks_like_too_much_light_comes_by_day_and_to_some_cameras_only() -> None:
    days = [conditions(camera, day, hour) for camera in range(20) for day in range(8) for hour in (7.0, 10.0, 13.0)]
    nights = [conditions(camera, day, 23.0) for camera in range(20) for day in range(8)]
    for of in ("glare", "white_wall"):
        assert 0.0 < np.mean([getattr(one, of) for one in days]) < 0.3
        assert not any(getattr(one, of) for one in nights)
    assert {one.lying for one in days} == {0.0, 0.3, 0.6}
    assert any(one.white_bus for one in days)


def test_no_bus_parks_in_a_corridor() -> None:
    inside = camera(1)
    assert inside.indoors
    for day in range(10):
        assert inside.pixels(NOON + timedelta(days=day))[1].bus is None
