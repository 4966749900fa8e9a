"""Cameras as the network patrol sees them: four truths of each, and where its pictures come from."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from domain.liveness import Connectivity


class Truth(StrEnum):
    """Each is found out by itself and has a time of proof of its own."""

    REACHABLE = "reachable"  # something answers where its pictures come from
    REGISTERED = "registered"  # its heartbeats come
    DECODES = "decodes"  # what it sends is a picture
    GOOD = "good"  # the picture shows what it should


class TruthState(StrEnum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


#: What the bulk lane says of a device's life, as a truth.
REGISTERED: dict[Connectivity, TruthState] = {
    Connectivity.ONLINE: TruthState.YES,
    Connectivity.OFFLINE: TruthState.NO,
    Connectivity.UNKNOWN: TruthState.UNKNOWN,
}


class TruthChange(msgspec.Struct, frozen=True, kw_only=True):
    """How a truth was found. ``since``: when it began to be so, at the latest ``checked_at``, when that was found out;
    ``reason``: a word of `domain.camera_words`, for what is not true.
    """

    device_no: int
    truth: Truth
    state: TruthState
    since: datetime
    checked_at: datetime
    reason: str = ""


#: The fault of a camera that answers and gives no picture, beside those of pictures (detectors.pictures.faults).
NO_PICTURE = "no_picture"


class Way(StrEnum):
    """How a camera's pictures come."""

    SNAPSHOT = "snapshot"  # we ask for a JPEG over HTTP
    STREAM = "stream"  # we open its stream (RTSP) and take a frame
    PUSH = "push"  # it sends a JPEG over MQTT


class CameraSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where pictures come from. ``url`` holds no credentials; what is printed of a source never holds any."""

    way: Way
    url: str = ""
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"CameraSource(way={self.way.value}, url={self.url!r}, {'with' if self.password else 'no'} password)"

    __str__ = __repr__


class PatrolledCamera(msgspec.Struct, frozen=True, kw_only=True):
    """One camera of the round. ``parent_no``: the recorder or switch that it hangs on; its pictures come through it."""

    device_no: int
    site_no: int
    site_id: str
    device_id: str
    source: CameraSource
    parent_no: int | None = None
    looked_at: datetime | None = None
    doubtful: bool = False

    @property
    def key(self) -> str:
        return f"{self.site_id}/{self.device_id}"
