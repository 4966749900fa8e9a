"""The two-hour clock and its reports. What has ended stays as it ended: triggers refuse the rest (migration 0015)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString, NamedTuple
from uuid import UUID, uuid5

import msgspec
from psycopg.types.json import Jsonb

from domain.report import WARNINGS_MIN, ClockState, Report, ReportClock, ReportKind
from storage.instants import utc, utc_or_none
from storage.notices import NoticeChannel, notify
from storage.pool import Connection

_NAMESPACE = UUID("0d9a1c2e-36b7-5f4e-8d43-9f2b8a7c6e51")

_CLOCK: LiteralString = (
    "c.clock_id, c.incident_id, i.number, coalesce(i.site_id, s.site_id, ''), c.subject, c.started_at, c.started_by,"
    " c.reason, c.due_at, c.state, c.warned_minutes, c.ended_at, c.ended_by, c.end_reason"
)
_CLOCKS: LiteralString = (
    "report_clock AS c LEFT JOIN incident AS i USING (incident_id) LEFT JOIN site AS s ON s.site_no = c.site_no"
)
_REPORT: LiteralString = (
    "r.report_id, r.clock_id, r.kind, r.place, r.state, r.text, r.drafted_at, r.drafted_by, r.edited_at, r.edited_by,"
    " r.approved_at, r.approved_by, r.delivery_id, d.state, d.receipted_at, d.receipt_id"
)
#: Line `e` of the receipt of the first report, which the database writes and lets nobody change (migration 0111).
_FIRST_RECEIPT: LiteralString = (
    "FROM report AS r JOIN report_event AS e ON e.clock_id = r.clock_id AND e.report_id = r.report_id"
    " AND e.kind = 'receipted' WHERE r.kind = 'first' AND r.clock_id"
)


class WhatStarts(msgspec.Struct, frozen=True, kw_only=True):
    """Which incidents start a clock by themselves; what is empty may be any. ``unverified``: already when they are
    raised, and not only when a person has found them true.
    """

    rule: str = ""
    category: str = ""
    severity: str = ""
    unverified: bool = False


class ReportEvent(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    kind: str
    actor: str
    report_id: UUID | None
    detail: dict[str, Any]


def _of(kind: type[Any], row: Sequence[Any]) -> Any:
    names = kind.__struct_fields__
    values = {name: utc_or_none(v) if isinstance(v, datetime) else v for name, v in zip(names, row, strict=True)}
    return msgspec.convert(values, kind)


def clock_id_of(incident_id: UUID) -> UUID:
    return uuid5(_NAMESPACE, str(incident_id))


async def wants_clock(
    conn: Connection, starts: Sequence[WhatStarts], *, since: datetime
) -> list[tuple[UUID, datetime]]:
    """Every grave incident that was raised after ``since`` and has no clock, with the time from which it runs."""
    if not starts:
        return []
    cursor = await conn.execute(
        "SELECT incident_id, raised_at FROM incident AS i WHERE raised_at > %(since)s AND NOT test AND NOT drill"
        " AND NOT EXISTS (SELECT FROM report_clock AS c WHERE c.incident_id = i.incident_id)"
        " AND EXISTS (SELECT FROM unnest(%(rules)s::text[], %(categories)s::text[], %(severities)s::text[],"
        " %(unverified)s::boolean[]) AS w (rule, category, severity, unverified)"
        " WHERE w.rule IN ('', i.rule) AND w.category IN ('', i.category) AND w.severity IN ('', i.severity)"
        " AND (i.verification = 'true' OR w.unverified AND i.verification IS NULL)) ORDER BY raised_at",
        {
            "since": since,
            "rules": [one.rule for one in starts],
            "categories": [one.category for one in starts],
            "severities": [one.severity for one in starts],
            "unverified": [one.unverified for one in starts],
        },
    )
    return [(incident_id, raised_at) for incident_id, raised_at in await cursor.fetchall()]


async def start_clock(
    conn: Connection,
    clock_id: UUID,
    *,
    incident_id: UUID | None,
    started_at: datetime,
    started_by: str,
    limit_s: float,
    reason: str = "",
    subject: str = "",
    site_no: int | None = None,
) -> ReportClock | None:
    """A clock that runs from ``started_at``; None where its matter has one."""
    cursor = await conn.execute(
        "INSERT INTO report_clock (clock_id, incident_id, site_no, subject, started_at, started_by, reason, due_at,"
        " next_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING clock_id",
        (
            clock_id,
            incident_id,
            site_no,
            subject,
            started_at,
            started_by,
            reason,
            started_at + timedelta(seconds=limit_s),
            started_at + timedelta(minutes=WARNINGS_MIN[0]),
        ),
    )
    if await cursor.fetchone() is None:
        return None
    detail = {"reason": reason} if reason else {}
    await add_event(conn, clock_id, at=started_at, kind="started", actor=started_by, detail=detail)
    return await lock_clock(conn, clock_id)


async def lock_clock(conn: Connection, clock_id: UUID) -> ReportClock | None:
    """One clock, locked until the transaction ends."""
    cursor = await conn.execute(f"SELECT {_CLOCK} FROM {_CLOCKS} WHERE c.clock_id = %s FOR UPDATE OF c", (clock_id,))
    row = await cursor.fetchone()
    return None if row is None else _of(ReportClock, row)


async def claim_clock(conn: Connection, *, now: datetime, but: Sequence[UUID] = ()) -> UUID | None:
    """A running clock of which something has to be done, and that is none of ``but``. Locked until the transaction
    ends; somebody else's is passed over.
    """
    cursor = await conn.execute(
        f"SELECT c.clock_id FROM {_CLOCKS}"
        f" WHERE c.state = 'running' AND (c.next_at <= %s OR EXISTS (SELECT {_FIRST_RECEIPT} = c.clock_id)"
        " OR i.verification = ANY('{false,test,drill}')) AND NOT c.clock_id = ANY(%s)"
        " ORDER BY c.next_at LIMIT 1 FOR UPDATE OF c SKIP LOCKED",
        (now, list(but)),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


class FirstReceipt(NamedTuple):
    """When the receipt of a clock's first report was here by the program, and when it was written by the database."""

    at: datetime
    written_at: datetime | None


