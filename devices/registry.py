"""The registry as lanes and decoders read it: in memory, keyed by what a topic names.

A `Registry` never changes; after a notice on ``NoticeChannel.REGISTRY`` load a new one and hand it to
`devices.formats.decode.Decoder.use`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from domain.device import RegisteredDevice
from storage.devices import load_devices
from storage.pool import Connection
from storage.sites import load_site_numbers


class Address(NamedTuple):
    """The name by which a maker's topics call a device."""

    device_no: int
    profile: str
    address: str


class Registry:
    """Every site and every device in service. Nested dicts rather than tuple keys: half the memory at a million."""

    __slots__ = ("_addresses", "_by_no", "_by_site", "_site_ids", "_site_nos")

    def __init__(
        self,
        sites: Mapping[str, int],
        devices: Iterable[RegisteredDevice],
        addresses: Iterable[Address] = (),
    ) -> None:
        """:param sites: site_id → site_no."""
        self._site_nos = dict(sites)
        self._site_ids = {number: site_id for site_id, number in sites.items()}
        self._by_no: dict[int, RegisteredDevice] = {}
        self._by_site: dict[str, dict[str, RegisteredDevice]] = {}
        self._addresses: dict[str, dict[str, tuple[RegisteredDevice, ...]]] = {}
        for device in devices:
            self._by_no[device.device_no] = device
            at_site = self._by_site.get(device.site_id)
            if at_site is None:
                at_site = self._by_site[device.site_id] = {}
            at_site[device.device_id] = device
        for device_no, profile, address in addresses:
            known = self._by_no.get(device_no)
            if known is not None:
                of_profile = self._addresses.setdefault(profile, {})
                of_profile[address] = (*of_profile.get(address, ()), known)

    def site_no(self, site_id: str) -> int | None:
        return self._site_nos.get(site_id)

    def site_id(self, site_no: int) -> str | None:
        return self._site_ids.get(site_no)

    def device(self, site_id: str, device_id: str) -> RegisteredDevice | None:
        at_site = self._by_site.get(site_id)
        return None if at_site is None else at_site.get(device_id)

    def by_no(self, device_no: int) -> RegisteredDevice | None:
        return self._by_no.get(device_no)

    def by_address(self, profile: str, address: str, site_id: str | None = None) -> tuple[RegisteredDevice, ...]:
        """Who has this address: none, one, or several when sites use the same name and no site is given."""
        found = self._addresses.get(profile, {}).get(address, ())
        return found if site_id is None else tuple(device for device in found if device.site_id == site_id)

    def at_site(self, site_id: str) -> list[RegisteredDevice]:
        return list(self._by_site.get(site_id, {}).values())

    @property
    def sites(self) -> Mapping[str, int]:
        """site_id → site_no."""
        return self._site_nos

    def __iter__(self) -> Iterator[RegisteredDevice]:
        return iter(self._by_no.values())

    def __len__(self) -> int:
        return len(self._by_no)


EMPTY_REGISTRY = Registry({}, ())


async def load_registry(conn: Connection) -> Registry:
    """Read the whole registry. Devices first: a site that comes meanwhile does no harm without its devices."""
    devices: list[RegisteredDevice] = []
    addresses: list[Address] = []
    async for device, profile, address in load_devices(conn):
        devices.append(device)
        if profile:
            addresses.append(Address(device.device_no, profile, address))
    return Registry(await load_site_numbers(conn), devices, addresses)
