"""Early warnings and who has read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from domain.access import Sites
from domain.early_warning import EarlyWarning, SiteReceipt, Tally
from storage.instants import utc_or_none
from storage.notices import NoticeChannel, notify
from storage.pool import Connection
from storage.reach import WITHIN, listed

_COLUMNS: LiteralString = (
    "w.warning_id, w.number, w.kind, w.level, w.title_zh, w.title_en, w.text_zh, w.text_en, w.audience, w.issued_at,"
    " w.issued_by, w.valid_from, w.valid_until, w.cancelled_at, w.cancelled_by, w.cancel_reason"
)


def _of(kind: type[Any], row: Sequence[Any]) -> Any:
    names = kind.__struct_fields__
    values = {name: utc_or_none(v) if isinstance(v, datetime) else v for name, v in zip(names, row, strict=True)}
    return msgspec.convert(values, kind)


async def issue_warning(conn: Connection, warning: EarlyWarning) -> int:
    """Write it down for every site of its audience; how many there are."""
    audience = warning.audience
    await conn.execute(
        "INSERT INTO early_warning (warning_id, kind, level, title_zh, title_en, text_zh, text_en, audience, issued_at,"
        " issued_by, valid_from, valid_until) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            warning.warning_id,
            warning.kind,
            warning.level.value,
            warning.title_zh,
            warning.title_en,
            warning.text_zh,
            warning.text_en,
            Jsonb(msgspec.to_builtins(audience)),
            warning.issued_at,
            warning.issued_by,
            warning.valid_from,
            warning.valid_until,
        ),
    )
    cursor = await conn.execute(
        "INSERT INTO warning_receipt (warning_id, site_no, next_at) SELECT %(warning)s, site_no, %(at)s FROM site"
        " WHERE %(all)s OR township = ANY(%(townships)s::text[]) OR kind = ANY(%(kinds)s::text[])"
        " OR site_id = ANY(%(sites)s::text[])",
        {
            "warning": warning.warning_id,
            "at": warning.issued_at,
            "all": audience.everybody,
            "townships": list(audience.townships),
            "kinds": list(audience.kinds),
            "sites": list(audience.sites),
        },
    )
    await notify(conn, NoticeChannel.WARNING, str(warning.warning_id))
    return cursor.rowcount


class DueSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site that has to be told, or reminded."""

    site_no: int
    site_id: str
    reminders: int
    told: bool


