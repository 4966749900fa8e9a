"""What comes and goes in front of a camera: people, a parked bus, headlights, fallen leaves."""

from __future__ import annotations

import cv2
import numpy as np

from simulators.pictures.canvas import Canvas, spot


def people(canvas: Canvas, count: int, chance: np.random.Generator) -> None:
    """Figures of cloth, hair and skin; the lower in the picture, the larger."""
    high, wide = canvas.shape[:2]
    for _ in range(count):
        x, foot = int(chance.uniform(0.03, 0.97) * wide), int(chance.uniform(0.5, 1.0) * high)
        tall = int((0.12 + 0.35 * max(foot / high - 0.45, 0)) * high)
        broad = max(2, tall // 5)
        coat, trousers = chance.uniform(20, 220, 3), chance.uniform(15, 110, 3)
        head = (float(chance.uniform(60, 140)), float(chance.uniform(80, 160)), float(chance.uniform(110, 210)))
        cv2.rectangle(canvas, (x - broad // 3, foot - tall // 2), (x + broad // 3, foot), _colour(trousers), -1)
        cv2.ellipse(canvas, (x, foot - tall * 5 // 8), (broad // 2 + 1, tall // 4), 0, 0, 360, _colour(coat), -1)
        cv2.circle(canvas, (x, foot - tall * 15 // 16), max(1, tall // 12), head, -1)


def bus(canvas: Canvas, place: float, chance: np.random.Generator, *, white: bool = False) -> None:
    """A bus or a lorry that stands there for hours, a third of the picture long."""
    high, wide = canvas.shape[:2]
    long, tall = int(wide * chance.uniform(0.25, 0.38)), int(high * chance.uniform(0.2, 0.3))
    left, top = int(place * wide - long / 2), int(high * chance.uniform(0.45, 0.6))
    paint = _colour(chance.uniform(60, 235, 3))
    cv2.rectangle(canvas, (left, top), (left + long, top + tall), (270.0, 270.0, 270.0) if white else paint, -1)
    panes = 7
    for pane in range(panes):
        x = left + int(long * (pane + 0.15) / panes)
        shade = _colour(chance.uniform(15, 90, 3))
        cv2.rectangle(canvas, (x, top + tall // 7), (x + int(long * 0.7 / panes), top + tall // 2), shade, -1)
    cv2.line(canvas, (left, top + tall * 5 // 8), (left + long, top + tall * 5 // 8), (40.0, 40.0, 200.0), 2)
    for wheel in (0.18, 0.78):
        middle = (left + int(long * wheel), top + tall)
        cv2.circle(canvas, middle, tall // 6, (25.0, 25.0, 25.0), -1)
        cv2.circle(canvas, middle, tall // 14, (150.0, 150.0, 150.0), -1)


def headlights(canvas: Canvas, chance: np.random.Generator) -> Canvas:
    """Two lamps that dazzle, and their light on the ground."""
    high, wide = canvas.shape[:2]
    x, y, apart = chance.uniform(0.15, 0.85), chance.uniform(0.45, 0.75), chance.uniform(0.03, 0.08)
    glare = sum(
        spot((wide, high), x + side * apart, y, 0.018) * 900 + spot((wide, high), x + side * apart, y + 0.05, 0.10) * 70
        for side in (-0.5, 0.5)
    )
    return np.asarray(canvas + np.asarray(glare, np.float32)[:, :, None], np.float32)


def autumn(canvas: Canvas, day: int, chance: np.random.Generator) -> Canvas:
    """Green turns brown over two months, and leaves lie about."""
    far = min(day / 60, 1.0)
    blue, green, red = canvas[:, :, 0], canvas[:, :, 1], canvas[:, :, 2]
    foliage = np.clip((green - np.maximum(blue, red)) / 25, 0, 1) * far
    turned = canvas + foliage[:, :, None] * np.array([-12.0, -10.0, 45.0], np.float32)
    high, wide = canvas.shape[:2]
    for _ in range(int(120 * far)):
        at = (int(chance.uniform(0, wide)), int(high * chance.uniform(0.55, 1.0)))
        cv2.circle(turned, at, int(chance.integers(1, 3)), (30.0, float(chance.uniform(60, 130)), 150.0), -1)
    return np.asarray(turned, np.float32)


def _colour(values: np.ndarray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
