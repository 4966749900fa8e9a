"""What a rehearsal reads of incidents, and how it takes the database away from everybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from domain.incident import OPEN_STATES
from storage.pool import Connection


class Entry(msgspec.Struct, frozen=True):
    """A line of an incident's timeline, and which incident it is about."""

    entry_no: int
    incident_id: UUID
    kind: str
    actor: str
    at: datetime
    detail: dict[str, Any]
    rule: str
    severity: str
    site_id: str
    device_id: str
    test: bool
    drill: bool


async def entries_after(conn: Connection, entry_no: int) -> list[Entry]:
    """The lines that were added since ``entry_no``, in the order of their numbers."""
    cursor = await conn.execute(
        "SELECT e.entry_no, e.incident_id, e.kind, e.actor, e.at, e.detail, i.rule, i.severity, i.site_id,"
        " i.device_id, i.test, i.drill FROM incident_entry AS e JOIN incident AS i USING (incident_id)"
        " WHERE e.entry_no > %s ORDER BY e.entry_no",
        (entry_no,),
    )
    return [Entry(*row) for row in await cursor.fetchall()]


async def open_incidents(conn: Connection, *, rule: str, site_id: str, device_id: str) -> Sequence[UUID]:
    """Open incidents of ``rule``, oldest first; an empty site or device stands for any."""
    cursor = await conn.execute(
        "SELECT incident_id FROM incident WHERE rule = %(rule)s AND state = ANY(%(open)s)"
        " AND %(site)s IN ('', site_id) AND %(device)s IN ('', device_id) ORDER BY number",
        {"rule": rule, "open": [state.value for state in OPEN_STATES], "site": site_id, "device": device_id},
    )
    return [row[0] for row in await cursor.fetchall()]


async def shut(admin: Connection, dsn: str) -> None:
    """Throw everybody out of the database of ``dsn`` and let nobody in. ``admin`` is in another database."""
    name = str(conninfo_to_dict(dsn)["dbname"])
    await admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


async def reopen(admin: Connection, dsn: str) -> None:
    name = str(conninfo_to_dict(dsn)["dbname"])
    await admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))
