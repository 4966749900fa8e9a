"""Export of the register to a workbook that imports back unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from devices.exporter import SITES_SHEET, CellValue, site_row, workbook, write_whole
from devices.headings import SITE_HEADINGS
from devices.register.cells import Writing
from devices.register.form import Form
from devices.register.forms import FORMS
from devices.register.people import GUARDS, OFFICERS, POSTS, SHIFTS
from devices.register.places import BARRIERS, GATES
from devices.register.times import BELLS, CALENDAR
from devices.tables import Words
from domain.errors import RegistryError
from domain.site import Site
from storage import guard_posts, guards, premises, safety_officers, school_calendar
from storage.guards import list_shifts
from storage.pool import Connection
from storage.sites import list_sites
from storage.versions import load

#: Of the shifts, those from so long before the export to so long after it.
SHIFTS_BACK, SHIFTS_AHEAD = timedelta(days=31), timedelta(days=366)


async def export_register(
    conn: Connection, path: Path, *, at: datetime, zone: ZoneInfo, language: str = "zh", secrets: bool = False
) -> dict[Words, int]:
    """Write the register as it is now; how many rows stand in each sheet, by its name.

    :param secrets: write the safety officers' contacts as well. Without them an import of the file would empty them,
        so the column is left out.
    :raises RegistryError: the name does not end in .xlsx, or the file cannot be written.
    """
    if path.suffix.lower() != ".xlsx":
        raise RegistryError(f"{path.name}: 应为 .xlsx / expected .xlsx")
    sites = [row.site for row in await list_sites(conn, limit=None)]
    facts = {
        GUARDS: _facts(await load(conn, guards.GUARDS)),
        SHIFTS: _facts(await list_shifts(conn, since=at - SHIFTS_BACK, until=at + SHIFTS_AHEAD)),
        POSTS: _facts(await load(conn, guard_posts.POSTS)),
        GATES: _facts(await load(conn, premises.GATES)),
        BARRIERS: _facts(await load(conn, premises.BARRIERS)),
        OFFICERS: _facts(await load(conn, safety_officers.OFFICERS)),
        CALENDAR: [span for year in await load(conn, school_calendar.YEARS) for span in year.fact.spans],
        BELLS: _facts(await load(conn, school_calendar.BELLS)),
    }
    write_whole(path, register_workbook(sites, facts, zone=zone, language=language, secrets=secrets))
    return {SITES_SHEET: len(sites), **{form.title: len(facts[form]) for form in FORMS}}


def register_workbook(
    sites: Sequence[Site],
    facts: Mapping[Form, Sequence[Any]],
    *,
    zone: ZoneInfo,
    language: str = "zh",
    secrets: bool = False,
) -> bytes:
    writing = Writing(language, zone)
    forms = [form if secrets else without_secrets(form) for form in FORMS]
    sheets = [
        (form.title, form.headings, _rows(form, facts.get(whole, ()), writing))
        for form, whole in zip(forms, FORMS, strict=True)
    ]
    return workbook([(SITES_SHEET, SITE_HEADINGS, (site_row(site, language) for site in sites)), *sheets], language)


def without_secrets(form: Form) -> Form:
    columns = tuple(column for column in form.columns if column.field != "contacts")
    return msgspec.structs.replace(form, columns=columns)


def _rows(form: Form, facts: Iterable[Any], writing: Writing) -> list[list[CellValue]]:
    return [[column.kind.write(getattr(fact, column.field), writing) for column in form.columns] for fact in facts]


def _facts(versions: Iterable[Any]) -> list[Any]:
    return [version.fact for version in versions]
