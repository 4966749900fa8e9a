"""The log of detector state (docs/adr/0012): written with the observations that it came from, read at a restart."""

from __future__ import annotations

from collections.abc import Sequence

from domain.device import DeviceKind, RegisteredDevice
from domain.marks import Marks
from storage.pool import Connection

#: Entries that are fetched at a time: each is of a commit, up to some hundred kilobytes.
_FETCH = 20


async def store_marks(conn: Connection, marks: Sequence[Marks]) -> None:
    """Add to the log, and delete what has become needless by it."""
    for mark in marks:
        if mark.entry:
            await conn.execute(
                "INSERT INTO detector_mark (generation, marks) VALUES (%s, %b)", (mark.generation, mark.entry)
            )
        if mark.obsolete_before:
            await conn.execute("DELETE FROM detector_mark WHERE generation < %s", (mark.obsolete_before,))


async def load_marks(conn: Connection) -> list[Marks]:
    """The log, oldest first. Fetched in parts: of a million devices it is a hundred megabytes, and once is enough."""
    async with conn.transaction(), conn.cursor(name="load_marks", binary=True) as cursor:
        cursor.itersize = _FETCH
        await cursor.execute("SELECT generation, marks FROM detector_mark ORDER BY mark_no")
        return [Marks(generation, entry) async for generation, entry in cursor]


async def load_retired(conn: Connection) -> list[RegisteredDevice]:
    """Devices that are out of service: what is still remembered of them has to end."""
    cursor = await conn.execute(
        "SELECT d.device_no, d.site_no, s.site_id, d.device_id, d.kind, d.heartbeat_s, d.parent_no"
        " FROM device AS d JOIN site AS s USING (site_no) WHERE d.retired_at IS NOT NULL"
    )
    return [
        RegisteredDevice(no, site_no, site_id, device_id, DeviceKind(kind), heartbeat_s, parent_no)
        for no, site_no, site_id, device_id, kind, heartbeat_s, parent_no in await cursor.fetchall()
    ]
