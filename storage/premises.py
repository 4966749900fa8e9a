"""Gates, and hard barriers with their inspections."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from domain.errors import EntryRefused, RegistryError
from domain.premises import Barrier, Gate, Inspection
from storage.pool import Connection
from storage.registry import Changes, writing
from storage.versions import Version, VersionedTable, edit, get, put, remove

GATES = VersionedTable(name="gate", fact=Gate, key=("site_id", "gate_id"))
BARRIERS = VersionedTable(name="barrier", fact=Barrier, key=("site_id", "barrier_id"))

Key = tuple[str, str]


async def put_premises(
    conn: Connection, gates: Iterable[Gate], barriers: Iterable[Barrier], *, actor: str, at: datetime
) -> tuple[Changes, Changes]:
    """Gates and barriers at once, as an import brings them.

    :raises RegistryError: a barrier stands at a gate, or either has a device, that is not registered.
    """
    async with writing(conn):
        changes = (
            await put(conn, GATES, gates, actor=actor, at=at),
            await put(conn, BARRIERS, barriers, actor=actor, at=at),
        )
        await _check(conn)
    return changes


async def edit_gate(conn: Connection, gate: Gate, *, version: int | None, actor: str, at: datetime) -> Version[Gate]:
    """:raises EntryRefused: its access control is no device of the site."""
    async with writing(conn):
        await _check_device(conn, gate.site_id, gate.device_id)
        held = await edit(conn, GATES, gate, version=version, actor=actor, at=at)
        await _check(conn)
    return held


async def edit_barrier(
    conn: Connection, barrier: Barrier, *, version: int | None, actor: str, at: datetime
) -> Version[Barrier]:
    """:raises EntryRefused: its gate or its sensor is none of the site."""
    async with writing(conn):
        await _check_device(conn, barrier.site_id, barrier.device_id)
        gate = await conn.execute(
            "SELECT FROM gate WHERE site_id = %s AND gate_id = %s AND valid_to IS NULL",
            (barrier.site_id, barrier.gate_id),
        )
        if not gate.rowcount:
            raise EntryRefused("gate_id", f"no gate {barrier.gate_id} at this site")
        held = await edit(conn, BARRIERS, barrier, version=version, actor=actor, at=at)
        await _check(conn)
    return held


async def remove_gate(
    conn: Connection, site_id: str, gate_id: str, *, version: int | None, actor: str, at: datetime
) -> None:
    """:raises RegistryError: barriers still stand at it."""
    async with writing(conn):
        await remove(conn, GATES, site_id, gate_id, version=version, actor=actor, at=at)
        await _check(conn)


async def inspect(conn: Connection, inspection: Inspection, *, actor: str, at: datetime) -> Version[Barrier]:
    """Keep an inspection; the newest one by its day stands with the barrier.

    :raises UnknownEntry: no such barrier.
    """
    async with writing(conn):
        held = await get(conn, BARRIERS, inspection.site_id, inspection.barrier_id)
        await conn.execute(
            """INSERT INTO barrier_inspection (site_id, barrier_id, inspected_on, passed, inspector, note, recorded_at)
               VALUES (%s, %s, %s, %s, %s, %s, %s)""",
            (*msgspec.structs.astuple(inspection), at),
        )
        if (held.fact.inspected_on or date.min) > inspection.inspected_on:
            return held
        barrier = msgspec.structs.replace(
            held.fact, inspected_on=inspection.inspected_on, inspection_passed=inspection.passed
        )
        return await edit(conn, BARRIERS, barrier, version=held.version, actor=actor, at=at)


async def list_inspections(
    conn: Connection, site_id: str, barrier_id: str, *, before: int | None = None, limit: int | None = None
) -> list[tuple[int, Inspection]]:
    """The inspections of a barrier, the last recorded first, each with its number; older than number ``before``."""
    cursor = await conn.execute(
        """SELECT inspection_no, inspected_on, passed, inspector, note FROM barrier_inspection
           WHERE site_id = %(site)s AND barrier_id = %(barrier)s
             AND (%(before)s::bigint IS NULL OR inspection_no < %(before)s)
           ORDER BY inspection_no DESC LIMIT %(limit)s""",
        {"site": site_id, "barrier": barrier_id, "before": before, "limit": limit},
    )
    return [
        (
            row[0],
            Inspection(
                site_id=site_id,
                barrier_id=barrier_id,
                inspected_on=row[1],
                passed=row[2],
                inspector=row[3],
                note=row[4],
            ),
        )
        for row in await cursor.fetchall()
    ]


async def _check_device(conn: Connection, site_id: str, device_id: str) -> None:
    if not device_id:
        return
    cursor = await conn.execute(
        "SELECT FROM device AS d JOIN site AS s USING (site_no) WHERE s.site_id = %s AND d.device_id = %s",
        (site_id, device_id),
    )
    if not cursor.rowcount:
        raise EntryRefused("device_id", f"no device {device_id} at this site")


async def _check(conn: Connection) -> None:
    """What stands now has to fit together."""
    cursor = await conn.execute(
        """SELECT b.site_id || '/' || b.barrier_id || ' at gate ' || b.gate_id FROM barrier AS b
           WHERE b.valid_to IS NULL AND b.gate_id <> ''
             AND NOT EXISTS (SELECT FROM gate AS g WHERE g.site_id = b.site_id AND g.gate_id = b.gate_id
                             AND g.valid_to IS NULL)
           ORDER BY 1 LIMIT 10"""
    )
    if astray := [key for (key,) in await cursor.fetchall()]:
        raise RegistryError(f"barriers without their gate: {', '.join(astray)}")
    cursor = await conn.execute(
        """SELECT p.key || ': ' || p.device_id
           FROM (SELECT site_id, device_id, 'gate ' || site_id || '/' || gate_id AS key FROM gate
                 WHERE valid_to IS NULL AND device_id <> ''
                 UNION ALL
                 SELECT site_id, device_id, 'barrier ' || site_id || '/' || barrier_id FROM barrier
                 WHERE valid_to IS NULL AND device_id <> '') AS p
           WHERE NOT EXISTS (SELECT FROM device AS d JOIN site AS s USING (site_no)
                             WHERE s.site_id = p.site_id AND d.device_id = p.device_id)
           ORDER BY 1 LIMIT 10"""
    )
    if unknown := [key for (key,) in await cursor.fetchall()]:
        raise RegistryError(f"no such device: {', '.join(unknown)}")
