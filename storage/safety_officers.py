"""The safety officers of the sites (安全干部)."""

from __future__ import annotations

from datetime import datetime

from domain.safety_officer import SafetyOfficer
from storage.pool import Connection
from storage.versions import Version, VersionedTable, load

OFFICERS = VersionedTable(
    name="safety_officer", fact=SafetyOfficer, key=("site_id", "name"), secrets=frozenset({"contacts", "phone"})
)


async def list_officers(
    conn: Connection,
    *,
    at: datetime | None = None,
    site_id: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int | None = None,
) -> list[Version[SafetyOfficer]]:
    """Officers as they are registered now, or were at ``at``, by (site_id, name)."""
    where = {} if site_id is None else {"site_id": site_id}
    return await load(conn, OFFICERS, at=at, where=where, after=after, limit=limit)