async def first_receipt(conn: Connection, clock_id: UUID) -> FirstReceipt | None:
    cursor = await conn.execute(
        f"SELECT e.at, (e.detail ->> 'written_at')::timestamptz {_FIRST_RECEIPT} = %s ORDER BY e.at LIMIT 1",
        (clock_id,),
    )
    row = await cursor.fetchone()
    return None if row is None else FirstReceipt(utc(row[0]), utc_or_none(row[1]))


async def verified_otherwise(conn: Connection, incident_id: UUID | None) -> str:
    """What a person found the incident to be, where that is nothing to report; else ""."""
    cursor = await conn.execute(
        "SELECT verification FROM incident WHERE incident_id = %s AND verification = ANY('{false,test,drill}')",
        (incident_id,),
    )
    row = await cursor.fetchone()
    return "" if row is None else str(row[0])


async def warned(conn: Connection, clock_id: UUID, *, minutes: int, next_at: datetime) -> None:
    await conn.execute(
        "UPDATE report_clock SET warned_minutes = %s, next_at = %s WHERE clock_id = %s", (minutes, next_at, clock_id)
    )


async def look_again(conn: Connection, clock_id: UUID, *, next_at: datetime) -> None:
    await conn.execute("UPDATE report_clock SET next_at = %s WHERE clock_id = %s", (next_at, clock_id))


async def end_clock(
    conn: Connection, clock_id: UUID, state: ClockState, *, at: datetime, actor: str, reason: str = ""
) -> None:
    await conn.execute(
        "UPDATE report_clock SET state = %s, ended_at = %s, ended_by = %s, end_reason = %s, next_at = NULL"
        " WHERE clock_id = %s",
        (state.value, at, actor, reason, clock_id),
    )
    await add_event(conn, clock_id, at=at, kind=state.value, actor=actor, detail={"reason": reason} if reason else {})


async def resume_clock(conn: Connection, clock_id: UUID, *, at: datetime, actor: str, reason: str = "") -> bool:
    """A waived clock goes on with its old times; False where it is not waived."""
    cursor = await conn.execute(
        "UPDATE report_clock SET state = 'running', ended_at = NULL, ended_by = NULL, end_reason = '', next_at = %s"
        " WHERE clock_id = %s AND state = 'waived'",
        (at, clock_id),
    )
    if not cursor.rowcount:
        return False
    await add_event(conn, clock_id, at=at, kind="resumed", actor=actor, detail={"reason": reason} if reason else {})
    return True


