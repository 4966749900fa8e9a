"""What hangs on what: site, uplink, switch, recorder or gateway, device, by `RegisteredDevice.parent_no`, at any depth.

A parent that is not registered (any more) is none. The registry refuses circles (`storage.registry`); one that were
there all the same would end where it begins.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping

from domain.device import RegisteredDevice


class Topology:
    """The trees over ``devices``, which must not change meanwhile; numbers are ``device_no``."""

    def __init__(self, devices: Mapping[int, RegisteredDevice]) -> None:
        self._devices = devices
        self._children: dict[int, array[int]] = {}
        self._members: dict[int, array[int]] = {}
        for number, device in devices.items():
            _add(self._members, device.site_no, number)
            if device.parent_no is not None and device.parent_no in devices:
                _add(self._children, device.parent_no, number)

    def members(self, site_no: int) -> array[int]:
        """All devices of a site."""
        return self._members.get(site_no, _NONE)

    def children(self, number: int) -> array[int]:
        return self._children.get(number, _NONE)

    def above(self, number: int) -> Iterator[int]:
        """What ``number`` hangs on, nearest first."""
        seen = {number}
        device = self._devices.get(number)
        while device is not None and device.parent_no is not None and device.parent_no not in seen:
            seen.add(device.parent_no)
            device = self._devices.get(device.parent_no)
            if device is not None:
                yield device.device_no

    def depth(self, number: int) -> int:
        """0 for what hangs on nothing."""
        return sum(1 for _ in self.above(number))


_NONE = array("i")


def _add(into: dict[int, array[int]], key: int, number: int) -> None:
    numbers = into.get(key)
    if numbers is None:
        into[key] = array("i", (number,))
    else:
        numbers.append(number)
