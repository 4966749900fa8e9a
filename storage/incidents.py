"""Incidents and their timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from domain.errors import UnknownIncident
from domain.finding import Category, Finding, Severity
from domain.incident import Incident, IncidentAction, IncidentState, OpenCase
from domain.verification import Verification
from storage.instants import utc, utc_or_none
from storage.notices import NoticeChannel, notify
from storage.pool import Connection

_COLUMNS: LiteralString = (
    "incident_id, number, key, rule, category, severity, life_safety, test, drill, site_no, site_id, device_no,"
    " device_id, state, raised_at, last_event_at, occurrences, detail, acknowledged_at, acknowledged_by, returned_at,"
    " reset_at, reset_by, closed_at, closed_by, verification, merged_into, shelved_until, assigned_to"
)

_OPEN: LiteralString = "state IN ('raised', 'acknowledged', 'returned', 'normal')"


def _incident(row: dict[str, Any]) -> Incident:
    return Incident(
        **{
            **row,
            "category": Category(row["category"]),
            "severity": Severity(row["severity"]),
            "state": IncidentState(row["state"]),
            "verification": None if row["verification"] is None else Verification(row["verification"]),
        }
    )


async def open_incident(conn: Connection, incident_id: UUID, finding: Finding) -> Incident | None:
    """Open an incident for ``finding``, or None where one with its key is open (or had this very id)."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "INSERT INTO incident (incident_id, key, rule, category, severity, severity_rank, life_safety, test, drill,"
            " site_no, site_id, device_no, device_id, state, raised_at, last_event_at, detail, changed_at)"
            " VALUES (%(incident_id)s, %(key)s, %(rule)s, %(category)s, %(severity)s, %(rank)s, %(life_safety)s,"
            " %(test)s, %(drill)s, %(site_no)s, %(site_id)s, %(device_no)s, %(device_id)s, 'raised', %(at)s, %(at)s,"
            " %(detail)s, clock_timestamp())"
            f" ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
            {
                "incident_id": incident_id,
                "key": finding.key,
                "rule": finding.rule,
                "category": finding.category.value,
                "severity": finding.severity.value,
                "rank": finding.severity.rank,
                "life_safety": finding.life_safety,
                "test": finding.test,
                "drill": finding.drill,
                "site_no": finding.site_no,
                "site_id": finding.site_id,
                "device_no": finding.device_no,
                "device_id": finding.device_id,
                "at": finding.at,
                "detail": Jsonb(finding.detail),
            },
        )
        row = await cursor.fetchone()
    return None if row is None else _incident(row)


