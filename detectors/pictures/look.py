"""A look at one picture: everything that is measured of its pixels, once, before anything is compared.

All later steps work on the few kilobytes of a `Look`; the pixels are read here and nowhere else. Grey levels are
0 to 255, shares are 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.pictures.decoding import Pixels

Floats: TypeAlias = NDArray[np.float32]
Bytes: TypeAlias = NDArray[np.uint8]

#: The outline: the picture in grey, so small that sensor noise averages out. Width, height.
OUTLINE = (96, 54)
#: Cells in which detail and colour are measured. Width, height.
CELLS = (32, 18)
#: Profiles along which stripes show: the picture's rows, its columns.
ROWS, COLUMNS = 240, 320
#: Strips a stripe has to cross before it counts: what is local is no stripe.
STRIPS = 8
#: Places where the finest grain is kept to be found again: across, down, and the side of each in pixels.
SAMPLES = (16, 12, 4)

_CLIPPED, _IMPULSE = 250, 40
#: Mean absolute value of Gaussian noise of deviation 1 behind `_fine`: measured on noise.
NOISE_GAIN = 0.70


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one picture shows.

    ``light`` mean grey; ``high`` the level that one pixel in a hundred exceeds; ``clipped`` share of pixels without a
    shade left; ``plain`` share of the outline that is exactly flat, as no lens draws it; ``ruled`` share of it that is
    the same from side to side or from top to bottom; ``levels`` share of the pixels on the eight commonest of 64
    levels; ``noise`` deviation in the flattest cells; ``floor`` the fine detail that grain alone makes in those;
    ``impulses`` share of single pixels far from their neighbours; ``rows`` and ``columns`` what repeats across the
    whole picture, in grey levels; ``channels`` levels of blue, green and red in each cell.
    """

    width: int
    height: int
    light: float
    high: float
    clipped: float
    plain: float
    ruled: float
    levels: float
    noise: float
    floor: float
    impulses: float
    vivid: float
    outline: Bytes
    fine: Floats
    coarse: Floats
    channels: Floats
    rows: Floats
    columns: Floats
    grain: Bytes


