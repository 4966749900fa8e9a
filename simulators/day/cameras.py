"""Cameras: a picture in colour by day, in infrared by night, each switching by the light at its own place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from domain.device import DeviceKind
from simulators.day.act import MINUTE_MS, Act, SiteDay
from simulators.day.sky import sun_reaches

_DAY: Final = {"mode": "day"}
_NIGHT: Final = {"mode": "night"}
_NOON_S: Final = 12 * 3600.0


def camera_acts(day: SiteDay) -> Iterator[Act]:
    for place, (device_no, _) in enumerate(day.devices(DeviceKind.CAMERA)):
        darkest = 0.02 + 0.12 * day.chance("light", place)
        rise_s, set_s = sun_reaches(day.midnight_ms / 1000 + _NOON_S, darkest)
        dawn = (rise_s * 1000 - day.midnight_ms) / MINUTE_MS + 8 * day.chance("clouds", place)
        dusk = (set_s * 1000 - day.midnight_ms) / MINUTE_MS - 8 * day.chance("evening clouds", place)
        yield day.say(device_no, dawn, "day", _DAY)
        yield day.say(device_no, dusk, "night", _NIGHT)
