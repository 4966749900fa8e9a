"""Intrusion zones: disarmed while people are about, armed for the rest; on free days they stay armed."""

from __future__ import annotations

from collections.abc import Iterator

from domain.device import DeviceKind
from domain.school_calendar import DayKind
from simulators.day.act import Act, SiteDay


def zone_acts(day: SiteDay) -> Iterator[Act]:
    zones = day.devices(DeviceKind.INTRUSION_ZONE)
    last = day.bells.lights_out or day.bells.staff_leave + 60
    for place, (device_no, _) in enumerate(zones):
        if day.kind is DayKind.SCHOOL:
            disarmed = day.bells.arrival - 25 + 10 * day.chance("disarmed", place)
            yield day.say(device_no, disarmed, "disarmed", {"armed": False})
        yield day.say(device_no, last + 15 * day.chance("armed", place), "armed", {"armed": True})