def look(pixels: Pixels) -> Look:
    """Measure ``pixels`` (height x width x blue, green, red)."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
    height, width = grey.shape
    # Every other line tells as much.
    lines = grey[::2]
    histogram = cv2.calcHist([lines], [0], None, [256], [0, 256]).ravel() / lines.size
    # What is small in the end is taken from the picture at half scale or less: a quarter of the work.
    half = _reduced(grey, (width // 2, height // 2))
    outline = _reduced(half, OUTLINE)
    channels = _reduced(_reduced(pixels, (width // 2, height // 2)), CELLS).astype(np.float32)
    fine = _fine(half)
    bands = _bands(grey)
    return Look(
        width=width,
        height=height,
        light=float(histogram @ np.arange(256)),
        high=float(np.searchsorted(np.cumsum(histogram), 0.99)),
        clipped=float(histogram[_CLIPPED:].sum()),
        plain=_plain(outline),
        ruled=_ruled(outline),
        levels=float(np.sort(histogram.reshape(64, 4).sum(axis=1))[-8:].sum()),
        noise=quantile(_fine(bands), 0.15) / NOISE_GAIN,
        floor=quantile(fine, 0.15),
        impulses=_impulses(bands),
        vivid=vivid(channels),
        outline=outline,
        fine=fine,
        coarse=_coarse(outline),
        channels=channels,
        rows=_profile(_strips(grey, ROWS)),
        columns=_profile(_strips(np.asarray(cv2.transpose(half), np.uint8), COLUMNS)),
        grain=_grain(grey),
    )


def _reduced(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _bands(grey: Bytes) -> Bytes:
    """Three bands across the picture, three eighths of it: noise is everywhere, and there is no need to look twice.
    They make cells of whole pixels, which are averaged five times as fast.
    """
    height, width = grey.shape
    high, wide = height // 8 // 6 * 6 or height // 8, width // CELLS[0] * CELLS[0] or width
    return np.vstack([grey[top : top + high, :wide] for top in (height // 12, height * 7 // 16, height * 19 // 24)])


def quantile(values: Floats, share: float) -> float:
    """As `numpy.quantile` has it of all values, without what makes that slow for some hundred of them."""
    flat = values.ravel()
    place = share * (flat.size - 1)
    low = int(place)
    high = min(low + 1, flat.size - 1)
    ordered = np.partition(flat, (low, high))
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


def ratios(channels: Floats) -> Floats:
    """The colour of each cell, whatever its brightness: logarithms of red and of blue against green."""
    return np.asarray(np.log((channels[:, :, (2, 0)] + 8) / (channels[:, :, 1:2] + 8)), np.float32)


def variety(channels: Floats) -> float:
    """How far the colours of places are from each other: 0 in infrared, and where grey is seen through a filter."""
    colours = ratios(channels)
    return float(np.abs(colours - np.median(colours, axis=(0, 1))).mean())


def vivid(channels: Floats) -> float:
    """How far from grey: 0 in infrared, some 0.2 by day."""
    return float(np.abs(ratios(channels)).mean())


def _fine(grey: Bytes) -> Floats:
    """How much the pixels of each cell differ from their near neighbours. Detail is measured at half scale, where edges
    are as strong as before and grain is half as strong.
    """
    detail = cv2.absdiff(grey, cv2.GaussianBlur(grey, (5, 5), 1.1))
    # Means of whole numbers below one would be lost in bytes.
    return np.asarray(cv2.resize(detail.astype(np.float32), CELLS, interpolation=cv2.INTER_AREA), np.float32)


def _coarse(outline: Bytes) -> Floats:
    shapes = outline.astype(np.float32)
    detail = np.abs(shapes - cv2.GaussianBlur(shapes, (0, 0), 4.0))
    return np.asarray(cv2.resize(detail, CELLS, interpolation=cv2.INTER_AREA), np.float32)


def _plain(outline: Bytes) -> float:
    """Flat beside its neighbour, less what rises slowly: a cover near the lens is smooth, and never as even as that."""
    shapes = outline.astype(np.int16)
    across = np.abs(np.diff(shapes, axis=1))[1:, :]
    down = np.abs(np.diff(shapes, axis=0))[:, 1:]
    even = float(((across <= 1) & (down <= 1)).mean())
    far = np.abs(shapes[:, 8:] - shapes[:, :-8]), np.abs(shapes[8:] - shapes[:-8])
    slopes = max(float(((apart >= 2) & (apart <= 6)).mean()) for apart in far)
    return max(0.0, even - 1.5 * slopes)


def _ruled(outline: Bytes) -> float:
    """A machine draws fields, bars, and slopes along one side: each line of them is of one level."""
    return max(_of_one_level(outline), _of_one_level(np.ascontiguousarray(outline.T)))


def _of_one_level(lines: Bytes) -> float:
    """Share of the pixels within two levels of their line's median. In whole numbers: it is done for every picture."""
    middle = lines.shape[1] // 2
    ordered = np.partition(lines, (middle - 1, middle), axis=1).astype(np.int16)
    twice = ordered[:, middle - 1 : middle] + ordered[:, middle : middle + 1]
    return float((np.abs(2 * lines.astype(np.int16) - twice) <= 4).mean())


def _impulses(grey: Bytes) -> float:
    apart = cv2.absdiff(grey, cv2.medianBlur(grey, 3))
    return cv2.countNonZero(cv2.threshold(apart, _IMPULSE, 255, cv2.THRESH_BINARY)[1]) / grey.size


def _strips(grey: Bytes, count: int) -> Floats:
    """Means of each line within each of the strips, ``count`` x `STRIPS`."""
    edges = np.linspace(0, grey.shape[1], STRIPS + 1).astype(int)
    lines = [cv2.reduce(grey[:, left:right], 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F) for left, right in pairwise(edges)]
    return np.asarray(cv2.resize(np.hstack(lines), (STRIPS, count), interpolation=cv2.INTER_AREA), np.float32)


def _profile(strips: Floats) -> Floats:
    """What the strips (one a column) have in common along their length, without slow changes of light."""
    slow = cv2.blur(strips, (1, max(3, len(strips) // 10) | 1), borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.median(strips - slow, axis=1), np.float32)


def _grain(grey: Bytes) -> Bytes:
    across, down, side = SAMPLES
    height, width = grey.shape
    lines = (np.arange(down) * 2 + 1) * height // (2 * down) - side // 2
    places = (np.arange(across) * 2 + 1) * width // (2 * across) - side // 2
    inner = np.arange(side)
    picked = grey[(lines[:, None] + inner).ravel()][:, (places[:, None] + inner).ravel()]
    blocks = picked.reshape(down, side, across, side).swapaxes(1, 2)
    return np.asarray(blocks.reshape(down * across, side * side), np.uint8)
