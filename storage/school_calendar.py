"""The district's school calendar, and the bells of sites that have their own."""

from __future__ import annotations

from datetime import datetime

from domain.bells import SiteBells
from domain.school_calendar import USUAL, CalendarYear, SchoolCalendar, calendar_of
from storage.pool import Connection
from storage.versions import Version, VersionedTable, load

YEARS = VersionedTable(name="calendar_year", fact=CalendarYear, key=("year",), documents=frozenset({"spans"}))
BELLS = VersionedTable(name="site_bells", fact=SiteBells, key=("site_id", "from_day"))


async def list_years(conn: Connection, *, at: datetime | None = None) -> list[Version[CalendarYear]]:
    """The years that the district has said itself, as of now or of ``at``."""
    return await load(conn, YEARS, at=at)


async def school_calendar(conn: Connection, *, at: datetime | None = None) -> SchoolCalendar:
    """The calendar in force now, or at ``at``: the district's own years, and `USUAL` for the rest."""
    return calendar_of((one.fact for one in await list_years(conn, at=at)), beside=USUAL)


async def list_bells(
    conn: Connection, *, at: datetime | None = None, site_id: str | None = None
) -> list[Version[SiteBells]]:
    """Bells of sites' own, by (site_id, from_day); see `domain.bells.bells_on` for what rings on a day."""
    return await load(conn, BELLS, at=at, where={} if site_id is None else {"site_id": site_id})
