"""Which devices a rule watches, by what its document says and what the registry knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate

from detectors.documents.form import Watch
from detectors.grounds import Grounds
from domain.device import DeviceKind, RegisteredDevice

Fits = Callable[[RegisteredDevice], bool]


def watched_kinds(watch: Watch) -> frozenset[DeviceKind] | None:
    """None = all of them."""
    return None if watch.kinds is None else frozenset(map(DeviceKind, watch.kinds))


def chosen(watch: Watch, grounds: Grounds) -> Fits | None:
    """Whether a device of a watched kind is watched; None where each of them is."""
    tests: list[Fits] = []
    if watch.sites is not None:
        sites = frozenset(watch.sites)
        tests.append(lambda device: device.site_id in sites)
    if watch.site_kinds is not None:
        kinds = frozenset(watch.site_kinds)
        tests.append(lambda device: grounds.site(device.site_no).kind in kinds)
    if watch.townships is not None:
        townships = frozenset(watch.townships)
        tests.append(lambda device: grounds.site(device.site_no).township in townships)
    if watch.places is not None:
        places = pattern(watch.places)
        tests.append(lambda device: places(grounds.spot(device.device_no).place))
    if watch.names is not None:
        names = pattern(watch.names)
        tests.append(lambda device: names(grounds.spot(device.device_no).name))
    if watch.devices is not None:
        devices = pattern(watch.devices)
        tests.append(lambda device: devices(device.key))
    if not tests:
        return None
    return lambda device: all(test(device) for test in tests)


def pattern(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Only * stands for something else than itself."""
    found = re.compile("|".join(translate(one.replace("[", "[[]").replace("?", "[?]")) for one in patterns))
    return lambda text: found.match(text) is not None