async def claim_due(conn: Connection, *, now: datetime, but: Sequence[UUID] = ()) -> UUID | None:
    """A warning with sites that are due, but for these; locked until the transaction ends."""
    cursor = await conn.execute(
        "SELECT w.warning_id FROM early_warning AS w WHERE EXISTS (SELECT FROM warning_receipt AS r"
        " WHERE r.warning_id = w.warning_id AND r.next_at <= %s) AND NOT w.warning_id = ANY(%s)"
        " ORDER BY w.issued_at LIMIT 1 FOR UPDATE SKIP LOCKED",
        (now, list(but)),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def due_sites(
    conn: Connection, warning_id: UUID, *, now: datetime, limit: int
) -> tuple[EarlyWarning, list[DueSite]]:
    """A warning that was claimed, with sites that are due, at most ``limit`` of them, locked."""
    (warning,) = await early_warnings(conn, warning_id=warning_id)
    cursor = await conn.execute(
        "SELECT r.site_no, s.site_id, r.reminders, r.told_at IS NOT NULL FROM warning_receipt AS r JOIN site AS s"
        " USING (site_no) WHERE r.warning_id = %s AND r.next_at <= %s ORDER BY s.site_id LIMIT %s FOR UPDATE OF r",
        (warning_id, now, limit),
    )
    return warning, [_of(DueSite, one) for one in await cursor.fetchall()]


async def record_told(
    conn: Connection,
    warning_id: UUID,
    site_no: int,
    *,
    at: datetime,
    reachable: bool,
    reminder: bool,
    next_at: datetime | None,
) -> None:
    """A site was told or reminded, as far as there was anybody to tell."""
    await conn.execute(
        "UPDATE warning_receipt SET told_at = CASE WHEN %(reachable)s THEN coalesce(told_at, %(at)s) ELSE told_at END,"
        " reachable = %(reachable)s, reminders = reminders + %(more)s, next_at = %(next)s"
        " WHERE warning_id = %(warning)s AND site_no = %(site)s",
        {
            "at": at,
            "reachable": reachable,
            "more": int(reminder),
            "next": next_at,
            "warning": warning_id,
            "site": site_no,
        },
    )


async def record_read(conn: Connection, warning_id: UUID, site_id: str, *, at: datetime, by: str) -> bool | None:
    """A site has read it: it is reminded no more. Whether that was news; None where it is not for this site."""
    cursor = await conn.execute(
        "UPDATE warning_receipt AS r SET read_at = %s, read_by = %s, next_at = NULL FROM site AS s"
        " WHERE s.site_no = r.site_no AND r.warning_id = %s AND s.site_id = %s AND r.read_at IS NULL",
        (at, by, warning_id, site_id),
    )
    if cursor.rowcount:
        await notify(conn, NoticeChannel.WARNING, str(warning_id))
        return True
    cursor = await conn.execute(
        "SELECT FROM warning_receipt JOIN site USING (site_no) WHERE warning_id = %s AND site_id = %s",
        (warning_id, site_id),
    )
    return None if await cursor.fetchone() is None else False


async def cancel_warning(conn: Connection, warning_id: UUID, *, at: datetime, by: str, reason: str) -> bool:
    """Lift it: nobody is reminded any more. False where it was lifted before, or there is none."""
    cursor = await conn.execute(
        "UPDATE early_warning SET cancelled_at = %s, cancelled_by = %s, cancel_reason = %s"
        " WHERE warning_id = %s AND cancelled_at IS NULL",
        (at, by, reason, warning_id),
    )
    if not cursor.rowcount:
        return False
    await conn.execute("UPDATE warning_receipt SET next_at = NULL WHERE warning_id = %s", (warning_id,))
    await notify(conn, NoticeChannel.WARNING, str(warning_id))
    return True


async def next_due_warning(conn: Connection, *, but: Sequence[UUID] = ()) -> datetime | None:
    cursor = await conn.execute(
        "SELECT min(next_at) FROM warning_receipt WHERE next_at IS NOT NULL AND NOT warning_id = ANY(%s)", (list(but),)
    )
    row = await cursor.fetchone()
    return None if row is None else utc_or_none(row[0])


async def early_warnings(
    conn: Connection,
    *,
    at: datetime | None = None,
    warning_id: UUID | None = None,
    sites: Sites = None,
    limit: int = 100,
) -> list[EarlyWarning]:
    """The newest first; with ``at`` those in force then; with ``sites`` those for one of them."""
    cursor = await conn.execute(
        f"SELECT {_COLUMNS} FROM early_warning AS w WHERE (%(id)s::uuid IS NULL OR w.warning_id = %(id)s)"
        " AND (%(at)s::timestamptz IS NULL OR (w.valid_from <= %(at)s AND w.valid_until > %(at)s"
        " AND w.cancelled_at IS NULL))"
        " AND (%(sites)s::text[] IS NULL OR EXISTS (SELECT FROM warning_receipt AS r JOIN site AS s USING (site_no)"
        "  WHERE r.warning_id = w.warning_id AND s.site_id = ANY(%(sites)s))) ORDER BY w.number DESC LIMIT %(limit)s",
        {"id": warning_id, "at": at, "sites": listed(sites), "limit": limit},
    )
    return [_of(EarlyWarning, row) for row in await cursor.fetchall()]


async def receipts(conn: Connection, warning_id: UUID, *, sites: Sites = None) -> list[SiteReceipt]:
    """Of each site, no other than ``sites``: who has not read it first."""
    cursor = await conn.execute(
        "SELECT s.site_id, s.name, r.told_at, r.reachable, r.reminders, r.read_at, r.read_by FROM warning_receipt AS r"
        " JOIN site AS s USING (site_no) WHERE r.warning_id = %(id)s"
        f" AND {WITHIN} ORDER BY r.read_at IS NOT NULL, s.site_id",
        {"id": warning_id, "sites": listed(sites)},
    )
    return [_of(SiteReceipt, row) for row in await cursor.fetchall()]


async def tallies(conn: Connection, warning_ids: Sequence[UUID], *, sites: Sites = None) -> dict[UUID, Tally]:
    cursor = await conn.execute(
        "SELECT w.warning_id, count(*), count(r.read_at), count(*) FILTER (WHERE r.read_at IS NULL),"
        " count(*) FILTER (WHERE r.read_at IS NULL AND r.reachable IS FALSE),"
        " percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM r.read_at - w.issued_at))"
        " FROM early_warning AS w JOIN warning_receipt AS r USING (warning_id) JOIN site AS s USING (site_no)"
        f" WHERE w.warning_id = ANY(%(ids)s) AND {WITHIN} GROUP BY w.warning_id",
        {"ids": list(warning_ids), "sites": listed(sites)},
    )
    return {row[0]: _of(Tally, row[1:]) for row in await cursor.fetchall()}
