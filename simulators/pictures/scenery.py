"""Drawn scenes of a school, for cameras of a demonstration: a yard with a gate, a corridor. Real footage is harder, and
is what diagnosis is judged by (`benchmarks.patrol_scenes`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.pictures.camera import Scenery
from simulators.pictures.canvas import AROUND, Canvas

Drawing = NDArray[np.uint8]


def drawn(number: int, size: tuple[int, int] = (640, 360)) -> Scenery:
    """The place where simulated camera ``number`` hangs. The same number, the same place."""
    chance = np.random.default_rng([number, 13])
    width, height = round(size[0] * AROUND), round(size[1] * AROUND)
    draw = _PLACES[number % len(_PLACES)]
    scene = _textured(draw(width, height, chance), chance)

    def at(moment: datetime) -> Canvas:
        return scene

    return at


def indoors(number: int) -> bool:
    return _PLACES[number % len(_PLACES)] is _corridor


def _yard(width: int, height: int, chance: np.random.Generator) -> Drawing:
    """Sky, a school building with windows, a wall with a gate, paving and a tree."""
    scene = np.empty((height, width, 3), np.uint8)
    horizon = int(height * chance.uniform(0.35, 0.45))
    scene[:horizon] = np.linspace((230, 190, 150), (240, 225, 205), horizon, dtype=np.uint8)[:, None]
    scene[horizon:] = np.linspace((120, 125, 130), (95, 100, 105), height - horizon, dtype=np.uint8)[:, None]
    left, right = int(width * chance.uniform(0.05, 0.2)), int(width * chance.uniform(0.6, 0.8))
    top = int(height * chance.uniform(0.08, 0.16))
    cv2.rectangle(scene, (left, top), (right, horizon), _paint(chance, 140, 215), -1)
    floors, panes = int(chance.integers(3, 5)), int(chance.integers(9, 14))
    for floor in range(floors):
        for pane in range(panes):
            x = left + (right - left) * (4 * pane + 1) // (4 * panes)
            y = top + (horizon - top) * (4 * floor + 1) // (4 * floors)
            end = (x + (right - left) // (2 * panes), y + (horizon - top) // (2 * floors))
            cv2.rectangle(scene, (x, y), end, _paint(chance, 50, 100), -1)
    for line in range(1, 9):
        y = horizon + (height - horizon) * line * line // 81
        cv2.line(scene, (0, y), (width, y), (80, 84, 88), 1)
    for line in range(-12, 13):
        cv2.line(
            scene, (width // 2 + line * width // 40, horizon), (width // 2 + line * width // 8, height), (80, 84, 88), 1
        )
    for bar in range(30):
        x = right + (width - right) * bar // 30
        cv2.line(scene, (x, horizon - height // 14), (x, horizon + height // 14), (60, 60, 70), 2)
    _tree(scene, int(width * chance.uniform(0.08, 0.3)), horizon + height // 8, height // 3, chance)
    return scene


def _corridor(width: int, height: int, chance: np.random.Generator) -> Drawing:
    """A corridor in one-point perspective with doors, notices, lamps and tiles."""
    scene = np.full((height, width, 3), _paint(chance, 150, 205), np.uint8)
    far = (int(width * chance.uniform(0.42, 0.58)), int(height * 0.42))
    half = (width // 12, height // 9)
    inner = [(far[0] - half[0], far[1] - half[1]), (far[0] + half[0], far[1] - half[1]),
             (far[0] + half[0], far[1] + half[1]), (far[0] - half[0], far[1] + half[1])]  # fmt: skip
    outer = [(0, 0), (width, 0), (width, height), (0, height)]
    floor = np.array([inner[3], inner[2], outer[2], outer[3]], np.int32)
    ceiling = np.array([inner[0], inner[1], outer[1], outer[0]], np.int32)
    cv2.fillPoly(scene, [floor], _paint(chance, 80, 140))
    cv2.fillPoly(scene, [ceiling], (225, 228, 230))
    cv2.rectangle(scene, inner[0], inner[2], (200, 190, 180), -1)
    for near in (0.12, 0.3, 0.55, 0.85):
        for side in (0, 1):
            near_x, far_x = outer[side][0], inner[side][0]
            x1, x2 = int(far_x + (near_x - far_x) * near), int(far_x + (near_x - far_x) * (near + 0.1))
            low = int(inner[3][1] + (height - inner[3][1]) * near)
            tops = low - int(height * (0.15 + 0.5 * near)), low - int(height * (0.17 + 0.55 * near))
            door = np.array([[x1, tops[0]], [x2, tops[1]], [x2, low], [x1, low]], np.int32)
            cv2.fillPoly(scene, [door], _paint(chance, 60, 130))
        y = int(inner[3][1] + (height - inner[3][1]) * near)
        cv2.line(scene, (0, y), (width, y), (90, 90, 95), 1)
        lamp = int(inner[0][1] * (1 - near))
        cv2.rectangle(scene, (far[0] - 12, lamp), (far[0] + 12, lamp + 4), (250, 250, 250), -1)
    for corner, end in zip(inner, outer, strict=True):
        cv2.line(scene, corner, end, (110, 110, 115), 2)
    return scene


_PLACES: tuple[Callable[[int, int, np.random.Generator], Drawing], ...] = (_yard, _corridor)


def _tree(scene: Drawing, x: int, foot: int, tall: int, chance: np.random.Generator) -> None:
    cv2.rectangle(scene, (x - tall // 20, foot - tall), (x + tall // 20, foot), (40, 60, 80), -1)
    for _ in range(260):
        at = (int(chance.normal(x, tall / 3.2)), int(chance.normal(foot - tall, tall / 4)))
        green = (int(chance.uniform(20, 60)), int(chance.uniform(80, 150)), int(chance.uniform(30, 80)))
        cv2.circle(scene, at, int(chance.integers(2, 6)), green, -1)


def _textured(scene: Drawing, chance: np.random.Generator) -> Canvas:
    """Walls and paving have a grain of their own, which stays from picture to picture."""
    grain = chance.normal(0, 6, scene.shape[:2]).astype(np.float32)
    grain += 2 * cv2.GaussianBlur(chance.normal(0, 8, scene.shape[:2]).astype(np.float32), (0, 0), 1.5)
    return np.asarray(np.clip(scene.astype(np.float32) + grain[:, :, None], 0, 255), np.float32)


def _paint(chance: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    blue, green, red = (int(value) for value in chance.integers(low, high, 3))
    return blue, green, red
