"""Whom an order is for: the devices that it names, or the site's first one that fits.

What is not there is refused with what is: an order is written by a person.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.device import Device, DeviceKind
from domain.observation import AlarmKind, EventKind
from domain.site import Site
from domain.vocabulary import DEVICE_WORDS
from simulators.behaviour import BATTERY_KINDS, MEASURES
from simulators.errors import OrderRefused
from simulators.gazetteer import TOWNSHIPS
from simulators.orders import Op, Order, check

_ENGLISH = {township.name_en.lower(): township.name for township in TOWNSHIPS}

#: Which kinds of device an order is for, where it is not for all. The first is who it is for when it names nobody.
FITTING: dict[Op, tuple[DeviceKind, ...]] = {
    Op.HEAT: (DeviceKind.TEMPERATURE,),
    Op.DRIFT: (DeviceKind.TEMPERATURE,),
    Op.IGNITE: (DeviceKind.SMOKE,),
    Op.PRESS: (DeviceKind.ONE_KEY_ALARM,),
    Op.BATTERY: (DeviceKind.SMOKE, *sorted(BATTERY_KINDS - {DeviceKind.SMOKE})),
}
#: Orders that take a whole site when they name no device.
FOR_ALL = frozenset({Op.CUT, Op.RESTORE, Op.EXTINGUISH})

#: Who usually reports such a thing. Any other device may; these do where the order names none.
_USUAL_ALARM = {
    AlarmKind.PANIC: DeviceKind.ONE_KEY_ALARM,
    AlarmKind.DURESS: DeviceKind.ONE_KEY_ALARM,
    AlarmKind.MANUAL_CALL_POINT: DeviceKind.ONE_KEY_ALARM,
    AlarmKind.SMOKE: DeviceKind.SMOKE,
    AlarmKind.HEAT: DeviceKind.TEMPERATURE,
    AlarmKind.GAS: DeviceKind.GAS,
    AlarmKind.INTRUSION: DeviceKind.INTRUSION_ZONE,
}
_USUAL_EVENT = {
    EventKind.TAMPER: DeviceKind.CAMERA,
    EventKind.LOW_BATTERY: DeviceKind.SMOKE,
    EventKind.POWER_LOST: DeviceKind.GATEWAY,
    EventKind.FAULT: DeviceKind.GATEWAY,
    EventKind.ACCESS_GRANTED: DeviceKind.ACCESS_CONTROL,
    EventKind.ACCESS_DENIED: DeviceKind.ACCESS_CONTROL,
    EventKind.DOOR_FORCED: DeviceKind.ACCESS_CONTROL,
    EventKind.DOOR_HELD: DeviceKind.ACCESS_CONTROL,
    EventKind.PATROL_CHECKED: DeviceKind.PATROL_POINT,
    EventKind.PICTURE_FAULT: DeviceKind.CAMERA,
    EventKind.RECEIPT: DeviceKind.ONE_KEY_ALARM,
}

_USUAL_READING = {
    **{metric: kind for kind, metric in MEASURES.items()},
    "gas_lel_pct": DeviceKind.GAS,
    "co_ppm": DeviceKind.GAS,
}


class Addressees:
    """Devices by their place in ``devices``. Townships are known where ``sites`` are given."""

    def __init__(self, devices: Sequence[Device], sites: Sequence[Site] = ()) -> None:
        self._devices = devices
        self._sites: dict[str, list[int]] = {}
        for device_no, device in enumerate(devices):
            self._sites.setdefault(device.site_id, []).append(device_no)
        self._townships: dict[str, list[str]] = {}
        for site in sites:
            if site.site_id in self._sites:
                self._townships.setdefault(site.township, []).append(site.site_id)

    def of_site(self, site_id: str) -> list[int]:
        """The devices of a site that is there."""
        return self._sites[site_id]

    def chosen(self, order: Order) -> list[int]:
        """Whom the order is for, at least one.

        :raises OrderRefused: a field is wrong, the site or device is not there, or not of a kind the order needs.
        """
        check(order)
        if order.township:
            return [device_no for site_id in self._of_township(order.township) for device_no in self._sites[site_id]]
        site = self._sites.get(order.site)
        if site is None:
            known = list(self._sites)
            raise OrderRefused(f"no site {order.site!r}; there are {len(known)}: {known[0]} to {known[-1]}")
        if order.device:
            return [self._named(order, site)]
        return site if order.op in FOR_ALL else [self._first(order, site)]

    def _named(self, order: Order, site: list[int]) -> int:
        wanted = FITTING.get(order.op, ())
        found = next((n for n in site if self._devices[n].device_id == order.device), None)
        if found is None:
            names = [self._devices[n].device_id for n in site if not wanted or self._devices[n].kind in wanted]
            alike = [name for name in names if name.rpartition("-")[0] == order.device.rpartition("-")[0]]
            there = f"there are {alike[0]} to {alike[-1]}" if alike else f"one is called {names[0]}"
            raise OrderRefused(f"no device {order.device!r} at {order.site}; {there}")
        kind = self._devices[found].kind
        if wanted and kind not in wanted:
            needs = " or ".join(DEVICE_WORDS[kind][1] for kind in wanted)
            is_a = DEVICE_WORDS[kind][1]
            raise OrderRefused(f"{order.op.value} needs a {needs}; {order.device} is {_article(is_a)} {is_a}")
        return found

    def _first(self, order: Order, site: list[int]) -> int:
        match order.op:
            case Op.ALARM:
                usual: DeviceKind | None = _USUAL_ALARM[AlarmKind(order.kind)]
            case Op.EVENT:
                usual = _USUAL_EVENT[EventKind(order.kind)]
            case Op.STATE:
                usual = DeviceKind.ACCESS_CONTROL
            case Op.READING:
                usual = _USUAL_READING.get(order.metric)
            case _:
                usual = FITTING[order.op][0] if order.op in FITTING else None
        found = next((n for n in site if usual is None or self._devices[n].kind is usual), None)
        if found is None:
            assert usual is not None
            names = [self._devices[n].device_id for n in site]
            such_as = next((name for name in names if "-gw-" in name), names[0])
            raise OrderRefused(f"{order.site} has no {DEVICE_WORDS[usual][1]}; name who reports it, such as {such_as}")
        return found

    def _of_township(self, name: str) -> list[str]:
        sites = self._townships.get(_ENGLISH.get(name.lower(), name))
        if sites is None:
            known = "、".join(sorted(self._townships)) or "none in this district"
            raise OrderRefused(f"no sites in township {name!r}; there are {known}")
        return sites


def _article(word: str) -> str:
    return "an" if word[0] in "aeio" else "a"
