from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import cv2
import msgspec
import numpy as np
import pytest

from detectors.pictures.cover import WHOLE
from detectors.pictures.faults import PictureFault
from detectors.pictures.limits import Limit
from detectors.pictures.look import Look, look, ratios, vivid
from detectors.pictures.memory import VERSION, Light, Memory, Suspicion, unpacked
from detectors.pictures.view import View, channels, compared, outline


def test_a_memory_comes_back_as_it_was(learnt: Memory) -> None:
    assert unpacked(learnt.packed()) == learnt


def test_a_camera_is_remembered_in_some_tens_of_kilobytes(learnt: Memory) -> None:
    assert len(learnt.views) == 2
    assert len(learnt.packed()) < 40_000


def test_a_memory_that_kept_ratios_of_channels_goes_on(learnt: Memory) -> None:
    """As version 2 had it: what stands, stands, and the limits are what they were."""
    at = datetime(2026, 10, 4, tzinfo=UTC)
    standing = {PictureFault.BLURRED: Suspicion(at, 3, 0, True)}
    views = {
        light: msgspec.structs.replace(view, channels=ratios(channels(view)).astype(np.float16).tobytes())
        for light, view in learnt.views.items()
    }
    former = msgspec.structs.replace(learnt, version=2, views=views, suspicions=standing)
    now = unpacked(former.packed())
    assert (now.version, now.suspicions) == (VERSION, standing)
    for light, limits in learnt.limits.items():
        # Covers score twice as much since.
        for fault, limit in limits.items():
            twice = 2 if fault is PictureFault.COVERED else 1
            assert now.limits[light][fault].highest == twice * limit.highest
    for light, view in learnt.views.items():
        apart = np.abs(channels(now.views[light]) - channels(view))
        assert np.median(apart) < 2.0
        assert compared(now.views[light], _as_seen(view)).cast == pytest.approx(0.0, abs=0.03)


def test_what_a_person_taught_of_covers_is_kept_in_the_scores_of_now(learnt: Memory) -> None:
    def taught_now(score: float) -> float:
        limits = {Light.DAY: {PictureFault.COVERED: Limit(highest=0.1, taught=score)}}
        former = msgspec.structs.replace(learnt, version=3, limits=limits)
        return unpacked(former.packed()).limits[Light.DAY][PictureFault.COVERED].taught

    assert taught_now(0.3) == 0.6
    # A lid that was no fault is none now.
    assert taught_now(1.3) > WHOLE


def _as_seen(view: View) -> Look:
    """A picture that shows exactly what is known."""
    grey = cv2.resize(outline(view).astype(np.uint8), (640, 360))
    levels = channels(view)
    return replace(look(np.repeat(grey[:, :, None], 3, axis=2)), channels=levels, vivid=vivid(levels))


def test_another_version_and_spoilt_bytes_are_an_empty_memory(learnt: Memory) -> None:
    assert unpacked(msgspec.structs.replace(learnt, version=VERSION + 1).packed()) == Memory()
    assert unpacked(learnt.packed()[:100]) == Memory()
    assert unpacked(b"") == Memory()
