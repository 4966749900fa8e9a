"""The registry as alerting needs it: names, places, addresses and contacts, answered from memory."""

from __future__ import annotations

from collections.abc import Iterable

from alerting.place import Place
from domain.device import Device, DeviceKind
from domain.site import Site
from storage.devices import list_devices
from storage.pool import Connection
from storage.sites import list_sites

_PAGE = 5000
#: Named in a message about one device; and how many signs of two places' names have to agree to be near: a building.
MOST_CAMERAS = 3
_ALIKE = 2


class RegistryGazetteer:
    """Empty until `load`; what is loaded stays in use while the database is away."""

    def __init__(self) -> None:
        self._sites: dict[str, Site] = {}
        self._devices: dict[str, dict[str, Device]] = {}
        self._cameras: dict[str, list[Device]] = {}
        self._near: dict[tuple[str, str], tuple[Device, ...]] = {}

    def place(self, site_id: str, device_id: str) -> Place:
        device = self._devices.get(site_id, {}).get(device_id)
        if device is None:
            return Place(site=self._sites.get(site_id))
        key = (site_id, device_id)
        if key not in self._near:
            self._near[key] = nearest_cameras(device, self._cameras[site_id])
        return Place(site=self._sites.get(site_id), device=device, cameras=self._near[key])

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
        self._cameras = {
            site_id: [device for device in at_site.values() if device.kind is DeviceKind.CAMERA]
            for site_id, at_site in by_site.items()
        }
        self._near = {}

    def sites(self) -> list[Site]:
        return list(self._sites.values())

    def devices(self) -> list[Device]:
        return [device for at_site in self._devices.values() for device in at_site.values()]


def nearest_cameras(device: Device, cameras: Iterable[Device]) -> tuple[Device, ...]:
    """Of the cameras of its site: those of the same place, then those whose place is called most alike (a building, a
    floor). A place whose name has nothing of it is not near.
    """
    alike = [(_alike(camera.place, device.place), camera) for camera in cameras if camera.device_id != device.device_id]
    near = sorted((one for one in alike if one[0] >= _ALIKE), key=lambda one: (-one[0], one[1].device_id))
    return tuple(camera for _, camera in near[:MOST_CAMERAS])


def _alike(one: str, other: str) -> int:
    """With how many signs both begin; more than any such beginning where they are the same."""
    if one == other:
        return len(one) + 1
    both = min(len(one), len(other))
    return next((place for place in range(both) if one[place] != other[place]), both)
