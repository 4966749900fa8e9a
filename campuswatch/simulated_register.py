"""The simulated district's register in the database: who guards it, what closes it, who is on shift."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from devices.register.form import Form
from devices.register.people import GUARDS as GUARDS_SHEET
from devices.register.people import OFFICERS as OFFICERS_SHEET
from devices.register.people import POSTS as POSTS_SHEET
from devices.register.people import SHIFTS as SHIFTS_SHEET
from devices.register.places import BARRIERS as BARRIERS_SHEET
from devices.register.places import GATES as GATES_SHEET
from devices.register.times import BELLS as BELLS_SHEET
from devices.register.times import CALENDAR as CALENDAR_SHEET
from domain.bells import BELLS, SiteBells
from domain.device import Device, DeviceKind
from domain.guard import GuardCheckIn, GuardShift
from domain.school_calendar import USUAL, calendar_years
from domain.site import Site
from simulators.district import build_district
from simulators.message import CHINA_TIME
from simulators.register import build_register, shifts_of
from storage.guard_posts import POSTS
from storage.guards import GUARDS, SHIFTS, list_shifts, record_check_ins
from storage.pool import Connection
from storage.premises import put_premises
from storage.safety_officers import OFFICERS
from storage.versions import load, put

_BEFORE = timedelta(days=1)
#: So long before a shift the one who has it comes at the latest.
_EARLY = timedelta(minutes=15)


async def import_simulated_register(
    conn: Connection,
    sites: Sequence[Site],
    devices: Sequence[Device],
    *,
    seed: int,
    actor: str,
    at: datetime,
    contacts: Sequence[str] = (),
) -> None:
    """Register what the simulated ``sites`` are to have, as it stands at ``at``."""
    register = build_register(seed, sites, devices, on=at.astimezone(CHINA_TIME).date(), contacts=contacts)
    async with conn.transaction():
        await put_premises(conn, register.gates, register.barriers, actor=actor, at=at)
        await put(conn, GUARDS, register.guards, actor=actor, at=at)
        await put(conn, POSTS, register.posts, actor=actor, at=at)
        await put(conn, OFFICERS, register.officers, actor=actor, at=at)


async def plan_shifts(
    conn: Connection,
    sites: Sequence[Site],
    devices: Iterable[Device],
    *,
    seed: int,
    actor: str,
    at: datetime,
    ahead: timedelta,
) -> None:
    """Plan the shifts from the day before ``at`` on, as the simulated guards keep them: of those who are registered,
    at sites that have a door to check in at. A shift that is planned already stays as it is. Whoever is on shift has
    checked in, though nobody listened then.
    """
    day = at.astimezone(CHINA_TIME).date()
    with_door = {device.site_id for device in devices if device.kind is DeviceKind.ACCESS_CONTROL}
    known = {one.fact.guard_id for one in await load(conn, GUARDS)}
    register = build_register(seed, [site for site in sites if site.site_id in with_door], (), on=day)
    guards = [guard for guard in register.guards if guard.guard_id in known]
    shifts = list(shifts_of(guards, first=day - _BEFORE, last=day + ahead))
    async with conn.transaction():
        planned = await list_shifts(conn, since=at - 3 * _BEFORE, until=at + ahead + 2 * _BEFORE)
        keys = {SHIFTS.key_of(one.fact) for one in planned}
        await put(conn, SHIFTS, [one for one in shifts if SHIFTS.key_of(one) not in keys], actor=actor, at=at)
        running = [one for one in shifts if one.starts_at - _EARLY <= at < one.ends_at]
        if running:
            await record_check_ins(conn, [_handed_over(shift) for shift in running], at=at)


def example_school(day: date) -> tuple[list[Site], dict[Form, list[Any]]]:
    """A made-up school and its register, as the sheets of a workbook hold it."""
    site = build_district(sites=1).sites[0]
    register = build_register(1, [site], (), on=day)
    return [site], {
        GUARDS_SHEET: list(register.guards),
        SHIFTS_SHEET: list(shifts_of(register.guards, first=day, last=day + _BEFORE)),
        POSTS_SHEET: list(register.posts),
        GATES_SHEET: list(register.gates),
        BARRIERS_SHEET: list(register.barriers),
        OFFICERS_SHEET: list(register.officers),
        CALENDAR_SHEET: [span for year in calendar_years(USUAL) for span in year.spans],
        BELLS_SHEET: [_bells(site, day)],
    }


def _bells(site: Site, day: date) -> SiteBells:
    hours = msgspec.structs.asdict(BELLS[site.kind])
    del hours["meals"], hours["staff"]
    return SiteBells(site_id=site.site_id, from_day=day, **hours)


def _handed_over(shift: GuardShift) -> GuardCheckIn:
    return GuardCheckIn(
        guard_id=shift.guard_id, site_id=shift.site_id, at=shift.starts_at - _EARLY, source="word/交接班登记"
    )
