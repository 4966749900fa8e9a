"""The district of a scenario, and its sites and devices by the names that the file gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import TypeAlias

from simulators.district import DISTRICT_SITES, District, build_district
from simulators.gazetteer import TOWNSHIPS
from simulators.register import Register, build_register
from simulators.scenarios import format as form

_LONG = timedelta(days=366)  # ids do not depend on the day; inspections are counted back from it
Way: TypeAlias = tuple[str | int, ...]
Wrong: TypeAlias = Callable[[Way, str], None]


class Places:
    """What is not there is told to ``wrong``, with the way to the field and what is there instead."""

    def __init__(self, header: form.Header, wrong: Wrong) -> None:
        self._wrong = wrong
        self._seed = header.seed
        self.district = self._chosen(build_district(header.seed, header.sites), header.devices)
        self._sites = {site.site_id for site in self.district.sites}
        self._site_of = {device.device_id: device.site_id for device in self.district.devices}

    def find(self, site: str | None, device: str | None, way: Way) -> tuple[str, str]:
        """Site and device, as far as they are named; the site of a device is its own."""
        if site is not None and site not in self._sites:
            first, last = self.district.sites[0].site_id, self.district.sites[-1].site_id
            there = f"there is {first}" if first == last else f"there are {first} to {last}"
            self._wrong((*way, "site"), f"no site {site!r} in this scenario; {there}{_more_sites(site)}")
            return site, device or ""
        if device is None:
            return site or "", ""
        own = self._site_of.get(device)
        if own is None:
            self._wrong((*way, "device"), f"no device {device!r} in this scenario{_alike(device, self._site_of)}")
        elif site is not None and own != site:
            self._wrong((*way, "site"), f"expected {own}, where {device} is")
        return own or site or "", device

    def guards(self, site: str) -> list[str]:
        return [one.guard_id for one in self._register.guards if one.site_id == site]

    def barriers(self, site: str) -> list[str]:
        return [one.barrier_id for one in self._register.barriers if one.site_id == site]

    def posts(self, site: str) -> list[str]:
        return [one.post_id for one in self._register.posts if one.site_id == site]

    @cached_property
    def _register(self) -> Register:
        return build_register(self._seed, self.district.sites, (), on=date.min + _LONG)

    def sites_for(self, township: str) -> str:
        """How a larger scenario would have a site of ``township``, where the whole district has one."""
        name = next((one.name for one in TOWNSHIPS if one.name_en.lower() == township.lower()), township)
        for number, site in enumerate(build_district(self._seed).sites, start=1):
            if site.township == name:
                return f"; `sites: {number}` has one in {name}"
        return ""

    def _chosen(self, district: District, names: Sequence[str] | None) -> District:
        """With the devices of these names alone, and those that they hang on."""
        if names is None:
            return district
        parents = {device.device_id: device.parent_id for device in district.devices}
        for number, name in enumerate(names):
            if name not in parents:
                self._wrong(("devices", number), f"no device {name!r} in this district{_alike(name, parents)}")
        chosen = set(names)
        while above := {parents[name] for name in chosen if parents.get(name)} - chosen:
            chosen |= above
        kept = tuple(device for device in district.devices if device.device_id in chosen)
        return District(district.sites, kept or district.devices)


def _alike(device: str, known: Iterable[str]) -> str:
    """Those whose names begin like it, or where it could be."""
    alike = [name for name in known if name.rpartition("-")[0] == device.rpartition("-")[0]]
    if not alike:
        return _more_sites(device)
    return f"; there is {alike[0]}" if len(alike) == 1 else f"; there are {alike[0]} to {alike[-1]}"


def _more_sites(name: str) -> str:
    """How a larger scenario would have the site of ``name``, where the district goes so far."""
    number = name.partition("-")[0].removeprefix("s")
    if len(number) == 3 and number.isascii() and number.isdigit() and 1 <= int(number) <= DISTRICT_SITES:
        return f"; `sites: {int(number)}` has a site s{number}"
    return f"; sites are called s001 to s{DISTRICT_SITES}, devices like s001-smk-14"
