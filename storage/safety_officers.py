"""The safety officers of the sites (安全干部)."""

from __future__ import annotations

from collections.abc import Iterable

from domain.duty import Person
from domain.safety_officer import SafetyOfficer
from storage.pool import Connection
from storage.versions import VersionedTable

OFFICERS = VersionedTable(
    name="safety_officer", fact=SafetyOfficer, key=("site_id", "name"), secrets=frozenset({"contacts", "phone"})
)


async def reachable_officers(conn: Connection, site_ids: Iterable[str]) -> dict[str, list[Person]]:
    """Those of these sites who have a way to be told, by site, as people who bring their own ways."""
    cursor = await conn.execute(
        "SELECT site_id, version_no, name, language FROM safety_officer"
        " WHERE valid_to IS NULL AND site_id = ANY(%s) AND cardinality(contacts) > 0 ORDER BY site_id, name",
        (sorted(site_ids),),
    )
    found: dict[str, list[Person]] = {}
    for site_id, number, name, language in await cursor.fetchall():
        found.setdefault(site_id, []).append(
            Person(
                person_no=0,
                person_id=f"safety-officer/{site_id}/{name}",
                name=name,
                site_id=site_id,
                language=language,
                officer_no=number,
            )
        )
    return found


async def officer_addresses(conn: Connection, officer_no: int) -> tuple[str, ...]:
    """Secrets, for whoever sends: the ways to an officer as they are now, or were last if he has left since."""
    cursor = await conn.execute(
        "SELECT newest.contacts FROM safety_officer AS told JOIN safety_officer AS newest USING (site_id, name)"
        " WHERE told.version_no = %s ORDER BY newest.valid_to DESC NULLS FIRST, newest.version_no DESC LIMIT 1",
        (officer_no,),
    )
    row = await cursor.fetchone()
    return () if row is None else tuple(row[0])
