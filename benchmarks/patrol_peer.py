"""The PyPI package camera-health at its best: both references, the picture before, and the dwell that we have too."""

from __future__ import annotations

from collections import Counter
from typing import Any

import cv2
import numpy as np
from camera_health import check, load_frame

from detectors.pictures.diagnosis import CLEAN, DWELL
from detectors.pictures.memory import Light
from simulators.pictures.faults import FaultKind

#: Its words that count as a find, generously: also what it would say of the same picture by another name.
PEER_KINDS: dict[FaultKind, frozenset[str]] = {
    FaultKind.NO_SIGNAL: frozenset(
        {"obstruction", "tampering", "drift", "darkness", "overexposure", "noise", "defocus", "frozen"}
    ),
    FaultKind.BLACK: frozenset({"darkness"}),
    FaultKind.OVEREXPOSED: frozenset({"overexposure"}),
    FaultKind.SNOW: frozenset({"noise", "tampering", "drift"}),
    FaultKind.NOISE: frozenset({"noise"}),
    FaultKind.STRIPES: frozenset({"noise", "tampering", "drift", "obstruction"}),
    FaultKind.COVERED: frozenset({"obstruction", "tampering", "drift", "darkness"}),
    FaultKind.BLURRED: frozenset({"defocus", "obstruction"}),
    FaultKind.MOVED: frozenset({"tampering", "drift"}),
    FaultKind.COLOUR_CAST: frozenset({"colour_cast"}),
    FaultKind.FROZEN: frozenset({"frozen"}),
}
#: All it says.
WORDS = frozenset().union(*PEER_KINDS.values())


class Peer:
    """Its state beside ours: references, the frame before, how long each word stood."""

    def __init__(self) -> None:
        self.references: dict[Light, Any] = {}
        self.previous: Any = None
        self.row: Counter[str] = Counter()
        self.clean: Counter[str] = Counter()
        self.standing: set[str] = set()

    def copy(self) -> Peer:
        other = Peer()
        other.references = dict(self.references)
        other.previous = self.previous
        other.row, other.clean, other.standing = Counter(self.row), Counter(self.clean), set(self.standing)
        return other

    def seen(self, jpeg: bytes, light: Light, *, learn: bool) -> list[str]:
        """One more picture. Returns the words that are raised anew."""
        pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        frame = load_frame(np.ascontiguousarray(np.asarray(pixels)[:, :, ::-1]))
        if learn:
            self.references[light] = self.previous = frame
            return []
        said: set[str] | None = None
        # The reference of this light; where the view seems another one, that of the other light may explain it.
        for known in sorted(self.references, key=lambda other: other is not light):
            words = self._words(frame, self.references[known])
            said = words if said is None or len(words) < len(said) else said
            if "tampering" not in said:
                break
        self.previous = frame
        return self._dwell(said or set())

    def _words(self, frame: Any, reference: Any) -> set[str]:
        return {fault.kind for fault in check(frame, reference=reference, previous=self.previous).faults}

    def _dwell(self, said: set[str]) -> list[str]:
        raised = []
        for word in sorted(WORDS):
            if word in said:
                self.row[word] += 1
                self.clean[word] = 0
                if self.row[word] >= DWELL and word not in self.standing:
                    self.standing.add(word)
                    raised.append(word)
            else:
                self.row[word] = 0
                self.clean[word] += 1
                if self.clean[word] >= CLEAN:
                    self.standing.discard(word)
        return raised
