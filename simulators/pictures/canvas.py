"""Pixels in the making: what simulated cameras draw on, as floats so that light can be added and taken away."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

#: Height x width x blue, green, red; 0 to 255 where it is not yet cut off.
Canvas: TypeAlias = NDArray[np.float32]
Plane: TypeAlias = NDArray[np.float32]

#: How much wider and higher than a camera's view its scenery is, so that the camera can be turned.
AROUND = 1.2


def view(scenery: Canvas, size: tuple[int, int], *, right: float = 0.0, down: float = 0.0, turn: float = 0.0) -> Canvas:
    """What a camera sees of ``scenery``: its middle, or ``right`` and ``down`` of it in shares of the view, turned by
    ``turn`` degrees. Beyond the edge of the scenery it is mirrored.
    """
    width, height = size
    high, wide = scenery.shape[:2]
    scale = min(wide / width, high / height) / AROUND
    way = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0), np.float64)
    corner = np.array([wide / 2 - width * scale / 2 + right * width * scale,
                       high / 2 - height * scale / 2 + down * height * scale])  # fmt: skip
    # From the view's pixels to the scenery's.
    back = np.hstack([way[:, :2] * scale, (way[:, 2:] * scale) + corner[:, None]])
    return np.asarray(
        cv2.warpAffine(
            scenery,
            back,
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        ),
        np.float32,
    )


def spot(size: tuple[int, int], x: float, y: float, radius: float) -> Plane:
    """A soft spot of light: 1 in its middle; place and radius in shares of the width and height, and of the width."""
    width, height = size
    across = (np.arange(width, dtype=np.float32) / width - x) / radius
    down = (np.arange(height, dtype=np.float32) / height - y) * (height / width) / radius
    return np.exp(-(down[:, None] ** 2 + across[None, :] ** 2)).astype(np.float32)


def finished(canvas: Canvas) -> NDArray[np.uint8]:
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
