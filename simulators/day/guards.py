"""Guards change shifts (保安交接班): whoever comes uses the card a little early, whoever goes a little late.

Two shifts make the day, by turns among a site's guards; the guardroom is never empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from domain.device import DeviceKind
from domain.observation import EventKind
from simulators.day.act import Act, SiteDay

#: Minutes after midnight: by day, and by night into the next one.
SHIFTS: Final = ((7 * 60, 19 * 60), (19 * 60, 31 * 60))


def on_shift(day: date, shift: int, guards: int) -> int:
    """Which of a site's ``guards``, counted from 0, has the shift of that day."""
    return (len(SHIFTS) * day.toordinal() + shift) % guards


def card_of(number: int) -> str:
    """What the door calls a site's guard, counted from 0. Another site's cards have the same numbers."""
    return f"g-{number + 1}"


def guard_at(day: date, minute: float, guards: int) -> int:
    """Who is on shift so many minutes after midnight."""
    began = max((shift for shift, (starts, _) in enumerate(SHIFTS) if starts <= minute), default=None)
    if began is None:
        return on_shift(day - timedelta(days=1), len(SHIFTS) - 1, guards)
    return on_shift(day, began, guards)


def guard_acts(day: SiteDay) -> Iterator[Act]:
    doors = day.devices(DeviceKind.ACCESS_CONTROL)
    if not doors or not day.guards:
        return
    door = doors[-1][0]
    for shift, (starts, _) in enumerate(SHIFTS):
        comes = card_of(on_shift(day.date, shift, day.guards))
        goes = card_of(guard_at(day.date, starts - 1, day.guards))
        came = starts - 3 - 11 * day.chance("guard comes", shift)
        told = {"card": comes, "direction": "in"}
        yield day.say(door, came, f"guard-in-{shift}", told, EventKind.ACCESS_GRANTED)
        told = {"card": goes, "direction": "out"}
        yield day.say(
            door, starts + 1 + 8 * day.chance("guard goes", shift), f"guard-out-{shift}", told, EventKind.ACCESS_GRANTED
        )
