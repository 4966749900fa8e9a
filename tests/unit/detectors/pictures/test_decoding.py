from __future__ import annotations

import time
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.pictures.decoding import MOST_BYTES, UnreadablePicture, decoded, size
from detectors.pictures.diagnosis import LEARNING, step
from detectors.pictures.look import look
from detectors.pictures.memory import Memory

CHANCE = np.random.default_rng(1)


def jpeg(width: int, height: int, quality: int = 80, progressive: bool = False) -> bytes:
    smooth = cv2.resize(CHANCE.integers(0, 255, (9, 16, 3), np.uint8), (width, height))
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    return bytes(cv2.imencode(".jpg", smooth, parameters)[1])


def with_size(picture: bytes, width: int, height: int) -> bytes:
    """``picture`` whose header claims another size."""
    at = picture.index(b"\xff\xc0") + 5
    return picture[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + picture[at + 4 :]


PICTURE = jpeg(320, 180)


def reason(content: bytes) -> str:
    with pytest.raises(UnreadablePicture) as refused:
        decoded(content)
    return refused.value.reason


@pytest.mark.parametrize(
    ("wide", "high", "shape"),
    [(640, 360, (360, 640)), (1280, 720, (360, 640)), (1920, 1080, (540, 960)), (3840, 2160, (540, 960))],
)
def test_pictures_are_decoded_at_the_scale_that_diagnosis_needs(wide: int, high: int, shape: tuple[int, int]) -> None:
    assert decoded(jpeg(wide, high)).shape == (*shape, 3)


def test_progressive_pictures_are_read_too() -> None:
    assert decoded(jpeg(320, 180, progressive=True)).shape == (180, 320, 3)


def test_the_header_tells_the_size() -> None:
    assert size(jpeg(352, 288)) == (352, 288)


def test_a_header_of_100_megapixels_is_refused_before_a_pixel_is_decoded() -> None:
    began = time.process_time()
    assert reason(with_size(PICTURE, 10_000, 10_000)) == "too_large"
    # Decoding so much takes half a second at least.
    assert time.process_time() - began < 0.05


@pytest.mark.parametrize(
    ("wide", "high"), [(64, 64), (65, 72), (96, 72), (64, 4000), (4000, 65), (66, 2561), (4000, 200), (64, 20_000)]
)
def test_whatever_is_decoded_can_be_looked_at_and_compared(wide: int, high: int) -> None:
    memory = Memory()
    for hour in range(LEARNING + 2):
        at = datetime(2026, 10, 1, hour, tzinfo=UTC)
        memory = step(memory, look(decoded(jpeg(wide, high, quality=60 + 4 * hour))), at).memory
    assert memory.size is not None


def test_what_is_no_picture_is_refused_with_its_reason() -> None:
    assert reason(b"") == "empty"
    assert reason(b"<html>401 Unauthorized</html>") == "not_jpeg"
    assert reason(b"\xff\xd8\xff\xd9") == "malformed"
    assert reason(b"\xff\xd8" + b"\x00" * 50) == "malformed"
    assert reason(b"\xff\xd8\xff\xe0\x00\x01" + b"\x00" * 50) == "malformed"
    assert reason(jpeg(48, 48)) == "too_small"
    assert reason(PICTURE + b"\0" * MOST_BYTES) == "too_large"


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_a_truncated_picture_is_refused(share: float) -> None:
    assert reason(PICTURE[: int(len(PICTURE) * share)]) == "truncated"


def test_a_picture_of_endless_scans_is_refused_before_the_first() -> None:
    progressive = jpeg(320, 180, progressive=True)
    scan = progressive.rindex(b"\xff\xda")
    assert reason(progressive[:-2] + progressive[scan:-2] * 100 + b"\xff\xd9") == "malformed"


def test_zeros_after_the_end_do_no_harm() -> None:
    assert decoded(PICTURE + b"\0" * 512).shape == (180, 320, 3)


@settings(max_examples=150, deadline=None)
@given(places=st.lists(st.tuples(st.integers(0, len(PICTURE) - 1), st.integers(0, 255)), min_size=1, max_size=40))
def test_spoilt_bytes_give_pixels_or_one_kind_of_error(places: list[tuple[int, int]]) -> None:
    spoilt = bytearray(PICTURE)
    for place, value in places:
        spoilt[place] = value
    try:
        pixels = decoded(bytes(spoilt))
    except UnreadablePicture:
        return
    assert pixels.ndim == 3


@given(content=st.binary(max_size=300))
def test_no_bytes_at_all_raise_anything_else(content: bytes) -> None:
    with pytest.raises(UnreadablePicture):
        decoded(b"\xff\xd8" + content)
