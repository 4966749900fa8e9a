"""What people and fires do to the devices of a district: the difference between a quiet day and a bad one.

State only; it sends nothing. A fire's share of a reading rises to 1 over ``over_s`` and, once it is out,
falls back to 0.

::

    share  1 ┤      ╭────────╮
             │    ╭╯          ╰╮
           0 ┼────╯            ╰────  t
             start  +over_s   out  +COOLING_S
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

import msgspec

from domain.device import Device, DeviceKind
from domain.metric import METRICS
from domain.observation import AlarmKind, Channel
from simulators.errors import OrderRefused
from simulators.message import Message, alarm, topic
from simulators.orders import Op, Order

COOLING_S = 120.0
EXTRA_READING_EVERY_S = 5.0
FIRE_SMOKE_DB_M = 6.0
FIRE_SMOKE_RISES_S = 30.0
_METRIC_OF = {
    DeviceKind.TEMPERATURE: METRICS["temperature_c"],
    DeviceKind.SMOKE: METRICS["smoke_obscuration_db_m"],
}

#: Which kind of device an order is for when it needs one kind.
TARGETS = {
    Op.HEAT: DeviceKind.TEMPERATURE,
    Op.IGNITE: DeviceKind.SMOKE,
    Op.PRESS: DeviceKind.ONE_KEY_ALARM,
}


class Ramp(msgspec.Struct):
    """A sensor that is driven to ``target`` over ``over_s``. ``released_s``: let go, cooling since then."""

    start_s: float
    over_s: float
    target: float
    released_s: float | None = None

    def share(self, at_s: float) -> float:
        """0 = untouched, 1 = wholly at the target."""
        if self.released_s is not None and at_s > self.released_s:
            return self._risen(self.released_s) * max(0.0, 1.0 - (at_s - self.released_s) / COOLING_S)
        return self._risen(at_s)

    def _risen(self, at_s: float) -> float:
        if at_s < self.start_s:
            return 0.0
        return 1.0 if self.over_s <= 0 else min(1.0, (at_s - self.start_s) / self.over_s)


class Interventions:
    """Applies orders to a district's devices and answers how they change what a device says."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._devices = devices
        self._sites: dict[str, list[int]] = {}
        for device_no, device in enumerate(devices):
            self._sites.setdefault(device.site_id, []).append(device_no)
        self._site_nos = {site_id: number for number, site_id in enumerate(self._sites)}
        self._ramps: dict[int, Ramp] = {}
        self.cut: set[int] = set()

    def apply(self, order: Order, at_s: float) -> tuple[list[Message], str]:
        """Carry the order out: the messages to publish at once, and one line that says what was done.

        :raises OrderRefused: unknown site or device, or the device is not of the kind the order needs.
        """
        chosen = self._chosen(order)
        first = self._devices[chosen[0]]
        name = f"{first.site_id}/{first.device_id} ({first.name})" if order.device or len(chosen) == 1 else order.site
        match order.op:
            case Op.CUT:
                self.cut.update(chosen)
                return [], f"cut {name}: {len(chosen)} device(s) silent"
            case Op.RESTORE:
                self.cut.difference_update(chosen)
                ends, _ = self._put_out(chosen, order, at_s)
                return ends, f"restored {name}: {len(chosen)} device(s) speak"
            case Op.HEAT:
                self._ramps[chosen[0]] = Ramp(at_s, order.over_s, order.to_c)
                return [], f"heating {name} to {order.to_c:g} °C over {order.over_s:g} s"
            case Op.IGNITE:
                heated = self._set_fire(chosen[0], order, at_s)
                messages = [] if order.alarm_sent else self._alarm(chosen[0], AlarmKind.SMOKE, order, at_s)
                return (
                    messages,
                    f"fire at {name}; {heated.name or 'no temperature sensor'} warms up to {order.to_c:g} °C",
                )
            case Op.EXTINGUISH:
                ends, cooling = self._put_out(chosen, order, at_s)
                return ends, f"{cooling} sensor(s) of {name} cool down"
            case Op.PRESS:
                if chosen[0] in self.cut:
                    raise OrderRefused(f"{name} is cut and cannot be heard; restore it first")
                messages = [] if order.alarm_sent else self._alarm(chosen[0], AlarmKind.PANIC, order, at_s)
                return messages, f"pressed {name}"

    def measured(self, device_no: int, at_s: float, natural: float) -> float:
        """What the sensor says where it would say ``natural`` with nothing wrong; inside the metric's range."""
        ramp = self._ramps.get(device_no)
        if ramp is None:
            return natural
        metric = _METRIC_OF[self._devices[device_no].kind]
        value = natural + (ramp.target - natural) * ramp.share(at_s)
        return round(min(metric.high, max(metric.low, value)), 3)

    def extra_readings(self, since_s: float, until_s: float) -> Iterator[tuple[int, float]]:
        """Device number and time of the readings that driven sensors send between the regular ones."""
        if not self._ramps:
            return
        for device_no in [n for n, r in self._ramps.items() if r.released_s and since_s > r.released_s + COOLING_S]:
            del self._ramps[device_no]
        tick = ceil(since_s / EXTRA_READING_EVERY_S)
        while (at_s := tick * EXTRA_READING_EVERY_S) < until_s:
            for device_no in self._ramps:
                if device_no not in self.cut:
                    yield device_no, at_s
            tick += 1

    def _chosen(self, order: Order) -> list[int]:
        site = self._sites.get(order.site)
        if site is None:
            known = list(self._sites)
            raise OrderRefused(f"no site {order.site!r}; there are {len(known)}: {known[0]} to {known[-1]}")
        wanted = TARGETS.get(order.op)
        if order.device:
            found = [n for n in site if self._devices[n].device_id == order.device]
            if not found:
                example = self._devices[site[-1] if wanted is None else self._first(site, wanted)].device_id
                raise OrderRefused(f"no device {order.device!r} at {order.site}; one is called {example}")
            kind = self._devices[found[0]].kind
            if wanted is not None and kind is not wanted:
                raise OrderRefused(f"{order.op.value} needs a {wanted.value} device; {order.device} is a {kind.value}")
            return found
        return site if wanted is None else [self._first(site, wanted)]

    def _first(self, site: list[int], kind: DeviceKind) -> int:
        return next(n for n in site if self._devices[n].kind is kind)

    def _set_fire(self, smoke_no: int, order: Order, at_s: float) -> Device:
        """Smoke rises at the detector; heat at the sensor of the same place, or else at the site's first."""
        fire = self._devices[smoke_no]
        self._ramps[smoke_no] = Ramp(at_s, min(FIRE_SMOKE_RISES_S, order.over_s), FIRE_SMOKE_DB_M)
        warm = [n for n in self._sites[fire.site_id] if self._devices[n].kind is DeviceKind.TEMPERATURE]
        near = next((n for n in warm if self._devices[n].place == fire.place), warm[0])
        self._ramps[near] = Ramp(at_s, order.over_s, order.to_c)
        return self._devices[near]

    def _put_out(self, device_nos: Sequence[int], order: Order, at_s: float) -> tuple[list[Message], int]:
        """Let the driven sensors cool: the ends of the smoke alarms, and how many sensors there were."""
        ends: list[Message] = []
        cooling = 0
        for device_no in device_nos:
            ramp = self._ramps.get(device_no)
            if ramp is None or ramp.released_s is not None:
                continue
            ramp.released_s = at_s
            cooling += 1
            if self._devices[device_no].kind is DeviceKind.SMOKE:
                ends += self._alarm(device_no, AlarmKind.SMOKE, order, at_s, active=False)
        return ends, cooling

    def _alarm(
        self, device_no: int, kind: AlarmKind, order: Order, at_s: float, *, active: bool = True
    ) -> list[Message]:
        """The alarm message, unless the device is cut: what is cut cannot cry for help."""
        if device_no in self.cut:
            return []
        device = self._devices[device_no]
        alarm_id = f"{order.id}-{'on' if active else 'off'}-{device_no}"
        where = topic(device.site_id, device.device_id, Channel.ALARM)
        payload = alarm(at_s, alarm_id, kind, active=active, test=order.test, drill=order.drill)
        return [Message(at_s, self._site_nos[device.site_id], where, payload, urgent=True)]
