"""Maintenance windows and the findings that they hold back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from domain.access import Sites
from domain.device import DeviceKind
from domain.errors import UnknownDevice, UnknownSite, UnknownWindow
from domain.finding import Finding, FindingKind
from domain.maintenance import HeldState, MaintenanceWindow, Scope
from storage.instants import utc, utc_or_none
from storage.notices import NoticeChannel, notify
from storage.pool import Connection
from storage.reach import WITHIN, listed

_WINDOW: LiteralString = (
    "SELECT w.window_no, coalesce(s.site_id, ''), coalesce(d.device_id, ''), w.rule, w.device_kind, w.starts_at,"
    " w.ends_at, w.reason, w.author, w.made_at, w.ended_at, w.ended_by"
    " FROM maintenance_window AS w LEFT JOIN site AS s USING (site_no)"
    " LEFT JOIN device AS d ON d.device_no = w.device_no"
)
_IN_FORCE: LiteralString = "w.ended_at IS NULL AND w.starts_at <= %(now)s AND w.ends_at > %(now)s"
#: Narrowest first, so that what is held is listed where people look for it.
_COVERING: LiteralString = f"""
SELECT w.window_no FROM maintenance_window AS w
WHERE {_IN_FORCE}
  AND (w.site_no IS NULL OR w.site_no = %(site_no)s) AND (w.device_no IS NULL OR w.device_no = %(device_no)s)
  AND w.rule IN ('', %(rule)s)
  AND (w.device_kind = '' OR w.device_kind = (SELECT kind FROM device WHERE device_no = %(device_no)s))
