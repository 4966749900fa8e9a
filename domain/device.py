"""A device: anything at a site that speaks, and what it is."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class DeviceKind(StrEnum):
    """What a device is. The Chinese words stand in `domain.vocabulary`."""

    ONE_KEY_ALARM = "one_key_alarm"
    SMOKE = "smoke"
    TEMPERATURE = "temperature"
    GAS = "gas"
    CAMERA = "camera"
    INTRUSION_ZONE = "intrusion_zone"
    ACCESS_CONTROL = "access_control"
    PATROL_POINT = "patrol_point"
    BARRIER = "barrier"
    GATEWAY = "gateway"
    UPLINK = "uplink"
    SWITCH = "switch"
    RECORDER = "recorder"


#: Seconds between two heartbeats when the registry names none: the district's habit (domain facts).
DEFAULT_HEARTBEAT_S = 30


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One registered device. ``device_id`` is unique within its site: ``[A-Za-z0-9_.-]``, at most 64 characters.

    ``profile`` names the maker's profile that translates its messages ("" = our own format) and ``address`` is the
    name the maker's topic calls it by. ``parent_id`` is the gateway or recorder it hangs on, at the same site.
    ``key_place``: it looks after a key place (重要部位). ``must_network`` overrides what follows from kind and place
    (None): whether the third target asks for its networking with police and education.
    """

    site_id: str
    device_id: str
    kind: DeviceKind
    name: str = ""
    place: str = ""
    parent_id: str = ""
    profile: str = ""
    address: str = ""
    heartbeat_s: int = DEFAULT_HEARTBEAT_S
    key_place: bool = False
    must_network: bool | None = None

    @property
    def has_to_be_networked(self) -> bool:
        """One-key alarms and what looks after a key place, unless it is said otherwise."""
        if self.must_network is not None:
            return self.must_network
        return self.key_place or self.kind is DeviceKind.ONE_KEY_ALARM


class RegisteredDevice(msgspec.Struct, frozen=True, gc=False):
    """What the lanes and detectors need of a device, by position for speed.

    ``device_no`` and ``site_no`` are the database's row numbers.
    """

    device_no: int
    site_no: int
    site_id: str
    device_id: str
    kind: DeviceKind
    heartbeat_s: int = DEFAULT_HEARTBEAT_S
    parent_no: int | None = None

    @property
    def key(self) -> str:
        return f"{self.site_id}/{self.device_id}"
