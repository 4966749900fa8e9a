"""Where it is: what a message about an incident says of site and device."""

from __future__ import annotations

from typing import Protocol

import msgspec

from domain.device import Device
from domain.site import Site


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Site and device of an incident; either may be unknown. ``cameras``: the nearest ones, the nearest first."""

    site: Site | None = None
    device: Device | None = None
    cameras: tuple[Device, ...] = ()


class Gazetteer(Protocol):
    """Whoever knows the registry. It answers from memory, so that a dead database stops no alarm."""

    def place(self, site_id: str, device_id: str) -> Place: ...
