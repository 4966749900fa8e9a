"""Real pictures for the patrol's benchmark, and the split: what thresholds were chosen on is never what judges them.

All are in Debian's ``opencv-doc``: a clip of surveillance footage and photographs of places, rooms and things, each at
least 480 pixels wide. The split is by scene and was made before anything was measured. ``leuvenB`` shows the place of
``leuvenA`` and is in neither.

Held-out scenes are judged by and never chosen by. A first run on them (docs/patrol.md) was looked at scene by scene
where it raised false alarms; ``stuff``, which raised most, belongs to the training scenes since then, and ``FRESH`` are
scenes that were added afterwards and had not been measured when the last constant was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np

from benchmarks.sheet import FOLDER, Failed
from simulators.pictures.camera import Scenery
from simulators.pictures.canvas import AROUND, Canvas

#: Where `scripts/footage.sh` unpacks them.
FOOTAGE = FOLDER / "footage"

TRAINING = (
    "examples/data/leuvenA.jpg",
    "examples/data/home.jpg",
    "examples/data/left.jpg",
    "examples/data/rubberwhale1.png",
    "examples/data/aloeL.jpg",
    "examples/data/basketball1.png",
    "examples/data/graf1.png",
    "examples/data/board.jpg",
    "examples/text/scenetext01.jpg",
    "examples/text/scenetext04.jpg",
    "examples/data/stuff.jpg",
)
HELD_OUT = (
    "examples/data/vtest.avi",
    "examples/data/building.jpg",
    "examples/data/left01.jpg",
    "examples/data/box_in_scene.png",
    "examples/data/messi5.jpg",
    "examples/text/scenetext02.jpg",
    "examples/text/scenetext03.jpg",
    "examples/text/scenetext05.jpg",
    "examples/text/scenetext06.jpg",
    "opencv4/html/fusion_mertens.jpg",
    "opencv4/html/studentsSample_input.jpg",
)
FRESH = (
    "examples/alphamat/input_images/plant.jpg",
    "examples/data/aero1.jpg",
    "examples/data/ela_original.jpg",
    "examples/data/fruits.jpg",
    "examples/data/squirrel_cls.jpg",
    "opencv4/html/detect_test2.jpg",
    "opencv4/html/retina_TreeHdr_retina.jpg",
)
assert len({*TRAINING, *HELD_OUT, *FRESH}) == len(TRAINING) + len(HELD_OUT) + len(FRESH)


class Half(StrEnum):
    """Which scenes. The held-out ones contain the fresh ones."""

    TRAINING = "training"
    HELD_OUT = "held-out"
    FRESH = "fresh"

    @property
    def names(self) -> tuple[str, ...]:
        return {Half.TRAINING: TRAINING, Half.HELD_OUT: HELD_OUT + FRESH, Half.FRESH: FRESH}[self]

    @property
    def first(self) -> int:
        """The number of the first scene's camera. Those that judge have other numbers, and so other habits."""
        return {Half.TRAINING: 0, Half.HELD_OUT: 100, Half.FRESH: 100 + len(HELD_OUT)}[self]


def scenery(name: str, size: tuple[int, int], folder: Path = FOOTAGE) -> Scenery:
    """The scene as a simulated camera of ``size`` stands before it."""
    frames = [_fitted(frame, size) for frame in _frames(folder / name)]

    def at(moment: datetime) -> Canvas:
        return np.asarray(frames[int(moment.timestamp() / 60) * 7 % len(frames)], np.float32)

    return at


def _frames(file: Path, count: int = 20) -> Sequence[np.ndarray]:
    if file.suffix != ".avi":
        picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if picture is None:
            raise Failed(f"{file.name} of the Debian package opencv-doc is missing: make footage")
        return [picture]
    film = cv2.VideoCapture(str(file))
    total = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    frames = []
    for number in range(total):
        there = film.grab()
        if there and number % max(1, total // count) == 0:
            frames.append(film.retrieve()[1])
    film.release()
    if not frames:
        raise Failed(f"{file.name} of the Debian package opencv-doc is missing: make footage")
    return frames


def _fitted(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cut to the shape of the view and scaled so that the view has its own pixels."""
    high, wide = frame.shape[:2]
    shape = size[0] / size[1]
    if wide / high > shape:
        spare = int(wide - high * shape) // 2
        frame = frame[:, spare : wide - spare]
    else:
        spare = int(high - wide / shape) // 2
        frame = frame[spare : high - spare]
    goal = (round(size[0] * AROUND), round(size[1] * AROUND))
    smaller = frame.shape[1] > goal[0]
    return np.asarray(cv2.resize(frame, goal, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC))
