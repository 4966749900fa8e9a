"""Devices as they are registered, and those in service as the lanes load them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from domain.device import Device, DeviceKind, RegisteredDevice
from domain.errors import RegistryError, UnknownDevice, UnknownSite
from storage.audit_trail import append
from storage.facts import keep_networked_devices
from storage.notices import NoticeChannel, notify
from storage.pool import Connection
from storage.registry import Changes, audited, stage, writing

_FETCH = 10_000
_KINDS = {kind.value: kind for kind in DeviceKind}


class LoadedDevice(NamedTuple):
    """A device in service with the name that its maker's topics use ("" = our own format alone)."""

    device: RegisteredDevice
    profile: str
    address: str


async def load_devices(conn: Connection) -> AsyncIterator[LoadedDevice]:
    """Every device in service. Streamed: a million rows never stand in memory twice."""
    async with conn.transaction(), conn.cursor(name="load_devices") as cursor:
        cursor.itersize = _FETCH
        await cursor.execute(
            """SELECT d.device_no, d.site_no, s.site_id, d.device_id, d.kind, d.heartbeat_s, d.parent_no, d.profile,
                      d.address
               FROM device AS d JOIN site AS s USING (site_no)
               WHERE d.retired_at IS NULL ORDER BY d.device_no"""
        )
        sites: dict[str, str] = {}
        async for number, site_no, site_id, device_id, kind, heartbeat_s, parent_no, profile, address in cursor:
            device = RegisteredDevice(
                number,
                site_no,
                sites.setdefault(site_id, site_id),
                device_id,
                _KINDS[kind],
                heartbeat_s,
                parent_no,
            )
            yield LoadedDevice(device, profile, address)


async def upsert_devices(
    conn: Connection, devices: Iterable[Device], *, actor: str, at: datetime, added: str = "device.added"
) -> Changes:
    """Add what is new, change what differs (a retired device comes back), touch nothing else.

    A parent is looked up by its device_id at the same site, among what is registered and what is being added.

    :param added: what the audit calls a device that comes into service.
    :raises UnknownSite: a device names a site that is not registered.
    :raises RegistryError: a device is given twice, a parent is unknown or circular, an address is taken, or the table
        refuses a value. Whatever is raised, nothing was changed.
    """
    async with writing(conn):
        await stage(
            conn,
            """CREATE TEMP TABLE staged_device (
                   site_id text, device_id text, kind text, name text, place text, parent_id text, profile text,
                   address text, heartbeat_s integer, key_place boolean, must_network boolean,
                   PRIMARY KEY (site_id, device_id)
               ) ON COMMIT DROP""",
            "COPY staged_device FROM STDIN",
            (
                (
                    device.site_id,
                    device.device_id,
                    device.kind.value,
                    device.name,
                    device.place,
                    device.parent_id,
                    device.profile,
                    device.address,
                    device.heartbeat_s,
                    device.key_place,
                    device.must_network,
                )
                for device in devices
            ),
        )
        await conn.execute("ANALYZE staged_device")
        cursor = await conn.execute(
            """SELECT DISTINCT site_id FROM staged_device
               WHERE site_id NOT IN (SELECT site_id FROM site) ORDER BY site_id LIMIT 10"""
        )
        if unknown := [site_id for (site_id,) in await cursor.fetchall()]:
            raise UnknownSite(f"no such site: {', '.join(unknown)}")
        await conn.execute(_PLAN_DEVICES)
        await conn.execute(_FREE_ADDRESSES)
        await conn.execute(_INSERT_DEVICES, {"at": at})
        await conn.execute(_UPDATE_DEVICES, {"at": at})
        await conn.execute(_SET_PARENTS)
        await _check_parents(conn)
        await keep_networked_devices(conn, at=at)
        changes = await audited(conn, _AUDIT_DEVICES, actor, at, added)
        await conn.execute("DROP TABLE device_plan, staged_device")
    return changes


_PLAN_DEVICES: LiteralString = """
CREATE TEMP TABLE device_plan ON COMMIT DROP AS
SELECT n.*, s.site_no, o.device_no,
       CASE WHEN o.device_no IS NULL THEN 'device.added'
            WHEN o.retired_at IS NOT NULL THEN 'device.restored'
            WHEN (n.kind, n.name, n.place, n.parent_id, n.profile, n.address, n.heartbeat_s, n.key_place,
                  n.must_network)
                 IS DISTINCT FROM
                 (o.kind, o.name, o.place, coalesce(p.device_id, ''), o.profile, o.address, o.heartbeat_s, o.key_place,
                  o.must_network)
            THEN 'device.changed' END AS action,
       jsonb_build_object('kind', o.kind, 'name', o.name, 'place', o.place, 'parent_id', coalesce(p.device_id, ''),
                          'profile', o.profile, 'address', o.address, 'heartbeat_s', o.heartbeat_s,
                          'key_place', o.key_place, 'must_network', o.must_network) AS before
FROM staged_device AS n
JOIN site AS s USING (site_id)
LEFT JOIN device AS o ON o.site_no = s.site_no AND o.device_id = n.device_id
LEFT JOIN device AS p ON p.device_no = o.parent_no
"""


