"""The registry as alerting needs it: names, places, addresses and contacts, answered from memory."""

from __future__ import annotations

from collections.abc import Iterable

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
        sites = [registered.site for registered in await list_sites(conn, limit=None)]
        devices: list[Device] = []
        after = ("", "")
        while page := await list_devices(conn, after=after, limit=_PAGE):
            devices.extend(page)
            after = (page[-1].site_id, page[-1].device_id)
        self.fill(sites, devices)

    def fill(self, sites: Iterable[Site], devices: Iterable[Device]) -> None:
        """Know these, and nothing else."""
        by_site: dict[str, dict[str, Device]] = {}
        for device in devices:
            by_site.setdefault(device.site_id, {})[device.device_id] = device
        self._sites, self._devices = {site.site_id: site for site in sites}, by_site

    def sites(self) -> list[Site]:
        return list(self._sites.values())

    def devices(self) -> list[Device]:
        return [device for at_site in self._devices.values() for device in at_site.values()]
