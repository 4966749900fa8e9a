"""Gates: open while everybody comes and goes, shut for the rest of the day (封闭化管理), and who passes them.

The first door of a site is its main gate, for pupils; the others are for staff with cards. A hard barrier stands up
against vehicles and goes down for deliveries to the kitchen.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from domain.device import DeviceKind
from domain.observation import EventKind
from domain.school_calendar import DayKind, is_school_day
from simulators.day.act import Act, SiteDay

#: Whoever is on duty, on a day without school: so many come through the staff's door and go again.
_ON_DUTY: Final = {DayKind.WEEKEND: 3, DayKind.HOLIDAY: 2, DayKind.VACATION: 3}
_DELIVERY_MINUTE: Final = 5 * 60 + 20


def gate_acts(day: SiteDay) -> Iterator[Act]:
    doors = day.devices(DeviceKind.ACCESS_CONTROL)
    barriers = day.devices(DeviceKind.BARRIER)
    if doors:
        yield from _main_gate(day, doors[0][0])
        yield from _cards(day, doors[-1][0])
    for place, (device_no, _) in enumerate(barriers):
        yield from _barrier(day, device_no, place)


def _main_gate(day: SiteDay, device_no: int) -> Iterator[Act]:
    for number, (opens, shuts) in enumerate(_open_hours(day)):
        opened = opens - 4 + 5 * day.chance("opens", number)
        shut = shuts + 6 * day.chance("shuts", number)
        yield day.say(device_no, opened, f"open-{number}", {"door": "open", "locked": False})
        yield day.say(device_no, shut, f"shut-{number}", {"door": "closed", "locked": True})
    if day.kind is DayKind.SCHOOL:
        first, span = day.bells.lessons + 20, day.bells.leaving - day.bells.lessons - 60
        for number in range(int(4 * day.chance("visits"))):
            came = first + span * day.chance("visit", number)
            told = {"visitor": True, "direction": "in"}
            yield day.say(device_no, came, f"visit-{number}", told, EventKind.ACCESS_GRANTED)


def _open_hours(day: SiteDay) -> Iterator[tuple[int, int]]:
    """When the main gate stands open. Boarders come back on the evening before a school day that follows free days."""
    if day.kind is DayKind.SCHOOL:
        yield day.bells.arrival, day.bells.lessons
        yield day.bells.leaving, day.bells.leaving_to
    elif day.bells.boarding and is_school_day(day.date + timedelta(days=1)):
        yield 15 * 60 + 30, 18 * 60


def _cards(day: SiteDay, device_no: int) -> Iterator[Act]:
    """Staff come within the hour before lessons, and go when they may; now and then a card is not read at first."""
    school = day.kind is DayKind.SCHOOL
    people = day.bells.staff if school else _ON_DUTY[day.kind]
    comes = day.bells.lessons - 50 if school else 8 * 60
    goes = day.bells.staff_leave - 20 if school else 17 * 60
    for person in range(people):
        card = f"c-{person + 1:03d}"
        came = comes + 45 * day.chance("comes", person)
        went = goes + 60 * day.chance("goes", person)
        if day.chance("not read", person) < 0.004:
            told = {"card": card, "direction": "in", "reason": "not_read"}
            yield day.say(device_no, came - 0.15, f"denied-{card}", told, EventKind.ACCESS_DENIED)
        told = {"card": card, "direction": "in"}
        yield day.say(device_no, came, f"in-{card}", told, EventKind.ACCESS_GRANTED)
        told = {"card": card, "direction": "out"}
        yield day.say(device_no, went, f"out-{card}", told, EventKind.ACCESS_GRANTED)


def _barrier(day: SiteDay, device_no: int, place: int) -> Iterator[Act]:
    if day.kind is DayKind.SCHOOL:
        lowered = _DELIVERY_MINUTE + 25 * day.chance("delivery", place)
        yield day.say(device_no, lowered, "down", {"barrier": "down"})
        yield day.say(device_no, lowered + 3 + 9 * day.chance("unloading", place), "up", {"barrier": "up"})
