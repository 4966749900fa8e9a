"""Light and weather on a scene: the sun and its shadows, infrared and lamps, fog, rain, snowfall."""

from __future__ import annotations

import cv2
import numpy as np

from simulators.pictures.canvas import Canvas, Plane, spot
from simulators.pictures.conditions import Conditions, NightKind, Sky


def lit(canvas: Canvas, now: Conditions, camera: int) -> Canvas:
    """``canvas`` as bright noon light shows it, in the light of the hour."""
    high, wide = canvas.shape[:2]
    fixed = np.random.default_rng([camera, 77])
    if now.dark:
        return _by_infrared(canvas) if now.night is NightKind.INFRARED else _by_lamps(canvas, now, fixed)
    low = 1 - min(max(now.sun, 0.0) * 2.2, 1.0)
    overcast = now.sky is not Sky.CLEAR
    strength = (0.45 + 0.55 * min(max(now.sun, 0.0) * 1.8, 1.0)) * (0.8 if overcast else 1.05)
    warmth = np.array([1.05, 1.0, 0.96] if overcast else [1 - 0.16 * low, 1.0, 1 + 0.12 * low], np.float32)
    light = np.full((high, wide), strength, np.float32)
    if not overcast:
        # The sun walks from left to right: one side is brighter, and a house's shadow wanders over the ground.
        slope = (now.hour - 12) / 6
        light *= 1 + 0.22 * slope * np.linspace(-1, 1, wide, dtype=np.float32)[None, :]
        edge = fixed.uniform(0.2, 0.8) + 0.35 * slope
        corners = np.array([[edge - 0.22, 0.45], [edge + 0.12, 0.45], [edge + 0.3 + 0.2 * slope, 1.1],
                            [edge - 0.15 + 0.2 * slope, 1.1]]) * (wide, high)  # fmt: skip
        shade = np.ones((high, wide), np.float32)
        cv2.fillPoly(shade, [corners.astype(np.int32)], 0.58)
        light *= cv2.GaussianBlur(shade, (0, 0), 2.0)
    if now.white_wall:
        light = light + _wall((wide, high), camera)
    shown = canvas * light[:, :, None] * warmth
    if now.glare:
        shown = _glare(np.asarray(shown, np.float32), camera)
    return _windows(np.asarray(shown, np.float32), now, fixed)


def snowed(canvas: Canvas, thickness: float) -> Canvas:
    """Snow lies on the ground, which is the lower half; what sticks out of it is seen through it."""
    if thickness == 0:
        return canvas
    high = len(canvas)
    ground = np.clip((np.arange(high, dtype=np.float32) / high - 0.45) / 0.12, 0, 1)[:, None, None]
    share = ground * np.float32(thickness)
    return np.asarray(canvas * (1 - share) + np.float32(238) * share, np.float32)


def _wall(size: tuple[int, int], camera: int) -> Plane:
    """More light on a part of the picture with hard edges: white plaster in the sun."""
    wide, high = size
    fixed = np.random.default_rng([camera, 78])
    left, top = fixed.uniform(0, 0.7), fixed.uniform(0, 0.5)
    more = np.zeros((high, wide), np.float32)
    right, bottom = left + fixed.uniform(0.15, 0.3), top + fixed.uniform(0.2, 0.45)
    more[int(top * high) : int(bottom * high), int(left * wide) : int(right * wide)] = 1.2
    return more


def _glare(canvas: Canvas, camera: int) -> Canvas:
    """The sun itself in a corner, and a veil over what is near it."""
    high, wide = canvas.shape[:2]
    fixed = np.random.default_rng([camera, 79])
    x, y = float(fixed.choice([0.06, 0.94])), fixed.uniform(0.05, 0.3)
    sun = spot((wide, high), x, y, 0.07) * 900 + spot((wide, high), x, y, 0.35) * 90
    return np.asarray(canvas + sun[:, :, None] * np.array([0.8, 0.95, 1.0], np.float32), np.float32)


