"""What people, fires and faults do to the devices of a district: the difference between a quiet day and a bad one.

State only; it sends nothing. What is not at once but goes on (silence, heat, a wrong clock, a loop) is asked of it by
whoever lets the devices speak, for the moment at which they do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from math import ceil
from typing import Any

from domain.device import Device, DeviceKind
from domain.metric import METRICS
from domain.observation import AlarmKind, Channel, EventKind
from domain.site import Site
from simulators.addressees import Addressees
from simulators.behaviour import MEASURES
from simulators.course import COOLING_S, Course, Ramp
from simulators.errors import OrderRefused
from simulators.loop import Loop
from simulators.message import Message, alarm, event, reading, state, topic
from simulators.orders import Op, Order

EXTRA_READING_EVERY_S = 5.0
FIRE_SMOKE_DB_M = 6.0
FIRE_SMOKE_RISES_S = 30.0

__all__ = ["COOLING_S", "EXTRA_READING_EVERY_S", "FIRE_SMOKE_DB_M", "Interventions"]


class Interventions:
    """Applies orders to a district's devices and answers how they change what a device says.

    Orders come in the order of their times. ``sites`` are needed for orders to a township.
    """

    def __init__(self, devices: Sequence[Device], sites: Sequence[Site] = ()) -> None:
        self._devices = devices
        self._addressees = Addressees(devices, sites)
        self._site_nos: dict[str, int] = {}
        for device in devices:
            self._site_nos.setdefault(device.site_id, len(self._site_nos))
        self._parents = _parents(devices)
        self._ramps: dict[int, Ramp] = {}
        self._silence: dict[int, Course[bool]] = {}
        self._clocks: dict[int, Course[float]] = {}
        self._batteries: dict[int, Course[float | None]] = {}
        self._said: dict[int, Message] = {}
        self.loops: list[Loop] = []
        #: The numbers of the devices that any order may change: the others say what a quiet day has them say.
        self.touched: set[int] = set()
        #: How often that changed.
        self.changes = 0

    # -- orders -------------------------------------------------------------------------------------------------------

    def apply(self, order: Order, at_s: float) -> tuple[list[Message], str]:
        """Carry the order out: the messages to publish at once, and one line that says what was done.

        :raises OrderRefused: unknown site or device, the device is not of the kind the order needs, or cannot be heard.
        """
        chosen = self._addressees.chosen(order)
        self.changes += 1
        first = self._devices[chosen[0]]
        name = f"{first.site_id}/{first.device_id} ({first.name})" if order.device or len(chosen) == 1 else order.site
        name = order.township or name
        one = chosen[0]
        match order.op:
            case Op.CUT:
                for device_no in chosen:
                    self._silence.setdefault(device_no, Course(False)).change(at_s, True)
                silenced = self._with_below(chosen)
                self.touched.update(silenced)
                return [], f"cut {name}: {len(silenced)} device(s) silent"
            case Op.RESTORE:
                for device_no in chosen:
                    if device_no in self._silence:
                        self._silence[device_no].change(at_s, False)
                ends, _ = self._put_out(chosen, order, at_s)
                return ends, f"restored {name}: {len(self._with_below(chosen))} device(s) speak"
            case Op.HEAT | Op.DRIFT:
                self._drive(one, Ramp(at_s, order.over_s, order.to_c, often=order.op is Op.HEAT))
                done = "heating" if order.op is Op.HEAT else "drifting"
                return [], f"{done} {name} to {order.to_c:g} °C over {order.over_s:g} s"
            case Op.IGNITE:
                heated = self._set_fire(one, order, at_s)
                messages = [] if order.alarm_sent else self._alarm(one, AlarmKind.SMOKE, order, at_s)
                warm = heated.name if heated else "no temperature sensor"
                return messages, f"fire at {name}; {warm} warms up to {order.to_c:g} °C"
            case Op.EXTINGUISH:
                ends, cooling = self._put_out(chosen, order, at_s)
                return ends, f"{cooling} sensor(s) of {name} cool down"
            case Op.PRESS:
                self._refuse_silent(one, name, at_s)
                messages = [] if order.alarm_sent else self._alarm(one, AlarmKind.PANIC, order, at_s)
                return messages, f"pressed {name}"
            case Op.ALARM | Op.EVENT | Op.STATE:
                self._refuse_silent(one, name, at_s)
                what = order.kind or "state"
                return self._report(one, order, at_s), f"{name} says {what}{'' if order.active else ' ended'}"
            case Op.READING:
                self._refuse_silent(one, name, at_s)
                payload = reading(self.clock_s(one, at_s), order.metric, order.value)
                said = f"{order.metric} {order.value:g} {METRICS[order.metric].unit}"
                return self._say(one, Channel.READING, at_s, payload), f"{name} says {said}"
            case Op.REPEAT:
                self._refuse_silent(one, name, at_s)
                self.loops.append(Loop(one, at_s, order.times, order.over_s, self._said.get(one)))
                return [], f"{name} repeats itself {order.times} times over {order.over_s:g} s"
            case Op.CLOCK:
                self._clocks.setdefault(one, Course(0.0)).change(at_s, order.off_s)
                self.touched.add(one)
                return [], f"the clock of {name} is {'right' if not order.off_s else f'off by {order.off_s:+g} s'}"
            case Op.BATTERY:
                self._batteries.setdefault(one, Course(None)).change(at_s, order.pct)
                self.touched.add(one)
                return [], f"the battery of {name} is {'its own' if order.pct is None else f'at {order.pct:g} %'}"

    # -- what they change ---------------------------------------------------------------------------------------------

    @property
    def cut(self) -> set[int]:
        """The numbers of the devices that are silent after the newest order."""
        return self._with_below([device_no for device_no, silence in self._silence.items() if silence.now])

    def _with_below(self, device_nos: Collection[int]) -> set[int]:
        """``device_nos`` and all that hangs on them."""
        found = set(device_nos)
        if not any(parent in found for parent in self._parents):
            return found
        return {no for no in range(len(self._devices)) if any(above in found for above in self._line(no))}

    def _line(self, device_no: int) -> Iterator[int]:
        """``device_no`` and what it hangs on."""
        above: int | None = device_no
        while above is not None:
            yield above
            above = self._parents[above]

    @property
    def adds_messages(self) -> bool:
        """Whether anybody may say more than on a quiet day."""
        return bool(self._ramps or self.loops)

    def settle(self, at_s: float) -> None:
        """Forget what makes no difference any more. Call it now and then."""
        courses: tuple[tuple[dict[int, Course[Any]], object], ...] = (
            (self._silence, False),
            (self._clocks, 0.0),
            (self._batteries, None),
        )
        for changed, natural in courses:
            for device_no in [no for no, course in changed.items() if course.still(at_s, natural)]:
                del changed[device_no]
        for device_no in [no for no, ramp in self._ramps.items() if ramp.over(at_s)]:
            del self._ramps[device_no]
        self.loops = [loop for loop in self.loops if loop.ends_s >= at_s]
        touched = {*self._with_below(self._silence), *self._clocks, *self._batteries, *self._ramps}
        if touched != self.touched:
            self.touched = touched
            self.changes += 1

    def is_cut(self, device_no: int, at_s: float) -> bool:
        """Whether it is silent itself, or what it hangs on is."""
        if not self._silence:
            return False
        return any(
            silence.at(at_s) for above in self._line(device_no) if (silence := self._silence.get(above)) is not None
        )

    def clock_s(self, device_no: int, at_s: float) -> float:
        """What the device's own clock shows at ``at_s``."""
        clock = self._clocks.get(device_no)
        return at_s if clock is None else at_s + clock.at(at_s)

    def battery_pct(self, device_no: int, at_s: float, natural: float) -> float:
        """What the device says of its battery where it would say ``natural`` with nothing wrong."""
        battery = self._batteries.get(device_no)
        ordered = None if battery is None else battery.at(at_s)
        return natural if ordered is None else ordered

    def measured(self, device_no: int, at_s: float, natural: float) -> float:
        """What the sensor says where it would say ``natural`` with nothing wrong; inside the metric's range."""
        ramp = self._ramps.get(device_no)
        if ramp is None:
            return natural
        value = ramp.value(at_s, natural)
        if value == natural:
            return natural
        metric = METRICS[MEASURES[self._devices[device_no].kind]]
        return round(min(metric.high, max(metric.low, value)), 3)

    def extra_readings(self, since_s: float, until_s: float) -> Iterator[tuple[int, float]]:
        """Device number and time of the readings that driven sensors send between the regular ones."""
        if not self._ramps:
            return
        tick = ceil(since_s / EXTRA_READING_EVERY_S)
        while (at_s := tick * EXTRA_READING_EVERY_S) < until_s:
            for device_no, ramp in self._ramps.items():
                if ramp.start_s <= at_s and ramp.speaks_often(at_s) and not self.is_cut(device_no, at_s):
                    yield device_no, at_s
            tick += 1

    # ----------------------------------------------------------------------------------------------------------------

    def _refuse_silent(self, device_no: int, name: str, at_s: float) -> None:
        if self.is_cut(device_no, at_s):
            raise OrderRefused(f"{name} is cut and cannot be heard; restore it first")

    def _drive(self, device_no: int, ramp: Ramp) -> None:
        ramp.before = self._ramps.get(device_no)
        if ramp.before is not None:
            ramp.before.settle(ramp.start_s)
        self._ramps[device_no] = ramp
        self.touched.add(device_no)

    def _set_fire(self, smoke_no: int, order: Order, at_s: float) -> Device | None:
        """Smoke rises at the detector; heat at the sensor of the same place, or else at the site's first."""
        fire = self._devices[smoke_no]
        self._drive(smoke_no, Ramp(at_s, min(FIRE_SMOKE_RISES_S, order.over_s), FIRE_SMOKE_DB_M))
        site = self._addressees.of_site(fire.site_id)
        warm = [n for n in site if self._devices[n].kind is DeviceKind.TEMPERATURE]
        near = next((n for n in warm if self._devices[n].place == fire.place), warm[0] if warm else None)
        if near is None:
            return None
        self._drive(near, Ramp(at_s, order.over_s, order.to_c))
        return self._devices[near]

    def _put_out(self, device_nos: Sequence[int], order: Order, at_s: float) -> tuple[list[Message], int]:
        """Let the driven sensors cool: the ends of the smoke alarms, and how many sensors there were."""
        ends: list[Message] = []
        cooling = 0
        for device_no in device_nos:
            ramp = self._ramps.get(device_no)
            if ramp is None or ramp.released_s is not None:
                continue
            ramp.release(at_s)
            cooling += 1
            if self._devices[device_no].kind is DeviceKind.SMOKE:
                ends += self._alarm(device_no, AlarmKind.SMOKE, order, at_s, active=False)
        return ends, cooling

    def _alarm(
        self, device_no: int, kind: AlarmKind, order: Order, at_s: float, *, active: bool = True
    ) -> list[Message]:
        """The alarm message, unless the device is cut: what is cut cannot cry for help."""
        if self.is_cut(device_no, at_s):
            return []
        said_s = self.clock_s(device_no, at_s)
        alarm_id = _id(order, "on" if active else "off", device_no, at_s)
        payload = alarm(said_s, alarm_id, kind, active=active, test=order.test, drill=order.drill, links=order.links)
        return self._say(device_no, Channel.ALARM, at_s, payload)

    def _report(self, device_no: int, order: Order, at_s: float) -> list[Message]:
        said_s = self.clock_s(device_no, at_s)
        match order.op:
            case Op.ALARM:
                return self._alarm(device_no, AlarmKind(order.kind), order, at_s, active=order.active)
            case Op.EVENT:
                event_id = _id(order, "on" if order.active else "off", device_no, at_s)
                payload = event(said_s, event_id, EventKind(order.kind), active=order.active)
                return self._say(device_no, Channel.EVENT, at_s, payload)
            case _:
                payload = state(said_s, _id(order, "state", device_no, at_s), order.state)
                return self._say(device_no, Channel.STATE, at_s, payload)

    def _say(self, device_no: int, channel: Channel, at_s: float, payload: bytes) -> list[Message]:
        device = self._devices[device_no]
        where = topic(device.site_id, device.device_id, channel)
        message = Message(at_s, self._site_nos[device.site_id], where, payload, urgent=channel is Channel.ALARM)
        self._said[device_no] = message
        return [message]


def _id(order: Order, what: str, device_no: int, at_s: float) -> str:
    """The same for the same order, another for each other one: an order without an id is told by its time."""
    return f"{order.id or round(at_s * 1000)}-{what}-{device_no}"


def _parents(devices: Sequence[Device]) -> list[int | None]:
    """What each of ``devices`` hangs on, by their places; the registry has refused circles."""
    place = {(device.site_id, device.device_id): number for number, device in enumerate(devices)}
    return [place.get((device.site_id, device.parent_id)) if device.parent_id else None for device in devices]
