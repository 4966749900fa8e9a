"""Guards, their shifts, and when they were seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from domain.access import Sites
from domain.errors import UnknownEntry
from domain.guard import Guard, GuardCheckIn, GuardShift
from storage.instants import utc
from storage.notices import NoticeChannel, notify
from storage.pool import Connection
from storage.reach import WITHIN, listed
from storage.versions import Version, VersionedTable

GUARDS = VersionedTable(name="guard", fact=Guard, key=("guard_id",), secrets=frozenset({"phone"}))
SHIFTS = VersionedTable(name="guard_shift", fact=GuardShift, key=("guard_id", "starts_at"))

#: A shift lasts no longer (the table's own check): how far back a shift that still runs may have begun.
_LONGEST_SHIFT = "48 hours"


async def list_shifts(
    conn: Connection,
    *,
    since: datetime,
    until: datetime,
    at: datetime | None = None,
    site_id: str | None = None,
    sites: Sites = None,
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> list[Version[GuardShift]]:
    """Shifts that run at any moment of [since, until), as they are planned now or were at ``at``, by beginning."""
    cursor = await conn.execute(
        f"""SELECT version_no, valid_from, guard_id, site_id, starts_at, ends_at FROM guard_shift
            WHERE starts_at < %(until)s AND starts_at > %(since)s::timestamptz - interval '{_LONGEST_SHIFT}'
              AND ends_at > %(since)s AND (%(site)s::text IS NULL OR site_id = %(site)s)
              AND {WITHIN}
              AND CASE WHEN %(at)s::timestamptz IS NULL THEN valid_to IS NULL
                       ELSE valid_from <= %(at)s AND (valid_to IS NULL OR valid_to > %(at)s) END
              AND (%(after)s::timestamptz IS NULL OR (starts_at, guard_id) > (%(after)s, %(guard)s))
            ORDER BY starts_at, guard_id LIMIT %(limit)s""",
        {
            "since": since,
            "until": until,
            "site": site_id,
            "sites": listed(sites),
            "at": at,
            "after": None if after is None else after[0],
            "guard": "" if after is None else after[1],
            "limit": limit,
        },
    )
    return [
        Version(
            version=row[0],
            since=utc(row[1]),
            fact=GuardShift(guard_id=row[2], site_id=row[3], starts_at=utc(row[4]), ends_at=utc(row[5])),
        )
        for row in await cursor.fetchall()
    ]


async def record_check_ins(conn: Connection, check_ins: Sequence[GuardCheckIn], *, at: datetime) -> int:
    """Keep somebody's word that guards were there; how many were new.

    :raises UnknownEntry: no such guard at that site.
    """
    cursor = await conn.execute(
        """SELECT u.guard_id, u.site_id FROM unnest(%s::text[], %s::text[]) AS u (guard_id, site_id)
           WHERE NOT EXISTS (SELECT FROM guard AS g WHERE g.guard_id = u.guard_id AND g.site_id = u.site_id
                             AND g.valid_to IS NULL) LIMIT 1""",
        ([one.guard_id for one in check_ins], [one.site_id for one in check_ins]),
    )
    if (unknown := await cursor.fetchone()) is not None:
        raise UnknownEntry(f"no guard {unknown[0]} at site {unknown[1]}")
    cursor = await conn.execute(
        """INSERT INTO guard_check_in (guard_id, site_id, at, source, recorded_at)
           SELECT *, %s FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[])
           ON CONFLICT DO NOTHING RETURNING site_id""",
        (at, *_columns(check_ins)),
    )
    return await _tell_sites(conn, [site_id for (site_id,) in await cursor.fetchall()])


async def list_check_ins(
    conn: Connection,
    *,
    since: datetime,
    until: datetime,
    site_id: str | None = None,
    sites: Sites = None,
    guard_id: str | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[tuple[int, GuardCheckIn]]:
    """Who was seen in [since, until), the newest record first, each with its number; older than number ``before``."""
    cursor = await conn.execute(
        f"""SELECT check_in_no, guard_id, site_id, at, source FROM guard_check_in
           WHERE at >= %(since)s AND at < %(until)s AND (%(site)s::text IS NULL OR site_id = %(site)s)
             AND {WITHIN}
             AND (%(guard)s::text IS NULL OR guard_id = %(guard)s)
             AND (%(before)s::bigint IS NULL OR check_in_no < %(before)s)
           ORDER BY check_in_no DESC LIMIT %(limit)s""",
        {
            "since": since,
            "until": until,
            "site": site_id,
            "sites": listed(sites),
            "guard": guard_id,
            "before": before,
            "limit": limit,
        },
    )
    return [(row[0], _check_in(row[1:])) for row in await cursor.fetchall()]


async def last_check_ins(
    conn: Connection, *, since: datetime, until: datetime, site_id: str | None = None
) -> list[GuardCheckIn]:
    """The newest check-in in [since, until) of each guard at each site."""
    cursor = await conn.execute(
        """SELECT DISTINCT ON (site_id, guard_id) guard_id, site_id, at, source FROM guard_check_in
           WHERE at >= %(since)s AND at < %(until)s AND (%(site)s::text IS NULL OR site_id = %(site)s)
           ORDER BY site_id, guard_id, at DESC""",
        {"since": since, "until": until, "site": site_id},
    )
    return [_check_in(row) for row in await cursor.fetchall()]


def _check_in(row: Sequence[Any]) -> GuardCheckIn:
    return GuardCheckIn(guard_id=row[0], site_id=row[1], at=utc(row[2]), source=row[3])


def _columns(check_ins: Sequence[GuardCheckIn]) -> tuple[list[Any], ...]:
    return (
        [one.guard_id for one in check_ins],
        [one.site_id for one in check_ins],
        [one.at for one in check_ins],
        [one.source for one in check_ins],
    )


async def _tell_sites(conn: Connection, sites: Iterable[str]) -> int:
    count, told = 0, set[str]()
    for site_id in sites:
        count += 1
        if site_id not in told:
            told.add(site_id)
            await notify(conn, NoticeChannel.PREMISES, site_id)
    return count
