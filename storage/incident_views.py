"""Incidents as people see them: with the names of site and device, in the order of the queue, with what was done.

Read only; whoever changes incidents uses `storage.incidents`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, LiteralString
from uuid import UUID

import msgspec

from domain.access import Sites
from domain.finding import Category, Severity
from domain.incident import IncidentState
from domain.verification import Verification
from storage.casework import ASIDE
from storage.instants import utc, utc_or_none
from storage.pool import Connection
from storage.reach import listed

#: Rows of a timeline, and deliveries, that are shown of one incident: the newest.
TIMELINE_LIMIT = 500

#: Unacknowledged first. The same expression stands in the order and in the condition of the next page.
_ANSWERED: LiteralString = "(i.state NOT IN ('raised', 'returned'))"
_ORDER: LiteralString = f"{_ANSWERED}, i.severity_rank, i.raised_at DESC, i.number DESC"
_OPEN: LiteralString = "i.state IN ('raised', 'acknowledged', 'returned', 'normal')"
_AFTER: LiteralString = f"""(({_ANSWERED}, i.severity_rank) > (%(answered)s, %(rank)s)
 OR (({_ANSWERED}, i.severity_rank) = (%(answered)s, %(rank)s)
     AND (i.raised_at, i.number) < (%(raised_at)s, %(number)s)))"""

_COLUMNS: LiteralString = """
SELECT i.incident_id, i.number, i.rule, i.category, i.severity, i.life_safety, i.test, i.drill, i.site_id,
       coalesce(s.name, ''), coalesce(s.name_en, ''), i.device_id, coalesce(d.name, ''), coalesce(d.place, ''),
       i.state, i.raised_at, i.last_event_at, i.occurrences, i.acknowledged_at, i.acknowledged_by, i.returned_at,
       i.reset_at, i.closed_at, i.detail, r.grade, i.verification,
       i.verification_reason, i.verified_at, i.verified_by,
       i.merged_into, i.shelved_until, i.shelved_by, i.shelve_reason, i.assigned_to, i.assigned_at, i.assigned_by,
       i.aside
"""
_ROWS: LiteralString = f"SELECT i.*, {ASIDE} AS aside FROM incident AS i"
_JOINS: LiteralString = (
    " LEFT JOIN site AS s USING (site_no) LEFT JOIN device AS d USING (device_no)"
    " LEFT JOIN response AS r USING (incident_id)"
)

_TIMELINE = """
SELECT at, kind, actor, detail FROM (
    SELECT entry_no, at, kind, actor, detail FROM incident_entry
    WHERE incident_id = %s ORDER BY entry_no DESC LIMIT %s
) AS newest ORDER BY entry_no
"""

_DELIVERIES = """
SELECT * FROM (
    SELECT delivery_id, channel, recipient, notice, state, attempts, created_at, sent_at, received_at, receipt_id,
           last_error, answered_at, answered_by, answer_note
    FROM delivery WHERE incident_id = %s ORDER BY created_at DESC, delivery_id DESC LIMIT %s
) AS newest ORDER BY created_at, delivery_id
"""

_ADDRESS = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*)://\S+")


class IncidentView(msgspec.Struct, frozen=True):
    incident_id: UUID
    number: int
    rule: str
    category: Category
    severity: Severity
    life_safety: bool
    test: bool
    drill: bool
    site_id: str
    site_name: str
    site_name_en: str
    device_id: str
    device_name: str
    place: str
    state: IncidentState
    raised_at: datetime
    last_event_at: datetime
    occurrences: int
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    returned_at: datetime | None
    reset_at: datetime | None
    closed_at: datetime | None
    detail: dict[str, Any]
    grade: int | None
    verification: Verification | None
    verification_reason: str | None
    verified_at: datetime | None
    verified_by: str | None
    merged_into: UUID | None
    shelved_until: datetime | None
    shelved_by: str | None
    shelve_reason: str | None
    assigned_to: str | None
    assigned_at: datetime | None
    assigned_by: str | None
    aside: bool


class TimelineEntry(msgspec.Struct, frozen=True):
    at: datetime
    kind: str
    actor: str
    detail: dict[str, Any]


class DeliveryView(msgspec.Struct, frozen=True):
    delivery_id: UUID
    channel: str
    recipient: str
    notice: str
    state: str
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    received_at: datetime | None
    receipt_id: str | None
    last_error: str | None
    answered_at: datetime | None = None
    answered_by: str | None = None
    answer_note: str | None = None


class QueuePlace(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where an incident stands in the queue: a page begins after it. ``number`` settles every tie."""

    answered: bool
    rank: Annotated[int, msgspec.Meta(ge=0, le=9)]
    raised_at: Annotated[datetime, msgspec.Meta(tz=True)]
    number: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


