"""From a JPEG's bytes to pixels, at the scale that diagnosis needs, and never more than a picture is worth.

What a camera sends is believed in nothing: the header says how large the picture is before a pixel is decoded, so a
picture of 100 megapixels costs the reading of its header.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from domain.errors import CampuswatchError

Pixels: TypeAlias = NDArray[np.uint8]

#: Twelve megapixels is the largest camera on the market that is not several in one housing; 25 leaves room.
MOST_PIXELS = 25_000_000
#: A 4K picture at the best quality has some 8 MB.
MOST_BYTES = 16 * 2**20
#: A progressive picture has some ten scans. Each costs a pass over all pixels, and fits into a dozen bytes.
MOST_SCANS = 64
#: Smaller than this is a thumbnail, and no verdict on it would hold.
LEAST_SIDE = 64
#: The long side that is decoded is never reduced below this: 1080p is decoded at half scale, 4K at a quarter.
WORKING_SIDE = 640

_REDUCED = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
    (1, cv2.IMREAD_COLOR),
)
#: Start of frame: baseline, extended, progressive. Lossless and arithmetic ones are refused: no camera sends them.
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
#: Markers without a length.
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


class UnreadablePicture(CampuswatchError):
    """These bytes are no picture that can be diagnosed.

    ``reason`` is one word for counters: empty, not_jpeg, malformed, truncated, too_large, too_small.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}")


def size(jpeg: bytes) -> tuple[int, int]:
    """Width and height in pixels as the header says. Raises `UnreadablePicture`."""
    if not jpeg:
        raise UnreadablePicture("empty", "no bytes")
    if jpeg[:2] != b"\xff\xd8":
        raise UnreadablePicture("not_jpeg", f"it begins with {jpeg[:4].hex()}")
    for marker, start, end in _segments(jpeg):
        if marker in _OTHER_FRAMES:
            raise UnreadablePicture("malformed", f"frames of kind {marker:#x} are not for pictures of cameras")
        if marker in _FRAMES:
            if end - start < 6:
                raise UnreadablePicture("malformed", "the frame's header is too short")
            height = int.from_bytes(jpeg[start + 1 : start + 3], "big")
            width = int.from_bytes(jpeg[start + 3 : start + 5], "big")
            return width, height
        if marker in (_START_OF_SCAN, _END_OF_IMAGE):
            break
    raise UnreadablePicture("malformed", "no frame header before the pixels")


def _segments(jpeg: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment's content up to and with the first scan's header."""
    at = 2
    while True:
        if at + 2 > len(jpeg):
            raise UnreadablePicture("truncated", "it ends within its header")
        if jpeg[at] != 0xFF:
            raise UnreadablePicture("malformed", f"no marker at byte {at}")
        marker = jpeg[at + 1]
        at += 1 if marker == 0xFF else 2
        if marker == 0xFF or marker in _BARE:
            continue
        if marker == _END_OF_IMAGE:
            yield marker, at, at
            return
        length = int.from_bytes(jpeg[at : at + 2], "big")
        if length < 2:
            raise UnreadablePicture("malformed", f"a segment of length {length} at byte {at}")
        if at + length > len(jpeg):
            raise UnreadablePicture("truncated", "it ends within its header")
        yield marker, at + 2, at + length
        at += length


def decoded(jpeg: bytes, *, working_side: int = WORKING_SIDE) -> Pixels:
    """Blue, green and red of each pixel, at the coarsest scale whose long side has ``working_side`` pixels or more and
    whose short side has `LEAST_SIDE`.

    Raises `UnreadablePicture`; nothing else, whatever the bytes are.
    """
    if len(jpeg) > MOST_BYTES:
        raise UnreadablePicture("too_large", f"{len(jpeg)} bytes, at most {MOST_BYTES}")
    width, height = size(jpeg)
    if width * height > MOST_PIXELS:
        raise UnreadablePicture("too_large", f"{width} x {height} pixels, at most {MOST_PIXELS}")
    if min(width, height) < LEAST_SIDE:
        raise UnreadablePicture("too_small", f"{width} x {height} pixels, each side at least {LEAST_SIDE}")
    if jpeg.count(b"\xff\xda") > MOST_SCANS:
        raise UnreadablePicture("malformed", f"more than {MOST_SCANS} scans")
    # Some cameras pad with zeros; what follows an end of image within the last bytes is harmless.
    if b"\xff\xd9" not in jpeg[-4096:]:
        raise UnreadablePicture("truncated", "it has no end")
    flag = next(
        flag
        for factor, flag in _REDUCED
        if factor == 1 or (max(width, height) >= working_side * factor and min(width, height) >= LEAST_SIDE * factor)
    )
    try:
        pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flag)
    except cv2.error as error:
        raise UnreadablePicture("malformed", str(error).strip().splitlines()[-1]) from error
    if pixels is None:
        raise UnreadablePicture("malformed", "the decoder refuses it")
    return np.asarray(pixels, np.uint8)
