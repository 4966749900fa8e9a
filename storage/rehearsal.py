"""What a rehearsal reads of incidents, and how it takes the database away from everybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from storage.pool import Connection


class Told(msgspec.Struct, frozen=True):
    """As much of an incident as tells it from others."""

    rule: str
    severity: str
    site_id: str
    device_id: str
    test: bool
    drill: bool


class Entry(msgspec.Struct, frozen=True):
    """A line of an incident's timeline, and which incident it is about."""

    entry_no: int
    kind: str
    actor: str
    detail: dict[str, Any]
    incident: Told


_TOLD: LiteralString = "i.rule, i.severity, i.site_id, i.device_id, i.test, i.drill"


async def entries(conn: Connection, *, after: int) -> list[Entry]:
    """The lines of all timelines beyond the number ``after``, in the order of their numbers."""
    cursor = await conn.execute(
        f"SELECT e.entry_no, e.kind, e.actor, e.detail, {_TOLD} FROM incident_entry AS e"
        " JOIN incident AS i USING (incident_id) WHERE e.entry_no > %s ORDER BY e.entry_no",
        (after,),
    )
    return [
        Entry(entry_no, kind, actor, detail, Told(*told))
        for entry_no, kind, actor, detail, *told in await cursor.fetchall()
    ]


class Stood(msgspec.Struct, frozen=True):
    """A site began to stand otherwise to a target. ``causes``: what it is not known to meet, each with its proof."""

    interval_no: int
    site_id: str
    target_id: str
    standing: str
    causes: list[dict[str, Any]]


async def standings(conn: Connection, *, after: int) -> list[Stood]:
    """What began beyond the number ``after``, in the order of the numbers: drop-offs with their causes, and changes."""
    cursor = await conn.execute(
        "SELECT c.interval_no, s.site_id, c.target_id, c.standing, c.causes"
        " FROM compliance_interval AS c JOIN site AS s USING (site_no)"
        " WHERE c.interval_no > %s AND (c.standing = 'dropped' OR NOT EXISTS (SELECT FROM compliance_interval AS b"
        "  WHERE b.site_no = c.site_no AND b.target_id = c.target_id AND b.until = c.since"
        "  AND b.standing = c.standing)) ORDER BY c.interval_no",
        (after,),
    )
    return [Stood(*row) for row in await cursor.fetchall()]


async def incidents_by_id(conn: Connection, incident_ids: Sequence[UUID]) -> dict[UUID, Told]:
    cursor = await conn.execute(
        f"SELECT i.incident_id, {_TOLD} FROM incident AS i WHERE i.incident_id = ANY(%s)", (list(incident_ids),)
    )
    return {row[0]: Told(*row[1:]) for row in await cursor.fetchall()}


async def incidents_to_handle(conn: Connection, *, rule: str, site_id: str, device_id: str) -> Sequence[UUID]:
    """Incidents of ``rule`` that are not closed, oldest first; an empty site or device stands for any."""
    cursor = await conn.execute(
        "SELECT incident_id FROM incident WHERE rule = %(rule)s AND state <> 'closed'"
        " AND %(site)s IN ('', site_id) AND %(device)s IN ('', device_id) ORDER BY number",
        {"rule": rule, "site": site_id, "device": device_id},
    )
    return [row[0] for row in await cursor.fetchall()]


async def shut(admin: Connection, dsn: str) -> None:
    """Throw everybody out of the database of ``dsn``, wait until they are gone, and let nobody in. ``admin`` is in
    another database.
    """
    name = str(conninfo_to_dict(dsn)["dbname"])
    await admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
    await admin.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", (name,))


async def reopen(admin: Connection, dsn: str) -> None:
    name = str(conninfo_to_dict(dsn)["dbname"])
    await admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))


async def person_number(conn: Connection, name: str) -> int | None:
    cursor = await conn.execute("SELECT person_no FROM person WHERE name = %s AND left_at IS NULL", (name,))
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def next_shift(conn: Connection, name: str, *, at: datetime) -> int | None:
    """Of somebody the shift that runs at ``at`` or comes next."""
    cursor = await conn.execute(
        "SELECT shift_no FROM duty_shift JOIN person USING (person_no) WHERE name = %s AND ends_at > %s"
        " ORDER BY starts_at LIMIT 1",
        (name, at),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def newest_notice(conn: Connection, *, rule: str, site_id: str, device_id: str, name: str) -> UUID | None:
    """The last message that somebody got of an incident of ``rule``; an empty site or device stands for any."""
    cursor = await conn.execute(
        "SELECT delivery_id FROM delivery JOIN incident AS i USING (incident_id) WHERE recipient = %(name)s"
        " AND channel <> 'webhook' AND delivery.state = 'sent' AND i.rule = %(rule)s"
        " AND %(site)s IN ('', i.site_id) AND %(device)s IN ('', i.device_id) ORDER BY sent_at DESC LIMIT 1",
        {"name": name, "rule": rule, "site": site_id, "device": device_id},
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]