def queue_place(view: IncidentView) -> QueuePlace:
    return QueuePlace(
        view.state not in (IncidentState.RAISED, IncidentState.RETURNED),
        view.severity.rank,
        view.raised_at,
        view.number,
    )


def without_address(text: str | None) -> str | None:
    """A leader's contact and a link's URL carry secrets; what is shown keeps the scheme only."""
    return None if text is None else _ADDRESS.sub(r"\1://…", text)


def _view(row: Sequence[Any]) -> IncidentView:
    """A row of `_COLUMNS`, which are in the order of `IncidentView`."""
    values = list(row)
    values[3], values[4], values[14] = Category(row[3]), Severity(row[4]), IncidentState(row[14])
    values[25] = None if row[25] is None else Verification(row[25])
    for place in (15, 16, 18, 20, 21, 22, 27, 30, 34):
        values[place] = utc_or_none(row[place])
    return IncidentView(*values)


async def incident_queue(
    conn: Connection,
    *,
    limit: int,
    states: str = "open",
    site_id: str | None = None,
    sites: Sites = None,
    severity: Severity | None = None,
    after: QueuePlace | None = None,
) -> list[IncidentView]:
    """At most ``limit`` incidents: unacknowledged first, then the worst, then the newest.

    ``states`` is "open" (without what is shelved or handled under another), "shelved", "all" or the name of one state.
    """
    wheres: list[LiteralString] = ["true"]
    if states == "open":
        wheres.append(f"{_OPEN} AND NOT {ASIDE}")
    elif states == "shelved":
        wheres.append("i.shelved_until IS NOT NULL")
    elif states != "all":
        wheres.append("i.state = %(state)s")
    if site_id is not None:
        wheres.append("i.site_id = %(site_id)s")
    if sites is not None:
        wheres.append("i.site_id = ANY(%(sites)s)")
    if severity is not None:
        wheres.append("i.severity_rank = %(severity_rank)s")
    if after is not None:
        wheres.append(_AFTER)
    condition = " AND ".join(wheres)
    # The page is cut before the names are joined to it.
    cursor = await conn.execute(
        f"{_COLUMNS} FROM ({_ROWS} WHERE {condition} ORDER BY {_ORDER} LIMIT %(limit)s) AS i"
        f" {_JOINS} ORDER BY {_ORDER}",
        {
            "limit": limit,
            "state": states,
            "site_id": site_id,
            "sites": listed(sites),
            "severity_rank": None if severity is None else severity.rank,
            **(msgspec.structs.asdict(after) if after is not None else {}),
        },
    )
    return [_view(row) for row in await cursor.fetchall()]


async def incidents_by_id(conn: Connection, incident_ids: Sequence[UUID]) -> dict[UUID, IncidentView]:
    """Those of ``incident_ids`` that exist."""
    if not incident_ids:
        return {}
    cursor = await conn.execute(
        f"{_COLUMNS} FROM ({_ROWS} WHERE i.incident_id = ANY(%s)) AS i {_JOINS}", (list(incident_ids),)
    )
    return {row[0]: _view(row) for row in await cursor.fetchall()}


async def timeline(conn: Connection, incident_id: UUID) -> list[TimelineEntry]:
    """The newest `TIMELINE_LIMIT` entries, oldest first."""
    cursor = await conn.execute(_TIMELINE, (incident_id, TIMELINE_LIMIT))
    return [TimelineEntry(utc(at), kind, actor, detail) for at, kind, actor, detail in await cursor.fetchall()]


async def deliveries(conn: Connection, incident_id: UUID) -> list[DeliveryView]:
    """The newest `TIMELINE_LIMIT` deliveries, oldest first, without secrets."""
    cursor = await conn.execute(_DELIVERIES, (incident_id, TIMELINE_LIMIT))
    return [
        DeliveryView(
            delivery_id,
            channel,
            without_address(recipient) or "",
            notice,
            state,
            attempts,
            utc(created_at),
            utc_or_none(sent_at),
            utc_or_none(received_at),
            receipt_id,
            without_address(last_error),
            utc_or_none(answered_at),
            answered_by,
            answer_note,
        )
        for (
            delivery_id,
            channel,
            recipient,
            notice,
            state,
            attempts,
            created_at,
            sent_at,
            received_at,
            receipt_id,
            last_error,
            answered_at,
            answered_by,
            answer_note,
        ) in await cursor.fetchall()
    ]


async def site_of_incident(conn: Connection, incident_id: UUID) -> str | None:
    """The site that it is at; "" = at none. None: there is no such incident."""
    cursor = await conn.execute("SELECT site_id FROM incident WHERE incident_id = %s", (incident_id,))
    row = await cursor.fetchone()
    return None if row is None else str(row[0])
