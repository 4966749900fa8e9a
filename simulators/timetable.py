"""What a district's devices say and when: heartbeats, readings, and the acts of a site's day.

::

    beats (heartbeats, readings) ─┐
    programme (acts of a day) ────┼─► agenda, sorted ─► said as bytes: `Timetable.due`
    interventions ────────────────┘                  └► or as what they are decoded to: `Timetable.said`

Nothing depends on when the simulator was started: two that start at different times with one seed say the same from
then on, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from math import ceil

from domain.device import Device, RegisteredDevice
from domain.observation import Channel, Heartbeat, Misdated, Observation, Reading
from domain.site import Site
from simulators.beat import BITS, MASK, Agenda
from simulators.day.act import MINUTE_MS, Act
from simulators.day.programme import Programme
from simulators.interventions import Interventions
from simulators.loop import Loop
from simulators.message import Message, heartbeat, reading, topic
from simulators.overhearing import TRAVEL_MS, overheard
from simulators.streams import Streams

#: Who speaks, beside heartbeats and readings: acts of the window, and what interventions add.
_ACTS = 1 << (BITS - 2)
_EXTRAS = 1 << (BITS - 1)
_HOUR_MS = 3_600_000

Heard = Observation | Misdated


class Timetable:
    """Says what the devices of a district say, in order.

    Devices of one site stand together in ``devices``. ``rate_factor`` 2 halves every interval. Without its site a
    device sends heartbeats and readings only. Orders that fall into a slice have to be applied before it is asked for,
    and what is asked for has to be read to its end.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        *,
        seed: int,
        start_s: float,
        rate_factor: float = 1.0,
        interventions: Interventions | None = None,
        sites: Sequence[Site] = (),
    ) -> None:
        self._streams = Streams(devices, sites, seed=seed, rate_factor=rate_factor)
        self._behaviours = self._streams.behaviours
        self._interventions = interventions or Interventions(devices)
        self._programme = Programme(seed, sites, devices)
        numbers: dict[str, int] = {}
        self._site_nos = [numbers.setdefault(device.site_id, len(numbers)) for device in devices]
        if len(self._streams) > _ACTS:
            raise ValueError(f"a timetable holds {_ACTS} streams at most")
        self._acts: list[Act] = []
        self._extras: list[int | Loop] = []
        self._batteries: list[float | None] = []
        self._battery_hour = -1
        self._minute_ms, self._minute = -1, datetime.fromtimestamp(0, UTC)
        self._registered_from: Mapping[tuple[str, str], RegisteredDevice] | None = None
        self._registered: list[RegisteredDevice | None] = []
        #: Who says now what he says on a quiet day.
        self._plain: list[RegisteredDevice | None] = []
        self._changes_seen = -1
        self._agenda = Agenda(self._streams.beats, self._plan_acts, _ms(start_s))

    @property
    def mean_rate(self) -> float:
        """Heartbeats and readings a second with nothing cut."""
        return sum(1000.0 * len(beat) / beat.interval_ms for beat in self._streams.beats)

    def skip_to(self, at_s: float) -> None:
        """Go on from ``at_s`` and leave out what was due before: the machine slept."""
        self._agenda.seek(_ms(at_s))

    def standing(self, at_s: float) -> Iterator[Message]:
        """How doors and barriers stand, said again at ``at_s`` in the same bytes as when it was new. It is for whoever
        begins to listen; who has heard it before takes it for what it is, the same once more.
        """
        for act in self._programme.standing(_ms(at_s)):
            message = self._act(act, act.due_ms / 1000)
            if message is not None:
                yield message._replace(due_s=at_s)

    def due(self, until_s: float) -> Iterator[Message]:
        """What is due from the last call's end up to ``until_s`` (not included), in order."""
        for since_ms, ends_ms, keys in self._agenda.take(_ms(until_s)):
            for key in self._with_extras(since_ms, ends_ms, keys):
                message = self._message(key >> BITS, key & MASK)
                if message is not None:
                    yield message

    def said(
        self,
        until_s: float,
        registered: Mapping[tuple[str, str], RegisteredDevice],
        *,
        alarms: list[Message] | None = None,
    ) -> Iterator[Heard]:
        """The same, already decoded, as if each had arrived a moment after it was due: a site's day costs a second.

        :param registered: by (site_id, device_id). Of whom is not there, nothing is heard.
        :param alarms: where alarms are put instead, in bytes: they travel in a lane of their own. A day has none; a
            loop may repeat one.
        """
        if registered is not self._registered_from:
            names = [(behaviour.device.site_id, behaviour.device.device_id) for behaviour in self._behaviours]
            self._registered = [registered.get(name) for name in names]
            self._registered_from = registered
            self._changes_seen = -1
        for since_ms, ends_ms, keys in self._agenda.take(_ms(until_s)):
            yield from self._observed(self._with_extras(since_ms, ends_ms, keys), alarms)

    # -- what is due --------------------------------------------------------------------------------------------------

    def _plan_acts(self, since_ms: int, until_ms: int) -> list[int]:
        self._interventions.settle(since_ms / 1000)
        self._acts = self._programme.acts(since_ms, until_ms)
        return [act.due_ms << BITS | _ACTS + place for place, act in enumerate(self._acts)]

    def _with_extras(self, since_ms: int, until_ms: int, keys: list[int]) -> list[int]:
        """What interventions add: sensors near a fire speak every few seconds, as real ones do when a value changes
        fast; loops say the same again.
        """
        if not self._interventions.adds_messages:
            return keys
        since_s, until_s = since_ms / 1000, until_ms / 1000
        self._extras = []
        for device_no, due_s in self._interventions.extra_readings(since_s, until_s):
            keys.append(_ms(due_s) << BITS | _EXTRAS + len(self._extras))
            self._extras.append(device_no)
        for loop in self._interventions.loops:
            for due_s in loop.turns(since_s, until_s):
                keys.append(min(_ms(due_s), until_ms - 1) << BITS | _EXTRAS + len(self._extras))
                self._extras.append(loop)
        if self._extras:
            keys.sort()
        return keys

    # -- as bytes -----------------------------------------------------------------------------------------------------

    def _message(self, due_ms: int, number: int) -> Message | None:
        """None: the device is cut, or has nothing to repeat."""
        due_s = due_ms / 1000
        if number < _ACTS:
            device_no = self._streams.device_of[number]
            if number < len(self._behaviours):
                return self._heartbeat(device_no, due_s)
            return self._reading(device_no, due_s)
        if number < _EXTRAS:
            return self._act(self._acts[number - _ACTS], due_s)
        extra = self._extras[number - _EXTRAS]
        return self._reading(extra, due_s) if isinstance(extra, int) else self._again(extra, due_s)

    def _heartbeat(self, device_no: int, due_s: float) -> Message | None:
        changed, behaviour = self._interventions, self._behaviours[device_no]
        battery_pct = behaviour.battery_pct(due_s) if behaviour.has_battery else None
        said_s = due_s
        if device_no in changed.touched:
            if changed.is_cut(device_no, due_s):
                return None
            said_s = changed.clock_s(device_no, due_s)
            battery_pct = None if battery_pct is None else changed.battery_pct(device_no, due_s, battery_pct)
        return self._say(device_no, Channel.HEARTBEAT, due_s, heartbeat(said_s, battery_pct))

    def _reading(self, device_no: int, due_s: float) -> Message | None:
        changed, behaviour = self._interventions, self._behaviours[device_no]
        value, said_s = behaviour.measured(due_s), due_s
        if device_no in changed.touched:
            if changed.is_cut(device_no, due_s):
                return None
            value, said_s = changed.measured(device_no, due_s, value), changed.clock_s(device_no, due_s)
        return self._say(device_no, Channel.READING, due_s, reading(said_s, behaviour.metric, value))

    def _act(self, act: Act, due_s: float) -> Message | None:
        if self._interventions.is_cut(act.device_no, due_s):
            return None
        said_s = self._interventions.clock_s(act.device_no, due_s)
        return self._say(act.device_no, act.channel, due_s, act.payload(said_s))

    def _again(self, loop: Loop, due_s: float) -> Message | None:
        if not loop.looked:
            loop.last, loop.looked = self._last_before(loop.device_no, loop.at_s, loop.ordered), True
        if loop.last is None or self._interventions.is_cut(loop.device_no, due_s):
            return None
        return loop.last._replace(due_s=due_s)

    def _last_before(self, device_no: int, at_s: float, ordered: Message | None) -> Message | None:
        """The newest message that the device sent before ``at_s``, worked out anew."""
        at_ms = _ms(at_s)
        candidates = [] if ordered is None else [ordered]
        for stream in self._streams.of_device(device_no):
            said = (self._message(due_ms, stream) for due_ms in self._streams.before(stream, at_ms))
            candidates += [message for message in [next((one for one in said if one), None)] if message]
        act = self._programme.before(device_no, at_ms)
        if act is not None and (message := self._act(act, act.due_ms / 1000)) is not None:
            candidates.append(message)
        return max(candidates, key=lambda message: message.due_s, default=None)

    def _say(self, device_no: int, channel: Channel, due_s: float, payload: bytes) -> Message:
        device = self._behaviours[device_no].device
        return Message(due_s, self._site_nos[device_no], topic(device.site_id, device.device_id, channel), payload)

    # -- as observations ----------------------------------------------------------------------------------------------

    def _observed(self, keys: list[int], alarms: list[Message] | None) -> list[Heard]:
        """Nearly all are plain: built here. Whatever is not is said in bytes and decoded as in production."""
        if not keys:
            return []
        began_ms = (keys[0] >> BITS) // MINUTE_MS * MINUTE_MS
        if began_ms != self._minute_ms:
            self._begin_minute(began_ms)
        self._look_at_changes()
        base, ms, began = self._minute, _milliseconds(), began_ms << BITS
        plain, batteries, heartbeats = self._plain, self._batteries, len(self._behaviours)
        found: list[Heard] = []
        add = found.append
        for key in keys:
            number = key & MASK
            if number < heartbeats:
                if (device := plain[number]) is not None:
                    after_ms = (key - began) >> BITS
                    add(Heartbeat(device, base + ms[after_ms], base + ms[after_ms + TRAVEL_MS], batteries[number]))
                    continue
            elif number < _ACTS:
                device_no = self._streams.device_of[number]
                if (device := plain[device_no]) is not None:
                    after_ms, behaviour = (key - began) >> BITS, self._behaviours[device_no]
                    values = {behaviour.metric: behaviour.measured((key >> BITS) / 1000)}
                    add(Reading(device, base + ms[after_ms], base + ms[after_ms + TRAVEL_MS], values))
                    continue
            message = self._message(key >> BITS, number)
            if message is None:
                continue
            if message.urgent and alarms is not None:
                alarms.append(message)
            elif (observation := self._decoded(message, number)) is not None:
                add(observation)
        return found

    def _decoded(self, message: Message, number: int) -> Heard | None:
        if number < _ACTS:
            device_no = self._streams.device_of[number]
        elif number < _EXTRAS:
            device_no = self._acts[number - _ACTS].device_no
        else:
            extra = self._extras[number - _EXTRAS]
            device_no = extra if isinstance(extra, int) else extra.device_no
        device = self._registered[device_no]
        return None if device is None else overheard(device, message)

    def _look_at_changes(self) -> None:
        if self._changes_seen != self._interventions.changes:
            self._changes_seen, touched = self._interventions.changes, self._interventions.touched
            self._plain = [None if no in touched else device for no, device in enumerate(self._registered)]

    def _begin_minute(self, at_ms: int) -> None:
        self._minute_ms, self._minute = at_ms, datetime.fromtimestamp(at_ms / 1000, UTC)
        hour = at_ms // _HOUR_MS
        if hour != self._battery_hour:
            at_s = at_ms / 1000
            self._batteries = [one.battery_pct(at_s) if one.has_battery else None for one in self._behaviours]
            self._battery_hour = hour


def _ms(at_s: float) -> int:
    """Whole milliseconds, up; less than a thousandth of one is a float's own error."""
    return ceil(at_s * 1000 - 0.001)


@cache
def _milliseconds() -> list[timedelta]:
    """Those of a minute: to add one is faster than to make a time."""
    return [timedelta(milliseconds=number) for number in range(MINUTE_MS + TRAVEL_MS)]
