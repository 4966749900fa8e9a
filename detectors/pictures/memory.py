"""What is remembered of one camera between two pictures: about 28 kB, as bytes in the database."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from detectors.pictures.cover import WHOLE
from detectors.pictures.faults import PictureFault
from detectors.pictures.limits import Limit
from detectors.pictures.view import View, from_ratios

#: Memories of version 2, which kept ratios of channels, and of 3, when covers scored half of what they do now, are
#: read as well. Those of any other are not: the camera learns anew, within a day, and what stood is forgotten.
VERSION, OF_RATIOS, OF_HALF_COVERS = 4, 2, 3


class Light(StrEnum):
    DAY = "day"
    NIGHT = "night"


class Suspicion(msgspec.Struct, frozen=True, array_like=True):
    """A fault that was seen in the last ``pictures``, since ``since``; ``clean`` counts those without it after that.
    ``raised``: it has been reported and stands.
    """

    since: datetime
    pictures: int
    clean: int
    raised: bool


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one camera's pictures. An empty one is a camera that was never looked at."""

    version: int = VERSION
    at: datetime | None = None
    size: tuple[int, int] | None = None
    views: dict[Light, View] = {}
    limits: dict[Light, dict[PictureFault, Limit]] = {}
    grain: bytes = b""
    suspicions: dict[PictureFault, Suspicion] = {}

    def packed(self) -> bytes:
        return _ENCODER.encode(self)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Memory)


def unpacked(content: bytes) -> Memory:
    """The memory that was packed; an empty one where ``content`` is of another version or spoilt."""
    try:
        memory = _DECODER.decode(content)
    except msgspec.DecodeError:
        return Memory()
    if memory.version == OF_RATIOS:
        views = {light: from_ratios(view) for light, view in memory.views.items()}
        memory = msgspec.structs.replace(memory, version=OF_HALF_COVERS, views=views)
    if memory.version == OF_HALF_COVERS:
        limits = {light: _with_whole_covers(known) for light, known in memory.limits.items()}
        memory = msgspec.structs.replace(memory, version=VERSION, limits=limits)
    return memory if memory.version == VERSION else Memory()


def _with_whole_covers(limits: dict[PictureFault, Limit]) -> dict[PictureFault, Limit]:
    covered = limits.get(PictureFault.COVERED)
    if covered is None:
        return limits
    # What was taught by a lid is a lid's score now.
    taught = covered.taught * (WHOLE if covered.taught >= 1.0 else 2.0)
    return {**limits, PictureFault.COVERED: Limit(highest=2 * covered.highest, taught=taught)}
