"""Adoption: a device that speaks without being registered is offered, and registered when somebody says what it is.

What it said before stays in quarantine, from where it can be replayed.
"""

from __future__ import annotations

from datetime import datetime

from devices.formats.topic import DEVICE_ID
from domain.device import Device, RegisteredDevice
from domain.errors import RegistryError
from storage.devices import get_registered, upsert_devices
from storage.pool import Connection
from storage.sites import get_site
from storage.unregistered import UnregisteredDevice, list_unregistered

__all__ = ["UnregisteredDevice", "adopt", "offers"]


async def offers(conn: Connection, *, after: tuple[str, str] = ("", ""), limit: int = 100) -> list[UnregisteredDevice]:
    """Devices that speak without being registered, by (site_id, device_id), from behind ``after``.

    One with an empty ``site_id`` speaks a maker's format whose topics name no site: its ``device_id`` is the address
    and its ``channels`` the profile; adopt it with a site and id of your own and that profile and address.
    """
    return await list_unregistered(conn, after=after, limit=limit)


async def adopt(conn: Connection, device: Device, *, actor: str, at: datetime) -> RegisteredDevice:
    """Register a device that was offered; lanes learn of it by notice.

    :raises UnknownSite: no such site.
    :raises RegistryError: the id is no id, it is registered already, or another device has its address.
    """
    if DEVICE_ID.fullmatch(device.device_id) is None:
        raise RegistryError("device_id: expected 1 to 64 of A-Z a-z 0-9 _ . -")
    async with conn.transaction():
        await get_site(conn, device.site_id)
        if await get_registered(conn, device.site_id, device.device_id) is not None:
            raise RegistryError(f"{device.site_id}/{device.device_id} is registered already")
        await upsert_devices(conn, [device], actor=actor, at=at, added="device.adopted")
        adopted = await get_registered(conn, device.site_id, device.device_id)
    assert adopted is not None
    return adopted
