"""Import of the register's workbook, all or nothing; nothing that a workbook leaves out is removed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from devices.exporter import DEVICES_SHEET, SITES_SHEET
from devices.profiles.loading import load_profiles
from devices.register.form import Form
from devices.register.forms import FORMS
from devices.register.people import GUARDS, OFFICERS, POSTS, SHIFTS
from devices.register.places import BARRIERS, GATES
from devices.register.plan import Registered, RegisterPlan, plan_register, years_of
from devices.register.times import BELLS, CALENDAR
from devices.rows import Known, plan_import
from devices.tables import Words, read_tables
from domain.errors import ImportRefused
from storage import guard_posts, guards, premises, safety_officers, school_calendar
from storage.devices import list_devices, upsert_devices
from storage.pool import Connection
from storage.premises import put_premises
from storage.registry import Changes, writing
from storage.sites import list_sites, upsert_sites
from storage.versions import VersionedTable, load, put

#: What is kept where; gates and barriers, which belong together, and the calendar, by years, have ways of their own.
_KEPT: tuple[tuple[Form, VersionedTable[Any]], ...] = (
    (GUARDS, guards.GUARDS),
    (SHIFTS, guards.SHIFTS),
    (POSTS, guard_posts.POSTS),
    (OFFICERS, safety_officers.OFFICERS),
    (BELLS, school_calendar.BELLS),
)
_NO_CHANGES = Changes(0, 0, 0)


class RegisterReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or would do, by the sheets' names. ``ignored``: sheets and columns of other names."""

    changes: dict[Words, Changes]
    ignored: list[str]
    dry_run: bool


class _DryRun(Exception):
    """Leaves the transaction without committing it."""


async def import_register(
    conn: Connection,
    path: Path,
    *,
    actor: str,
    at: datetime,
    zone: ZoneInfo,
    dry_run: bool = False,
    language: str = "zh",
    profiles: Iterable[str] | None = None,
) -> RegisterReport:
    """Import a workbook; sheets of sites and devices in it are imported before the rest. A dry run does all of it,
    constraints of the database included, and takes it back.

    :raises ImportRefused: the file cannot be read, or rows are bad: then the message has a line for each fault.
    """
    tables = read_tables(path)
    report: RegisterReport | None = None
    try:
        async with writing(conn):
            sites = {row.site.site_id: row.site for row in await list_sites(conn, limit=None)}
            devices = {(device.site_id, device.device_id): device for device in await list_devices(conn, limit=None)}
            empty = Registered(sites=(), devices=(), facts={})
            names = tuple(load_profiles().names if profiles is None else profiles)
            others = plan_import(plan_register(tables, empty, zone).others, Known(sites, devices, names))
            registered = Registered(
                sites=sites.keys() | {site.site_id for site in others.sites},
                devices=devices.keys() | {(device.site_id, device.device_id) for device in others.devices},
                facts=await _known(conn),
            )
            plan = plan_register(tables, registered, zone)
            faults = [*others.faults, *plan.faults]
            if faults:
                raise ImportRefused("\n".join(fault.text(language) for fault in faults), faults)
            if not plan.facts and not others.tables:
                raise ImportRefused(_nothing_found(path, tables != []))
            changes = {
                SITES_SHEET: await upsert_sites(conn, others.sites, actor=actor, at=at),
                DEVICES_SHEET: await upsert_devices(conn, others.devices, actor=actor, at=at),
                **await _carry_out(conn, plan, actor=actor, at=at),
            }
            report = RegisterReport(
                changes={name: one for name, one in changes.items() if one != _NO_CHANGES},
                ignored=[*others.ignored, *plan.ignored],
                dry_run=dry_run,
            )
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    assert report is not None
    return report


async def _known(conn: Connection) -> dict[str, dict[tuple[Any, ...], Any]]:
    """Of shifts nothing is needed: every column of theirs has to be there."""
    tables = [*((form, table) for form, table in _KEPT if form is not SHIFTS)]
    tables += [(GATES, premises.GATES), (BARRIERS, premises.BARRIERS)]
    return {
        form.names[0]: {table.key_of(one.fact): one.fact for one in await load(conn, table)} for form, table in tables
    }


async def _carry_out(conn: Connection, plan: RegisterPlan, *, actor: str, at: datetime) -> dict[Words, Changes]:
    gates, barriers = await put_premises(conn, plan.of(GATES), plan.of(BARRIERS), actor=actor, at=at)
    changes = {GATES.title: gates, BARRIERS.title: barriers}
    for form, table in _KEPT:
        changes[form.title] = await put(conn, table, plan.of(form), actor=actor, at=at)
    changes[CALENDAR.title] = await put(conn, school_calendar.YEARS, years_of(plan.of(CALENDAR)), actor=actor, at=at)
    return {form.title: changes[form.title] for form in FORMS}


def _nothing_found(path: Path, any_sheet: bool) -> str:
    names = ", ".join(f"{form.title.zh} {form.title.en}" for form in FORMS)
    there = "没有可识别的工作表 / no sheet is known" if any_sheet else "没有工作表 / no sheets"
    return f"{path.name}: {there}({names})"
