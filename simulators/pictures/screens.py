"""What recorders and cameras draw where there is no picture: bars, fields with a text, a logo, a last picture."""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

Drawing = NDArray[np.uint8]


class Screen(StrEnum):
    BARS = "bars"
    BLUE = "blue"
    GREY = "grey"
    DARK = "dark"
    LOGO = "logo"  # of the maker, wandering over black
    CLOCK = "clock"  # a large one, running
    SPLASH = "splash"  # a field from dark to light, a name on it
    LAST_PICTURE = "last_picture"  # of the camera, with a text over it


_BARS = (
    (235, 235, 235),
    (16, 235, 235),
    (235, 235, 16),
    (16, 235, 16),
    (235, 16, 235),
    (16, 16, 235),
    (235, 16, 16),
)
_FIELDS = {Screen.BLUE: (200, 40, 20), Screen.GREY: (90, 90, 90), Screen.DARK: (0, 0, 0)}
_SAID = ("NO SIGNAL", "VIDEO LOSS", "NO VIDEO", "No Camera", "OFFLINE", "\u65e0\u4fe1\u53f7")
#: The strokes of 无, 信 and 号 in a square of 16: no font of OpenCV has them.
_STROKES: dict[str, tuple[tuple[tuple[int, int], ...], ...]] = {
    "\u65e0": (((3, 3), (13, 3)), ((1, 7), (15, 7)), ((8, 3), (7, 8), (2, 14)), ((9, 7), (9, 13), (14, 13), (14, 11))),
    "\u4fe1": (
        ((4, 1), (1, 7)), ((3, 5), (3, 15)), ((10, 1), (11, 2)), ((6, 4), (15, 4)), ((7, 6), (14, 6)),
        ((7, 8), (14, 8)), ((7, 10), (14, 10), (14, 14), (7, 14), (7, 10)),
    ),
    "\u53f7": (
        ((4, 1), (12, 1), (12, 5), (4, 5), (4, 1)), ((1, 7), (15, 7)), ((5, 7), (4, 10), (12, 10), (11, 14), (8, 14)),
    ),
}  # fmt: skip


def chosen(fixed: np.random.Generator) -> Screen:
    """Which it is: the first thing that is drawn of the fault's own chance."""
    return list(Screen)[int(fixed.integers(0, len(Screen)))]


def drawn(picture: Drawing, fixed: np.random.Generator, now: np.random.Generator) -> Drawing:
    """``picture`` is what the camera showed, of which only the size and a last picture are taken; ``fixed`` stays the
    same as long as the fault lasts, ``now`` is of the moment.
    """
    screen = chosen(fixed)
    high, wide = picture.shape[:2]
    says, scale = str(fixed.choice(_SAID)), wide * fixed.uniform(0.7, 1.3) / 350
    at = (int(wide * fixed.uniform(0.15, 0.4)), int(high * fixed.uniform(0.3, 0.7)))
    canvas = np.zeros_like(picture)
    match screen:
        case Screen.BARS:
            for place, bar in enumerate(_BARS):
                canvas[:, place * wide // 7 : (place + 1) * wide // 7] = bar
            canvas[high * 3 // 4 :] //= 3
            return canvas
        case Screen.LOGO:
            at = (int(wide * now.uniform(0.05, 0.5)), int(high * now.uniform(0.2, 0.9)))
            cv2.rectangle(canvas, (at[0], at[1] - high // 8), (at[0] + wide // 6, at[1]), (30, 60, 220), -1)
            at = (at[0] + wide // 5, at[1])
        case Screen.CLOCK:
            says = f"{now.integers(0, 24):02}:{now.integers(0, 60):02}:{now.integers(0, 60):02}"
            canvas[:] = (60, 20, 10)
        case Screen.SPLASH:
            ends = np.array([fixed.uniform(20, 90, 3), fixed.uniform(110, 220, 3)])
            along = np.linspace(0, 1, high)[:, None]
            canvas[:] = (ends[0] * (1 - along) + ends[1] * along).astype(np.uint8)[:, None, :]
        case Screen.LAST_PICTURE:
            canvas[:] = picture
        case _:
            canvas[:] = _FIELDS[screen]
    _written(canvas, says, at, scale)
    return canvas


def _written(canvas: Drawing, says: str, at: tuple[int, int], scale: float) -> None:
    thick = max(1, int(2 * scale))
    if says not in _SAID[-1:]:
        cv2.putText(canvas, says, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (240, 240, 240), thick)
        return
    side = 30 * scale
    for place, sign in enumerate(says):
        for stroke in _STROKES[sign]:
            points = [(at[0] + (place * 18 + x) * side / 16, at[1] - side + y * side / 16) for x, y in stroke]
            cv2.polylines(canvas, [np.array(points, np.int32)], False, (240, 240, 240), thick)
