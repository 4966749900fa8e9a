"""Every fault of a camera, at every strength from 0 (none) to 1: pure functions on the picture in the making.

``optical`` faults are in front of the sensor, ``electrical`` ones behind it. What belongs to the fault itself (where
a cover is, which way the camera was turned) comes from the fault's own seed and stays from picture to picture.
A frozen camera is one that is asked for the picture of another time (`simulators.pictures.camera`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from simulators.pictures import screens
from simulators.pictures.canvas import Canvas, spot


class FaultKind(StrEnum):
    NO_SIGNAL = "no_signal"
    BLACK = "black"
    OVEREXPOSED = "overexposed"
    SNOW = "snow"
    NOISE = "noise"
    STRIPES = "stripes"
    COVERED = "covered"
    BLURRED = "blurred"
    MOVED = "moved"
    COLOUR_CAST = "colour_cast"
    FROZEN = "frozen"


#: Strengths that have names.
MILD, MODERATE, STRONG = 0.33, 0.66, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    kind: FaultKind
    strength: float
    seed: int = 0

    def fixed(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, 4711])

    def between(self, *, mild: float, moderate: float, strong: float) -> float:
        """The value at this strength, straight lines between the named ones."""
        return float(np.interp(self.strength, [MILD, MODERATE, STRONG], [mild, moderate, strong]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Where a moved camera looks: shares of its view to the right and down, and degrees."""

    right: float = 0.0
    down: float = 0.0
    turn: float = 0.0


def turn(fault: Fault | None) -> Turn:
    if fault is None or fault.kind is not FaultKind.MOVED:
        return Turn()
    fixed = fault.fixed()
    far = fault.between(mild=0.03, moderate=0.08, strong=0.9)
    way = fixed.uniform(0, 2 * np.pi)
    return Turn(
        right=far * float(np.cos(way)),
        down=far * float(np.sin(way)),
        turn=fault.between(mild=0.5, moderate=2.0, strong=15.0) * float(fixed.choice([-1, 1])),
    )


def optical(canvas: Canvas, fault: Fault | None) -> Canvas:
    change = _OPTICAL.get(fault.kind) if fault else None
    return change(canvas, fault) if fault and change else canvas


def electrical(canvas: Canvas, fault: Fault | None, chance: np.random.Generator) -> Canvas:
    """``chance`` is of the moment: grain is another one in each picture."""
    change = _ELECTRICAL.get(fault.kind) if fault else None
    return change(canvas, fault, chance) if fault and change else canvas


def _black(canvas: Canvas, fault: Fault) -> Canvas:
    return canvas * np.float32(fault.between(mild=0.12, moderate=0.04, strong=0.0))


def _overexposed(canvas: Canvas, fault: Fault) -> Canvas:
    """So many stops above what fills the range; light spills over."""
    typical = max(float(np.percentile(canvas, 50)), 8.0)
    level = fault.between(mild=230.0, moderate=420.0, strong=1200.0)
    bright = canvas * np.float32(level / typical)
    spilt = np.maximum(cv2.GaussianBlur(bright, (0, 0), 6.0) - 255, 0)
    return np.asarray(bright + 0.3 * spilt, np.float32)


def _blurred(canvas: Canvas, fault: Fault) -> Canvas:
    """Out of focus by a disc whose deviation is so much of the picture's width."""
    sigma = canvas.shape[1] * fault.between(mild=0.002, moderate=0.005, strong=0.015)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), sigma), np.float32)


def _covered(canvas: Canvas, fault: Fault) -> Canvas:
    """Something smooth, near and out of focus comes in from a side: a hand, a cloth, a bag, paint."""
    high, wide = canvas.shape[:2]
    fixed = fault.fixed()
    share = fault.between(mild=0.15, moderate=0.35, strong=1.0)
    across = np.arange(wide, dtype=np.float32)[None, :] / wide - 0.5
    down = np.arange(high, dtype=np.float32)[:, None] / high - 0.5
    way = fixed.uniform(0, 2 * np.pi)
    depth = across * np.float32(np.cos(way)) + down * np.float32(np.sin(way))
    bulge = 0.08 * np.sin(fixed.uniform(4, 9) * (across * np.float32(-np.sin(way)) + down * np.float32(np.cos(way))))
    depth = depth + bulge.astype(np.float32)
    edge = np.float32(np.percentile(depth, 100 * (1 - share)) if share < 1 else -9.0)
    mask = 0.5 + 0.5 * np.tanh((depth - edge) / 0.024)
    tone = fixed.uniform(10, 170) * np.array([1.0, 1.0, 1.0]) + fixed.uniform(-25, 25, 3)
    # By night a cover is as dark as its surroundings.
    tone = tone * min(1.0, float(canvas.mean()) / 90)
    shading = 0.75 + 0.5 * spot((wide, high), fixed.uniform(0.2, 0.8), fixed.uniform(0.2, 0.8), 0.5)
    cover = np.clip(tone, 3, 250).astype(np.float32) * shading[:, :, None]
    return np.asarray(canvas * (1 - mask[:, :, None]) + cover * mask[:, :, None], np.float32)


