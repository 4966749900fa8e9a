"""The registry as alerting needs it: names, places, addresses and contacts, answered from memory."""

from __future__ import annotations

from alerting.place import Place
from domain.device import Device
from domain.site import Site
from storage.pool import Connection
from storage.registry import list_devices, list_sites

_PAGE = 5000


class RegistryGazetteer:
    """Empty until `load`; what is loaded stays in use while the database is away."""

    def __init__(self) -> None:
        self._sites: dict[str, Site] = {}
        self._devices: dict[str, dict[str, Device]] = {}

    def place(self, site_id: str, device_id: str) -> Place:
        return Place(site=self._sites.get(site_id), device=self._devices.get(site_id, {}).get(device_id))

    async def load(self, conn: Connection) -> None:
        """Read the whole registry anew."""
        sites = {registered.site.site_id: registered.site for registered in await list_sites(conn, limit=None)}
        devices: dict[str, dict[str, Device]] = {site_id: {} for site_id in sites}
        after = ("", "")
        while page := await list_devices(conn, after=after, limit=_PAGE):
            for device in page:
                devices.setdefault(device.site_id, {})[device.device_id] = device
            after = (page[-1].site_id, page[-1].device_id)
        self._sites, self._devices = sites, devices
