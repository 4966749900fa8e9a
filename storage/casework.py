"""SQL of what people do with an incident beside moving it: verify, merge, split, reclassify, shelve, assign.

The callers hold the incident's lock (`storage.incidents.lock_incident`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

import msgspec

from domain.access import Sites
from domain.finding import Severity
from domain.verification import Verification
from storage.instants import utc
from storage.pool import Connection
from storage.reach import listed

_MERGER_LOCK = 0x63775F6D7267  # "cw_mrg": two merges never make a chain of each other

#: An incident that stands under another one is not in the queue while that is open, unless it calls and that does not.
ASIDE: LiteralString = (
    "(i.shelved_until IS NOT NULL OR (i.merged_into IS NOT NULL AND EXISTS (SELECT FROM incident AS main"
    " WHERE main.incident_id = i.merged_into AND main.state IN ('raised', 'acknowledged', 'returned', 'normal')"
    " AND (i.state NOT IN ('raised', 'returned') OR main.state IN ('raised', 'returned')))))"
)


class Related(msgspec.Struct, frozen=True):
    """An incident that another one is handled with."""

    incident_id: UUID
    number: int
    rule: str
    site_id: str
    device_id: str
    state: str
    life_safety: bool


async def write_verification(
    conn: Connection, incident_id: UUID, verification: Verification, reason: str, *, at: datetime, actor: str
) -> None:
    await conn.execute(
        "UPDATE incident SET verification = %s, verification_reason = %s, verified_at = %s, verified_by = %s,"
        " changed_at = clock_timestamp() WHERE incident_id = %s",
        (verification.value, reason, at, actor, incident_id),
    )


async def write_severity(conn: Connection, incident_id: UUID, severity: Severity) -> None:
    await conn.execute(
        "UPDATE incident SET severity = %s, severity_rank = %s, changed_at = clock_timestamp() WHERE incident_id = %s",
        (severity.value, severity.rank, incident_id),
    )


async def lock_merges(conn: Connection) -> None:
    """Until the transaction ends nobody else merges."""
    await conn.execute("SELECT pg_advisory_xact_lock(%s)", (_MERGER_LOCK,))


async def has_merged(conn: Connection, incident_id: UUID) -> bool:
    """Whether others are merged into this one."""
    cursor = await conn.execute("SELECT EXISTS (SELECT FROM incident WHERE merged_into = %s)", (incident_id,))
    row = await cursor.fetchone()
    return bool(row and row[0])


async def write_merge(conn: Connection, incident_id: UUID, into: UUID | None) -> None:
    await conn.execute(
        "UPDATE incident SET merged_into = %s, changed_at = clock_timestamp() WHERE incident_id = %s",
        (into, incident_id),
    )


async def merged_unanswered(conn: Connection, main_id: UUID) -> list[UUID]:
    """Those merged into ``main_id`` that nobody has acknowledged."""
    cursor = await conn.execute(
        "SELECT incident_id FROM incident WHERE merged_into = %s AND state IN ('raised', 'returned') ORDER BY number",
        (main_id,),
    )
    return [incident_id for (incident_id,) in await cursor.fetchall()]


async def related(conn: Connection, incident_id: UUID, *, sites: Sites = None, limit: int = 100) -> list[Related]:
    """The one that it is merged into, first, and those that are merged into it; of no other than ``sites``."""
    cursor = await conn.execute(
        "SELECT other.incident_id, other.number, other.rule, other.site_id, other.device_id, other.state,"
        " other.life_safety FROM incident AS i JOIN incident AS other"
        " ON other.incident_id = i.merged_into OR other.merged_into = i.incident_id"
        " WHERE i.incident_id = %(id)s AND (%(sites)s::text[] IS NULL OR other.site_id = ANY(%(sites)s))"
        " ORDER BY other.incident_id IS DISTINCT FROM i.merged_into, other.number LIMIT %(limit)s",
        {"id": incident_id, "sites": listed(sites), "limit": limit},
    )
    return [Related(*row) for row in await cursor.fetchall()]


async def write_shelf(
    conn: Connection, incident_id: UUID, *, until: datetime | None, actor: str = "", reason: str = ""
) -> None:
    """Shelve until then, or with None take off the shelf."""
    await conn.execute(
        "UPDATE incident SET shelved_until = %s, shelved_by = %s, shelve_reason = %s, changed_at = clock_timestamp()"
        " WHERE incident_id = %s",
        (until, actor or None, reason or None, incident_id),
    )


async def write_assignment(conn: Connection, incident_id: UUID, to: str | None, *, at: datetime, by: str) -> None:
    """Who has it in hand; None: nobody."""
    await conn.execute(
        "UPDATE incident SET assigned_to = %(to)s, assigned_at = CASE WHEN %(to)s::text IS NOT NULL THEN"
        " %(at)s::timestamptz END, assigned_by = CASE WHEN %(to)s::text IS NOT NULL THEN %(by)s::text END,"
        " changed_at = clock_timestamp() WHERE incident_id = %(incident_id)s",
        {"to": to, "at": at, "by": by, "incident_id": incident_id},
    )


async def shelves_over(conn: Connection, at: datetime, *, limit: int, but: Sequence[UUID] = ()) -> list[UUID]:
    """Incidents whose shelving has ended ``at``, but for these."""
    cursor = await conn.execute(
        "SELECT incident_id FROM incident WHERE shelved_until <= %s AND NOT incident_id = ANY(%s)"
        " ORDER BY shelved_until LIMIT %s",
        (at, list(but), limit),
    )
    return [incident_id for (incident_id,) in await cursor.fetchall()]


async def next_shelf_end(conn: Connection) -> datetime | None:
    cursor = await conn.execute("SELECT min(shelved_until) FROM incident WHERE shelved_until IS NOT NULL")
    row = await cursor.fetchone()
    return None if row is None or row[0] is None else utc(row[0])