def _by_infrared(canvas: Canvas) -> Canvas:
    high, wide = canvas.shape[:2]
    # Leaves and cloth are brighter in infrared than to the eye.
    grey = canvas @ np.array([0.1, 0.5, 0.4], np.float32) * 0.5 + 12
    light = 0.25 + 0.85 * spot((wide, high), 0.5, 0.55, 0.45)
    return np.repeat((grey * light)[:, :, None], 3, axis=2).astype(np.float32)


def _by_lamps(canvas: Canvas, now: Conditions, fixed: np.random.Generator) -> Canvas:
    high, wide = canvas.shape[:2]
    light = np.full((high, wide), 0.14, np.float32)
    for _ in range(3):
        light += 0.55 * spot((wide, high), fixed.uniform(0.1, 0.9), fixed.uniform(0.2, 0.8), fixed.uniform(0.15, 0.3))
    shown = canvas * light[:, :, None] * np.array([0.78, 0.98, 1.12], np.float32)
    return _windows(np.asarray(shown, np.float32), now, fixed)


def _windows(canvas: Canvas, now: Conditions, fixed: np.random.Generator) -> Canvas:
    if not now.windows:
        return canvas
    high, wide = canvas.shape[:2]
    for _ in range(5):
        x, y = int(fixed.uniform(0, 0.95) * wide), int(fixed.uniform(0.05, 0.45) * high)
        pane = canvas[y : y + high // 14, x : x + wide // 26]
        pane += np.array([60.0, 105.0, 125.0], np.float32)
    return canvas


def weathered(canvas: Canvas, now: Conditions, chance: np.random.Generator) -> Canvas:
    if now.sky is Sky.FOG:
        return _fog(canvas, 0.55 * now.thickness)
    if now.sky is Sky.RAIN:
        return _rain(_fog(canvas, 0.22 * now.thickness), now.thickness, chance)
    if now.sky is Sky.SNOWFALL:
        return _snowfall(_fog(canvas, 0.3 * now.thickness), now.thickness, chance)
    return canvas


def _fog(canvas: Canvas, share: float) -> Canvas:
    """What is far, and so higher in the picture, fades more."""
    depth = np.linspace(1.0, 0.6, len(canvas), dtype=np.float32)[:, None, None] * np.float32(share)
    white = np.float32(max(25.0, float(canvas.mean()) * 1.25))
    return np.asarray(canvas * (1 - depth) + white * depth, np.float32)


def _rain(canvas: Canvas, thickness: float, chance: np.random.Generator) -> Canvas:
    high, wide = canvas.shape[:2]
    streaks = np.zeros((high, wide), np.float32)
    slant = chance.uniform(-0.2, 0.2)
    for _ in range(int(220 * thickness)):
        x, y, long = chance.uniform(0, wide), chance.uniform(0, high), chance.uniform(0.02, 0.07) * high
        start, end = (int(x), int(y)), (int(x + slant * long), int(y + long))
        cv2.line(streaks, start, end, float(chance.uniform(15, 50)), 1, cv2.LINE_AA)
    wet = canvas + streaks[:, :, None]
    for _ in range(int(chance.integers(0, 5))):
        # Drops on the dome: small, round and soft.
        drop = spot((wide, high), chance.uniform(0, 1), chance.uniform(0, 1), chance.uniform(0.01, 0.025))[:, :, None]
        wet = wet * (1 - drop) + cv2.GaussianBlur(wet, (0, 0), 5.0) * drop * 1.1
    return np.asarray(wet, np.float32)


def _snowfall(canvas: Canvas, thickness: float, chance: np.random.Generator) -> Canvas:
    high, wide = canvas.shape[:2]
    flakes = np.zeros((high, wide), np.float32)
    for _ in range(int(350 * thickness)):
        at = (int(chance.uniform(0, wide)), int(chance.uniform(0, high)))
        cv2.circle(flakes, at, int(chance.integers(1, 4)), float(chance.uniform(30, 90)), -1, cv2.LINE_AA)
    return np.asarray(canvas + cv2.GaussianBlur(flakes, (0, 0), 0.8)[:, :, None], np.float32)