async def lock_open_incident(conn: Connection, key: str) -> Incident | None:
    """The open incident of ``key``, locked until the transaction ends."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM incident WHERE key = %s AND {_OPEN} FOR NO KEY UPDATE",
            (key,),
        )
        row = await cursor.fetchone()
    return None if row is None else _incident(row)


async def get_incident(conn: Connection, incident_id: UUID) -> Incident:
    """One incident, unlocked.

    :raises UnknownIncident: there is none with this id.
    """
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(f"SELECT {_COLUMNS} FROM incident WHERE incident_id = %s", (incident_id,))
        row = await cursor.fetchone()
    if row is None:
        raise UnknownIncident(f"no incident {incident_id}")
    return _incident(row)


async def lock_incident(conn: Connection, incident_id: UUID) -> Incident:
    """One incident, locked until the transaction ends.

    :raises UnknownIncident: there is none with this id.
    """
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM incident WHERE incident_id = %s FOR NO KEY UPDATE", (incident_id,)
        )
        row = await cursor.fetchone()
    if row is None:
        raise UnknownIncident(f"no incident {incident_id}")
    return _incident(row)


async def open_cases(conn: Connection) -> dict[str, OpenCase]:
    """The open incidents of life safety, by key: links are told of no others."""
    cursor = await conn.execute(
        "SELECT key, incident_id, number, state IN ('returned', 'normal'), raised_at,"
        " CASE WHEN state = 'acknowledged' THEN acknowledged_at END FROM incident"
        f" WHERE {_OPEN} AND life_safety"
    )
    return {
        str(key): OpenCase(
            incident_id=incident_id,
            number=number,
            returned=returned,
            raised_at=utc(raised_at),
            acknowledged_at=utc_or_none(acknowledged_at),
        )
        for key, incident_id, number, returned, raised_at, acknowledged_at in await cursor.fetchall()
    }


async def incident_known(conn: Connection, incident_id: UUID) -> bool:
    cursor = await conn.execute("SELECT EXISTS (SELECT FROM incident WHERE incident_id = %s)", (incident_id,))
    row = await cursor.fetchone()
    return bool(row and row[0])


_RAISED: LiteralString = (
    ", occurrences = occurrences + %(times)s, last_event_at = %(at)s, returned_at = NULL,"
    " acknowledged_at = CASE WHEN %(state)s = 'raised' THEN NULL ELSE acknowledged_at END,"
    " acknowledged_by = CASE WHEN %(state)s = 'raised' THEN NULL ELSE acknowledged_by END"
)
#: What an action writes beside the state.
_MARKS: dict[IncidentAction, LiteralString] = {
    IncidentAction.RAISE: _RAISED,
    IncidentAction.CALL_AGAIN: _RAISED,
    IncidentAction.RETURN: ", returned_at = %(at)s, last_event_at = %(at)s",
    IncidentAction.ACKNOWLEDGE: ", acknowledged_at = %(at)s, acknowledged_by = %(actor)s",
    IncidentAction.RESET: ", reset_at = %(at)s, reset_by = %(actor)s",
    IncidentAction.CLOSE: ", closed_at = %(at)s, closed_by = %(actor)s",
    IncidentAction.NOTE: "",
    IncidentAction.EXPIRE: ", acknowledged_at = NULL, acknowledged_by = NULL",
}
#: What ends with an incident.
_OVER: LiteralString = ", shelved_until = NULL, shelved_by = NULL, shelve_reason = NULL"


async def move_incident(
    conn: Connection,
    incident_id: UUID,
    action: IncidentAction,
    state: IncidentState,
    *,
    at: datetime,
    actor: str,
    times: int = 1,
) -> None:
    """Write the new state of a locked incident. ``at`` and ``actor`` go where the action leaves its mark, ``times`` is
    how often it was raised.
    """
    over: LiteralString = _OVER if action in (IncidentAction.RESET, IncidentAction.CLOSE) else ""
    await conn.execute(
        f"UPDATE incident SET state = %(state)s, changed_at = clock_timestamp() {_MARKS[action]} {over}"
        " WHERE incident_id = %(incident_id)s",
        {"state": state.value, "at": at, "actor": actor, "incident_id": incident_id, "times": times},
    )


async def add_entry(
    conn: Connection,
    incident_id: UUID,
    *,
    at: datetime,
    kind: str,
    actor: str,
    detail: dict[str, Any] | None = None,
) -> None:
    """Add a line to the timeline and tell the wall."""
    await conn.execute(
        "WITH entry AS (INSERT INTO incident_entry (incident_id, at, kind, actor, detail) VALUES (%s, %s, %s, %s, %s))"
        " SELECT pg_notify(%s, %s)",
        (incident_id, at, kind, actor, Jsonb(detail or {}), NoticeChannel.INCIDENT.value, str(incident_id)),
    )


#: Of «repeated» in one incident's timeline.
LINES_A_MINUTE = 10


async def add_repeated(
    conn: Connection, incident_id: UUID, *, at: datetime, actor: str, detail: dict[str, Any], times: int
) -> None:
    """Add «repeated» to the timeline. More than `LINES_A_MINUTE` are counted in the last of them: a looping device
    fills no table, and each press of a person keeps its line.
    """
    cursor = await conn.execute(
        "UPDATE incident_entry SET detail = detail || jsonb_build_object("
        "  'times', coalesce((detail ->> 'times')::bigint, 1) + %(times)s, 'until', %(until)s::text)"
        " WHERE entry_no = (SELECT CASE WHEN count(*) >= %(most)s THEN max(entry_no) END"
        "  FROM incident_entry WHERE incident_id = %(incident_id)s AND kind = 'repeated'"
        "  AND at > %(at)s::timestamptz - interval '1 minute')",
        {"incident_id": incident_id, "at": at, "until": at.isoformat(), "times": times, "most": LINES_A_MINUTE},
    )
    if cursor.rowcount:
        await notify(conn, NoticeChannel.INCIDENT, str(incident_id))
    else:
        await add_entry(conn, incident_id, at=at, kind="repeated", actor=actor, detail=detail)