# Two devices may swap addresses in one import: whoever gives up an address does so before anybody takes it.
_FREE_ADDRESSES: LiteralString = """
UPDATE device AS d SET profile = '', address = '' FROM device_plan AS n
WHERE n.action IS NOT NULL AND d.device_no = n.device_no AND d.profile <> ''
  AND (d.profile, d.address) IS DISTINCT FROM (n.profile, n.address)
"""


_INSERT_DEVICES: LiteralString = """
INSERT INTO device (site_no, device_id, kind, name, place, profile, address, heartbeat_s, key_place, must_network,
                    created_at, updated_at)
SELECT site_no, device_id, kind, name, place, profile, address, heartbeat_s, key_place, must_network, %(at)s, %(at)s
FROM device_plan WHERE action = 'device.added' ORDER BY site_no, device_id
"""


_UPDATE_DEVICES: LiteralString = """
UPDATE device AS d
SET kind = n.kind, name = n.name, place = n.place, parent_no = NULL, profile = n.profile, address = n.address,
    heartbeat_s = n.heartbeat_s, key_place = n.key_place, must_network = n.must_network, retired_at = NULL,
    updated_at = %(at)s
FROM device_plan AS n
WHERE n.action IN ('device.changed', 'device.restored') AND d.device_no = n.device_no
"""


_SET_PARENTS: LiteralString = """
UPDATE device AS d SET parent_no = p.device_no
FROM device_plan AS n, device AS p
WHERE n.action IS NOT NULL AND n.parent_id <> '' AND d.site_no = n.site_no AND d.device_id = n.device_id
  AND p.site_no = n.site_no AND p.device_id = n.parent_id AND p.retired_at IS NULL
"""


_AUDIT_DEVICES: LiteralString = """
WITH entry AS (
    INSERT INTO audit_entry (at, actor, origin, action, subject, detail)
    SELECT %(at)s, %(actor)s, %(origin)s,
           CASE WHEN n.action = 'device.changed' THEN n.action
                WHEN %(added)s <> 'device.added' THEN %(added)s ELSE n.action END,
           n.site_id || '/' || n.device_id, difference.detail
    FROM device_plan AS n, LATERAL (
        SELECT coalesce(jsonb_object_agg(key, jsonb_build_array(n.before -> key, value)), '{}') AS detail
        FROM jsonb_each(jsonb_build_object('kind', n.kind, 'name', n.name, 'place', n.place, 'parent_id', n.parent_id,
                                           'profile', n.profile, 'address', n.address, 'heartbeat_s', n.heartbeat_s,
                                           'key_place', n.key_place, 'must_network', n.must_network))
        WHERE n.before -> key IS DISTINCT FROM value
    ) AS difference
    WHERE n.action IS NOT NULL
    RETURNING 1
)
SELECT count(*) FILTER (WHERE action = 'device.added'),
       count(*) FILTER (WHERE action <> 'device.added'),
       count(*) FILTER (WHERE action IS NULL)
FROM device_plan
"""


async def _check_parents(conn: Connection) -> None:
    cursor = await conn.execute(
        """SELECT n.site_id || '/' || n.device_id, n.parent_id
           FROM device_plan AS n JOIN device AS d ON d.site_no = n.site_no AND d.device_id = n.device_id
           WHERE n.parent_id <> '' AND d.parent_no IS NULL ORDER BY 1 LIMIT 10"""
    )
    if orphans := await cursor.fetchall():
        raise RegistryError("no such parent: " + ", ".join(f"{parent} of {key}" for key, parent in orphans))
    cursor = await conn.execute(
        """WITH RECURSIVE up (start_no, device_no) AS (
               SELECT d.device_no, d.parent_no
               FROM device_plan AS n JOIN device AS d ON d.site_no = n.site_no AND d.device_id = n.device_id
               WHERE n.action IS NOT NULL AND n.parent_id <> ''
               UNION
               SELECT up.start_no, d.parent_no FROM up JOIN device AS d USING (device_no)
               WHERE d.parent_no IS NOT NULL AND up.device_no <> up.start_no
           )
           SELECT s.site_id || '/' || d.device_id
           FROM up JOIN device AS d USING (device_no) JOIN site AS s USING (site_no)
           WHERE up.start_no = up.device_no ORDER BY 1 LIMIT 10"""
    )
    if loops := [key for (key,) in await cursor.fetchall()]:
        raise RegistryError(f"a device hangs on itself: {', '.join(loops)}")