def _noise(canvas: Canvas, fault: Fault, chance: np.random.Generator) -> Canvas:
    sigma = np.float32(fault.between(mild=9.0, moderate=18.0, strong=40.0))
    grain = chance.standard_normal(canvas.shape, np.float32)
    if canvas[..., 0].std() and np.array_equal(canvas[..., 0], canvas[..., 2]):
        grain = np.repeat(grain[:, :, :1], 3, axis=2)
    return np.asarray(np.clip(canvas, 0, 255) + grain * sigma, np.float32)


def _stripes(canvas: Canvas, fault: Fault, chance: np.random.Generator) -> Canvas:
    """Lines from side to side, or from top to bottom; they roll, as hum of the mains does."""
    high, wide = canvas.shape[:2]
    fixed = fault.fixed()
    standing = fixed.random() < 0.3
    length = wide if standing else high
    pitch = fixed.uniform(0.015, 0.06) * high
    wave = np.sin(2 * np.pi * np.arange(length) / pitch + chance.uniform(0, 6.28)).astype(np.float32)
    if fixed.random() < 0.5:
        wave = np.sign(wave)
    wave *= np.float32(fault.between(mild=5.0, moderate=14.0, strong=40.0))
    band = wave[None, :, None] if standing else wave[:, None, None]
    return np.asarray(np.clip(canvas, 0, 255) + band, np.float32)


def _snow(canvas: Canvas, fault: Fault, chance: np.random.Generator) -> Canvas:
    shape = canvas.shape[:2]
    hit = chance.random(shape, np.float32) < fault.between(mild=0.006, moderate=0.03, strong=0.3)
    shown = np.clip(canvas, 0, 255)
    shown[hit] = np.where(chance.random((int(hit.sum()), 1)) < 0.5, 0.0, 255.0)
    return np.asarray(shown, np.float32)


def _colour_cast(canvas: Canvas, fault: Fault, chance: np.random.Generator) -> Canvas:
    """One channel fails. A filter for infrared that sticks washes colours out as well, and is not simulated."""
    fixed = fault.fixed()
    gains = np.ones(3, np.float32)
    amount = fault.between(mild=0.2, moderate=0.45, strong=0.8)
    gains[int(fixed.integers(0, 3))] *= 1 - amount if fixed.random() < 0.5 else 1 + amount
    return np.asarray(canvas * gains, np.float32)


def _no_signal(canvas: Canvas, fault: Fault, chance: np.random.Generator) -> Canvas:
    """What a recorder or a camera draws when it has nothing to show; milder ones come over a noisy cable."""
    screen = screens.drawn(np.asarray(np.clip(canvas, 0, 255), np.uint8), fault.fixed(), chance)
    sigma = fault.between(mild=3.0, moderate=1.0, strong=0.0)
    if holds(fault):
        # Only a recorder has a last picture, and no noise comes after it.
        return screen.astype(np.float32)
    return np.asarray(screen + np.float32(sigma) * chance.standard_normal(screen.shape, np.float32), np.float32)


def holds(fault: Fault | None) -> bool:
    """Whether it goes on showing what was there when it began."""
    if fault is None:
        return False
    if fault.kind is FaultKind.NO_SIGNAL:
        return screens.chosen(fault.fixed()) is screens.Screen.LAST_PICTURE
    return fault.kind is FaultKind.FROZEN


_OPTICAL: dict[FaultKind, Callable[[Canvas, Fault], Canvas]] = {
    FaultKind.BLACK: _black,
    FaultKind.OVEREXPOSED: _overexposed,
    FaultKind.COVERED: _covered,
    FaultKind.BLURRED: _blurred,
}
_ELECTRICAL: dict[FaultKind, Callable[[Canvas, Fault, np.random.Generator], Canvas]] = {
    FaultKind.NO_SIGNAL: _no_signal,
    FaultKind.NOISE: _noise,
    FaultKind.STRIPES: _stripes,
    FaultKind.SNOW: _snow,
    FaultKind.COLOUR_CAST: _colour_cast,
}