async def wrongly_waived(conn: Connection, *, but: Sequence[UUID] = ()) -> list[UUID]:
    """Clocks that ended by themselves because their incident was found to be nothing, and it was found true since.
    Locked until the transaction ends.
    """
    cursor = await conn.execute(
        f"SELECT c.clock_id FROM {_CLOCKS} WHERE c.state = 'waived' AND c.ended_by = 'system'"
        " AND i.verification = 'true' AND NOT c.clock_id = ANY(%s) FOR UPDATE OF c SKIP LOCKED",
        (list(but),),
    )
    return [clock_id for (clock_id,) in await cursor.fetchall()]


async def add_event(
    conn: Connection,
    clock_id: UUID,
    *,
    at: datetime,
    kind: str,
    actor: str,
    report_id: UUID | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """A line that stays, and tell whoever shows or keeps clocks."""
    await conn.execute(
        "INSERT INTO report_event (clock_id, report_id, at, kind, actor, detail) VALUES (%s, %s, %s, %s, %s, %s)",
        (clock_id, report_id, at, kind, actor, Jsonb(detail or {})),
    )
    await notify(conn, NoticeChannel.REPORT, str(clock_id))


async def next_clock(conn: Connection, *, but: Sequence[UUID] = ()) -> datetime | None:
    """When something has to be done next, of those that are none of ``but``."""
    cursor = await conn.execute(
        "SELECT min(next_at) FROM report_clock WHERE state = 'running' AND NOT clock_id = ANY(%s)", (list(but),)
    )
    row = await cursor.fetchone()
    return None if row is None else utc_or_none(row[0])


async def clocks(
    conn: Connection,
    *,
    state: ClockState | None = None,
    limit: int = 200,
    clock_id: UUID | None = None,
    incident_id: UUID | None = None,
) -> list[ReportClock]:
    """Those that run first, the most urgent of them first; then the newest."""
    cursor = await conn.execute(
        f"SELECT {_CLOCK} FROM {_CLOCKS} WHERE (%(state)s::text IS NULL OR c.state = %(state)s)"
        " AND (%(clock)s::uuid IS NULL OR c.clock_id = %(clock)s)"
        " AND (%(incident)s::uuid IS NULL OR c.incident_id = %(incident)s)"
        " ORDER BY c.state <> 'running', CASE WHEN c.state = 'running' THEN c.due_at END, c.started_at DESC"
        " LIMIT %(limit)s",
        {
            "state": None if state is None else state.value,
            "clock": clock_id,
            "incident": incident_id,
            "limit": limit,
        },
    )
    return [_of(ReportClock, row) for row in await cursor.fetchall()]


async def reports_of(conn: Connection, clock_id: UUID) -> list[Report]:
    cursor = await conn.execute(
        f"SELECT {_REPORT} FROM report AS r LEFT JOIN delivery AS d USING (delivery_id)"
        " WHERE r.clock_id = %s ORDER BY r.place",
        (clock_id,),
    )
    return [_of(Report, row) for row in await cursor.fetchall()]


async def events_of(conn: Connection, clock_id: UUID) -> list[ReportEvent]:
    cursor = await conn.execute(
        "SELECT at, kind, actor, report_id, detail FROM report_event WHERE clock_id = %s ORDER BY event_no", (clock_id,)
    )
    return [_of(ReportEvent, row) for row in await cursor.fetchall()]


async def clock_of(conn: Connection, report_id: UUID) -> UUID | None:
    cursor = await conn.execute("SELECT clock_id FROM report WHERE report_id = %s", (report_id,))
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def add_draft(
    conn: Connection, clock_id: UUID, kind: ReportKind, place: int, text: str, *, at: datetime, actor: str
) -> UUID:
    report_id = uuid5(clock_id, str(place))
    await conn.execute(
        "INSERT INTO report (report_id, clock_id, kind, place, text, drafted_at, drafted_by, edited_at, edited_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (report_id, clock_id, kind.value, place, text, at, actor, at, actor),
    )
    return report_id


async def edit_draft(conn: Connection, report_id: UUID, text: str, *, at: datetime, actor: str) -> None:
    await conn.execute(
        "UPDATE report SET text = %s, edited_at = %s, edited_by = %s WHERE report_id = %s AND state = 'draft'",
        (text, at, actor, report_id),
    )


async def approve_report(
    conn: Connection, report_id: UUID, *, at: datetime, actor: str, delivery_id: UUID | None
) -> None:
    await conn.execute(
        "UPDATE report SET state = 'approved', approved_at = %s, approved_by = %s, delivery_id = %s"
        " WHERE report_id = %s",
        (at, actor, delivery_id, report_id),
    )
