"""The district's school calendar, and the bells of sites that have their own."""

from __future__ import annotations

from datetime import datetime

from domain.bells import SiteBells
from domain.school_calendar import USUAL, CalendarYear, SchoolCalendar, calendar_of
from storage.pool import Connection
from storage.versions import VersionedTable, load

YEARS = VersionedTable(name="calendar_year", fact=CalendarYear, key=("year",), documents=frozenset({"spans"}))
BELLS = VersionedTable(name="site_bells", fact=SiteBells, key=("site_id", "from_day"))


async def school_calendar(conn: Connection, *, at: datetime | None = None) -> SchoolCalendar:
    """The calendar in force now, or at ``at``: the district's own years, and `USUAL` for the rest."""
    return calendar_of((one.fact for one in await load(conn, YEARS, at=at)), beside=USUAL)
