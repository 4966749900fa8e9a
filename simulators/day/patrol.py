"""Guards' rounds: the patrol points one after the other, at least five times a day (GB/T 29315-2022), on any day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from domain.device import DeviceKind
from domain.observation import EventKind
from domain.school_calendar import DayKind
from simulators.day.act import Act, SiteDay
from simulators.day.guards import card_of, guard_at

#: When a round begins, hours after midnight; a guard is up to a quarter of an hour early or late.
_ROUNDS: Final = (1.5, 5.5, 9.0, 12.5, 15.0, 19.5, 22.75)
_QUIET_ROUNDS: Final = (2.0, 6.5, 10.5, 15.5, 19.0, 22.5)
_EARLY_OR_LATE_MIN: Final = 15.0
_GUARDS: Final = 4


def patrol_acts(day: SiteDay) -> Iterator[Act]:
    points = day.devices(DeviceKind.PATROL_POINT)
    for number, hour in enumerate(_ROUNDS if day.kind is DayKind.SCHOOL else _QUIET_ROUNDS):
        minute = hour * 60 + _EARLY_OR_LATE_MIN * (2 * day.chance("round", number) - 1)
        of = guard_at(day.date, minute, day.guards) if day.guards else int(_GUARDS * day.chance("guard", number))
        guard = card_of(of)
        for place, (device_no, _) in enumerate(points):
            told = {"round": number + 1, "point": place + 1, "points": len(points), "guard": guard}
            yield day.say(device_no, minute, f"round-{number + 1}", told, EventKind.PATROL_CHECKED)
            minute += 3.0 + 5.0 * day.chance("walk", 100 * number + place)
