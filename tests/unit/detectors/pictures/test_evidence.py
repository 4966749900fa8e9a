from __future__ import annotations

import numpy as np

from detectors.pictures.decoding import decoded
from detectors.pictures.evidence import difference, reference
from detectors.pictures.memory import Light, Memory
from simulators.pictures.camera import Camera
from simulators.pictures.faults import MODERATE, Fault, FaultKind
from tests.unit.detectors.pictures.conftest import HOUR, LEARNT

AT = LEARNT.replace(hour=3) + 24 * HOUR


def redness(memory: Memory, camera: Camera, fault: Fault | None) -> float:
    shown = difference(memory, Light.DAY, decoded(camera.picture(AT, fault)))
    assert shown is not None
    return float(shown[:, :, 2].astype(int).mean() - shown[:, :, 0].mean())


def test_the_difference_picture_shows_where_the_view_is_another_one(camera: Camera, learnt: Memory) -> None:
    moved = Fault(kind=FaultKind.MOVED, strength=MODERATE, seed=7)
    assert redness(learnt, camera, moved) > 2 * redness(learnt, camera, None)


def test_a_region_is_framed_in_red(camera: Camera, learnt: Memory) -> None:
    shown = difference(learnt, Light.DAY, decoded(camera.picture(AT)), region=(0.25, 0.25, 0.75, 0.75))
    assert shown is not None
    high, wide = shown.shape[:2]
    assert tuple(shown[high // 4, wide // 2]) == (0, 0, 255)


def test_without_a_view_there_is_nothing_to_show(camera: Camera) -> None:
    assert difference(Memory(), Light.DAY, decoded(camera.picture(AT))) is None
    assert reference(Memory(), Light.DAY) is None


def test_the_reference_is_a_small_picture_of_the_place(learnt: Memory) -> None:
    shown = reference(learnt, Light.DAY)
    assert shown is not None
    assert shown.shape == (54, 96)
    assert np.std(shown) > 10