async def retire_device(conn: Connection, site_id: str, device_id: str, *, actor: str, at: datetime) -> None:
    """Take a device out of service; its history stays, its address is free again.

    :raises UnknownDevice: no such device in service.
    :raises RegistryError: other devices in service hang on it.
    """
    async with writing(conn):
        cursor = await conn.execute(
            """UPDATE device AS d SET retired_at = %(at)s, updated_at = %(at)s, profile = '', address = ''
               FROM site AS s
               WHERE s.site_no = d.site_no AND s.site_id = %(site)s AND d.device_id = %(device)s
                 AND d.retired_at IS NULL
               RETURNING d.device_no""",
            {"at": at, "site": site_id, "device": device_id},
        )
        row = await cursor.fetchone()
        if row is None:
            raise UnknownDevice(f"no device {device_id} in service at site {site_id}")
        cursor = await conn.execute(
            "SELECT device_id FROM device WHERE parent_no = %s AND retired_at IS NULL ORDER BY device_id LIMIT 10", row
        )
        if children := [child for (child,) in await cursor.fetchall()]:
            raise RegistryError(f"devices still hang on {device_id}: {', '.join(children)}")
        await keep_networked_devices(conn, at=at)
        await append(conn, at=at, actor=actor, action="device.retired", subject=f"{site_id}/{device_id}")
        await notify(conn, NoticeChannel.REGISTRY)


_DEVICE_COLUMNS: LiteralString = """
SELECT s.site_id, d.device_id, d.kind, d.name, d.place, coalesce(p.device_id, ''), d.profile, d.address, d.heartbeat_s,
       d.key_place, d.must_network
FROM device AS d JOIN site AS s USING (site_no) LEFT JOIN device AS p ON p.device_no = d.parent_no
"""


async def list_devices(
    conn: Connection,
    *,
    site_id: str | None = None,
    after: tuple[str, str] = ("", ""),
    limit: int | None = 100,
) -> list[Device]:
    """Devices in service by (site_id, device_id), from behind ``after``; ``limit=None`` = all."""
    cursor = await conn.execute(
        _DEVICE_COLUMNS
        + """WHERE d.retired_at IS NULL AND (%(site)s::text IS NULL OR s.site_id = %(site)s)
               AND (s.site_id, d.device_id) > (%(after_site)s, %(after_device)s)
             ORDER BY s.site_id, d.device_id LIMIT %(limit)s""",
        {"site": site_id, "after_site": after[0], "after_device": after[1], "limit": limit},
    )
    return [_device(row) for row in await cursor.fetchall()]


async def get_device(conn: Connection, site_id: str, device_id: str) -> Device:
    """:raises UnknownDevice: no such device in service."""
    cursor = await conn.execute(
        _DEVICE_COLUMNS + "WHERE d.retired_at IS NULL AND s.site_id = %s AND d.device_id = %s", (site_id, device_id)
    )
    row = await cursor.fetchone()
    if row is None:
        raise UnknownDevice(f"no device {device_id} in service at site {site_id}")
    return _device(row)


async def get_registered(conn: Connection, site_id: str, device_id: str) -> RegisteredDevice | None:
    """The device in service with its row numbers, or None."""
    cursor = await conn.execute(
        """SELECT d.device_no, d.site_no, s.site_id, d.device_id, d.kind, d.heartbeat_s, d.parent_no
           FROM device AS d JOIN site AS s USING (site_no)
           WHERE d.retired_at IS NULL AND s.site_id = %s AND d.device_id = %s""",
        (site_id, device_id),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return RegisteredDevice(row[0], row[1], row[2], row[3], _KINDS[row[4]], row[5], row[6])


def _device(row: Sequence[Any]) -> Device:
    return Device(
        site_id=row[0],
        device_id=row[1],
        kind=_KINDS[row[2]],
        name=row[3],
        place=row[4],
        parent_id=row[5],
        profile=row[6],
        address=row[7],
        heartbeat_s=row[8],
        key_place=row[9],
        must_network=row[10],
    )