ORDER BY w.device_no NULLS LAST, w.site_no NULLS LAST, w.window_no LIMIT 1
"""


class HeldFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What a window holds back, or held."""

    held_no: int
    window_no: int
    rule: str
    severity: str
    site_id: str
    device_id: str
    first_at: datetime
    last_at: datetime
    times: int
    state: HeldState
    settled_at: datetime | None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A held finding that stands though its window is over."""

    held_no: int
    window_no: int
    finding: Finding


def _window(row: tuple[Any, ...]) -> MaintenanceWindow:
    number, site_id, device_id, rule, kind, starts_at, ends_at, reason, author, made_at, ended_at, ended_by = row
    return MaintenanceWindow(
        window_no=number,
        scope=Scope(site_id=site_id, device_id=device_id, rule=rule, device_kind=DeviceKind(kind) if kind else None),
        starts_at=utc(starts_at),
        ends_at=utc(ends_at),
        reason=reason,
        author=author,
        made_at=utc(made_at),
        ended_at=utc_or_none(ended_at),
        ended_by=ended_by,
    )


async def open_window(
    conn: Connection, scope: Scope, *, starts_at: datetime, ends_at: datetime, reason: str, author: str, at: datetime
) -> int:
    """The number of the new window.

    :raises UnknownSite: :raises UnknownDevice: its scope names one that is not registered.
    """
    site_no = device_no = None
    if scope.site_id:
        cursor = await conn.execute("SELECT site_no FROM site WHERE site_id = %s", (scope.site_id,))
        row = await cursor.fetchone()
        if row is None:
            raise UnknownSite(f"no site {scope.site_id}")
        site_no = row[0]
    if scope.device_id:
        cursor = await conn.execute(
            "SELECT device_no FROM device WHERE site_no = %s AND device_id = %s", (site_no, scope.device_id)
        )
        row = await cursor.fetchone()
        if row is None:
            raise UnknownDevice(f"no device {scope.device_id} at site {scope.site_id}")
        device_no = row[0]
    cursor = await conn.execute(
        "INSERT INTO maintenance_window"
        " (site_no, device_no, rule, device_kind, starts_at, ends_at, reason, author, made_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING window_no",
        (
            site_no,
            device_no,
            scope.rule,
            scope.device_kind.value if scope.device_kind else "",
            starts_at,
            ends_at,
            reason,
            author,
            at,
        ),
    )
    row = await cursor.fetchone()
    assert row is not None
    await notify(conn, NoticeChannel.WINDOW)
    return int(row[0])


async def end_window(conn: Connection, window_no: int, *, at: datetime, actor: str) -> bool:
    """End it before its time; False where it is over already.

    :raises UnknownWindow: there is none with this number.
    """
    cursor = await conn.execute(
        "UPDATE maintenance_window SET ended_at = %s, ended_by = %s"
        " WHERE window_no = %s AND ended_at IS NULL AND ends_at > %s",
        (at, actor, window_no, at),
    )
    if cursor.rowcount:
        await notify(conn, NoticeChannel.WINDOW)
        return True
    await window_of(conn, window_no)
    return False


async def window_of(conn: Connection, window_no: int) -> MaintenanceWindow:
    """:raises UnknownWindow: there is none with this number."""
    cursor = await conn.execute(f"{_WINDOW} WHERE w.window_no = %s", (window_no,))
    row = await cursor.fetchone()
    if row is None:
        raise UnknownWindow(f"no maintenance window {window_no}")
    return _window(row)


async def windows(
    conn: Connection,
    *,
    which: str,
    now: datetime,
    site_id: str | None = None,
    sites: Sites = None,
    before: int | None = None,
    limit: int,
) -> list[MaintenanceWindow]:
    """The newest first. ``which``: "active", "planned", "over" or "all"; ``site_id``: of this site or of no site;
    ``sites``: of these or of no site.
    """
    conditions: dict[str, LiteralString] = {
        "active": _IN_FORCE,
        "planned": "w.ended_at IS NULL AND w.starts_at > %(now)s",
        "over": "(w.ended_at IS NOT NULL OR w.ends_at <= %(now)s)",
        "all": "true",
    }
    cursor = await conn.execute(
        f"{_WINDOW} WHERE {conditions[which]}"
        " AND (%(site_id)s::text IS NULL OR w.site_no IS NULL OR s.site_id = %(site_id)s)"
        f" AND (w.site_no IS NULL OR {WITHIN})"
        " AND (%(before)s::bigint IS NULL OR w.window_no < %(before)s)"
        " ORDER BY w.window_no DESC LIMIT %(limit)s",
        {"now": now, "site_id": site_id, "sites": listed(sites), "before": before, "limit": limit},
    )
    return [_window(row) for row in await cursor.fetchall()]


# --- what is held back -------------------------------------------------------------------------------------------


async def covering_window(conn: Connection, finding: Finding, *, now: datetime) -> int | None:
    """The window that holds ``finding`` back, if one does."""
    cursor = await conn.execute(
        _COVERING,
        {"now": now, "site_no": finding.site_no, "device_no": finding.device_no, "rule": finding.rule},
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def hold(conn: Connection, finding: Finding, window_no: int) -> None:
    """Write down that the window holds it back; the same one again is counted."""
    await conn.execute(
        "INSERT INTO held_finding (window_no, key, rule, severity, life_safety, site_id, device_id, first_at, last_at,"
        " times, finding) VALUES (%(window)s, %(key)s, %(rule)s, %(severity)s, %(life_safety)s, %(site)s, %(device)s,"
        " %(at)s, %(at)s, %(times)s, %(finding)s)"
        " ON CONFLICT (key) WHERE state = 'standing' DO UPDATE SET last_at = greatest(held_finding.last_at, %(at)s),"
        # The very same finding, seen again, is no news.
        " times = held_finding.times + CASE WHEN held_finding.finding ->> 'finding_id' = %(finding_id)s THEN 0"
        " ELSE %(times)s END, finding = excluded.finding",
        {
            "window": window_no,
            "key": finding.key,
            "rule": finding.rule,
            "severity": finding.severity.value,
            "life_safety": finding.life_safety,
            "site": finding.site_id,
            "device": finding.device_id,
            "at": finding.at,
            "times": int(finding.detail.get("times", 1)),
            "finding": Jsonb(msgspec.to_builtins(finding)),
            "finding_id": str(finding.finding_id),
        },
    )


async def settle_held(conn: Connection, finding: Finding) -> bool:
    """Its cause is over, or there is more to say of it: whether something was held back under its key."""
    if finding.kind is FindingKind.CLEARED:
        cursor = await conn.execute(
            "UPDATE held_finding SET state = 'cleared', settled_at = %s, last_at = greatest(last_at, %s)"
            " WHERE key = %s AND state = 'standing'",
            (finding.at, finding.at, finding.key),
        )
    else:
        cursor = await conn.execute(
            "UPDATE held_finding SET last_at = greatest(last_at, %s),"
            " finding = jsonb_set(finding, '{detail}', (finding -> 'detail') || %s)"
            " WHERE key = %s AND state = 'standing'",
            (finding.at, Jsonb(finding.detail), finding.key),
        )
    return cursor.rowcount > 0


async def take_standing(conn: Connection, *, now: datetime, limit: int, but: Sequence[int] = ()) -> list[int]:
    """The numbers of what stands though its window is over, locked: the caller raises it, or leaves it to another
    window. Without the numbers ``but``.
    """
    cursor = await conn.execute(
        "SELECT h.held_no FROM held_finding AS h JOIN maintenance_window AS w USING (window_no)"
        " WHERE h.state = 'standing' AND (w.ended_at IS NOT NULL OR w.ends_at <= %s) AND NOT h.held_no = ANY(%s)"
        " ORDER BY h.held_no LIMIT %s FOR UPDATE OF h SKIP LOCKED",
        (now, list(but), limit),
    )
    return [held_no for (held_no,) in await cursor.fetchall()]


async def held_standing(conn: Connection, held_no: int) -> Standing:
    """One that `take_standing` gave."""
    cursor = await conn.execute("SELECT window_no, finding FROM held_finding WHERE held_no = %s", (held_no,))
    row = await cursor.fetchone()
    assert row is not None
    return Standing(held_no=held_no, window_no=row[0], finding=msgspec.convert(row[1], Finding))


async def leave_to(conn: Connection, held_no: int, window_no: int) -> None:
    """Another window holds it back from now on."""
    await conn.execute("UPDATE held_finding SET window_no = %s WHERE held_no = %s", (window_no, held_no))


async def mark_raised(conn: Connection, held_no: int, *, at: datetime) -> None:
    await conn.execute("UPDATE held_finding SET state = 'raised', settled_at = %s WHERE held_no = %s", (at, held_no))


async def next_window_end(conn: Connection, now: datetime) -> datetime | None:
    """When the next window in force, or one that holds something still, ends."""
    cursor = await conn.execute(
        "SELECT min(w.ends_at) FROM maintenance_window AS w"
        " WHERE w.ended_at IS NULL AND (w.ends_at > %s OR EXISTS"
        "  (SELECT FROM held_finding AS h WHERE h.window_no = w.window_no AND h.state = 'standing'))",
        (now,),
    )
    row = await cursor.fetchone()
    return None if row is None else utc_or_none(row[0])


async def held_findings(
    conn: Connection,
    *,
    window_no: int | None,
    state: str | None,
    before: int | None,
    limit: int,
    sites: Sites = None,
) -> list[HeldFinding]:
    """The newest first."""
    cursor = await conn.execute(
        "SELECT held_no, window_no, rule, severity, site_id, device_id, first_at, last_at, times, state, settled_at"
        " FROM held_finding WHERE (%(window)s::bigint IS NULL OR window_no = %(window)s)"
        f" AND (%(state)s::text IS NULL OR state = %(state)s) AND {WITHIN}"
        " AND (%(before)s::bigint IS NULL OR held_no < %(before)s) ORDER BY held_no DESC LIMIT %(limit)s",
        {"window": window_no, "state": state, "sites": listed(sites), "before": before, "limit": limit},
    )
    return [
        HeldFinding(
            held_no=row[0],
            window_no=row[1],
            rule=row[2],
            severity=row[3],
            site_id=row[4],
            device_id=row[5],
            first_at=utc(row[6]),
            last_at=utc(row[7]),
            times=row[8],
            state=HeldState(row[9]),
            settled_at=utc_or_none(row[10]),
        )
        for row in await cursor.fetchall()
    ]
