"""What a person is shown to judge a diagnosis: where the picture differs from its reference, in colour."""

from __future__ import annotations

import cv2
import numpy as np

from detectors.pictures.decoding import Pixels
from detectors.pictures.look import OUTLINE, look
from detectors.pictures.memory import Light, Memory
from detectors.pictures.view import agreement, outline

Region = tuple[float, float, float, float]

_FRAME = (0, 0, 255)


def difference(memory: Memory, light: Light, pixels: Pixels, region: Region | None = None) -> Pixels | None:
    """``pixels`` in grey, tinted red where they do not agree with the camera's view by ``light``, with a frame around
    ``region`` (left, top, right, bottom in shares). None where there is no view to compare with.
    """
    view = memory.views.get(light)
    if view is None:
        return None
    height, width = pixels.shape[:2]
    grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    apart = np.clip(1.0 - agreement(view, look(pixels)), 0.0, 1.0).astype(np.float32)
    # Where neither shows anything there is nothing to disagree about.
    shapes = outline(view)
    flat = np.abs(shapes - cv2.blur(shapes, (7, 7))) < 1.0
    apart[flat] *= 0.3
    tint = cv2.resize(apart, (width, height), interpolation=cv2.INTER_LINEAR)[:, :, None]
    shown = np.asarray(grey * (1 - 0.6 * tint) + np.array(_FRAME, np.float32) * 0.6 * tint, np.uint8)
    if region is not None:
        left, top, right, bottom = region
        corners = (int(left * width), int(top * height)), (int(right * width), int(bottom * height))
        cv2.rectangle(shown, *corners, _FRAME, max(1, width // 320))
    return shown


def reference(memory: Memory, light: Light) -> Pixels | None:
    """The view by ``light`` as a small grey picture (`OUTLINE` in size), where nothing larger was kept."""
    view = memory.views.get(light)
    return None if view is None else np.frombuffer(view.outline, np.uint8).reshape(OUTLINE[::-1])
