"""When each device sends: a phase of its own in every interval, so that a district never speaks all at once.

The n-th message of a stream is due at ``(n + phase) * interval + jitter(n)`` counted from 1970; the jitter is
at most a twentieth of the interval. Nothing depends on when the simulator was started: two that start
at different times with one seed send the same messages from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heapreplace

from domain.device import Device
from domain.observation import Channel
from simulators.behaviour import Behaviour
from simulators.chance import unit
from simulators.interventions import Interventions
from simulators.message import Message, heartbeat, reading, topic

READING_INTERVAL_S = 60.0
_JITTER_SHARE = 0.05


class _Stream:
    """One device's heartbeats or readings."""

    __slots__ = ("channel", "device_no", "interval_s", "key", "number", "phase", "site_no", "topic")

    def __init__(self, device_no: int, site_no: int, behaviour: Behaviour, channel: Channel, interval_s: float) -> None:
        self.device_no = device_no
        self.site_no = site_no
        self.channel = channel
        self.interval_s = interval_s
        self.key = behaviour.key ^ (0x5EED if channel is Channel.READING else 0)
        self.phase = unit(self.key, -1)
        self.topic = topic(behaviour.device.site_id, behaviour.device.device_id, channel)
        self.number = 0

    def due_s(self) -> float:
        jitter = unit(self.key, self.number) * _JITTER_SHARE
        return (self.number + self.phase + jitter) * self.interval_s

    def seek(self, at_s: float) -> float:
        """Stand at the first message due at or after ``at_s``; its time."""
        self.number = int(at_s / self.interval_s) - 2
        due_s = self.due_s()
        while due_s < at_s:
            self.number += 1
            due_s = self.due_s()
        return due_s


class Timetable:
    """Yields the messages of a district in the order they are due.

    Devices of one site stand together in ``devices``. ``rate_factor`` 2 halves every interval.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        *,
        seed: int,
        start_s: float,
        rate_factor: float = 1.0,
        interventions: Interventions | None = None,
    ) -> None:
        self._behaviours = [Behaviour(seed, device) for device in devices]
        self._interventions = interventions or Interventions(devices)
        self._streams: list[_Stream] = []
        sites: dict[str, int] = {}
        for device_no, behaviour in enumerate(self._behaviours):
            device = behaviour.device
            site_no = sites.setdefault(device.site_id, len(sites))
            every_s = device.heartbeat_s / rate_factor
            self._streams.append(_Stream(device_no, site_no, behaviour, Channel.HEARTBEAT, every_s))
            if behaviour.metric:
                every_s = READING_INTERVAL_S / rate_factor
                self._streams.append(_Stream(device_no, site_no, behaviour, Channel.READING, every_s))
        self._site_nos = [sites[device.site_id] for device in devices]
        self._now_s = start_s
        self._heap: list[tuple[float, int]] = []
        self.skip_to(start_s)

    @property
    def mean_rate(self) -> float:
        """Messages a second with nothing cut."""
        return sum(1.0 / stream.interval_s for stream in self._streams)

    def skip_to(self, at_s: float) -> None:
        """Go on from ``at_s`` and leave out what was due before: the machine slept."""
        self._heap = [(stream.seek(at_s), number) for number, stream in enumerate(self._streams)]
        heapify(self._heap)
        self._now_s = at_s

    def due(self, until_s: float) -> Iterator[Message]:
        """What is due from the last call's end up to ``until_s`` (not included), in order."""
        yield from self._extra_readings(self._now_s, until_s)
        self._now_s = until_s
        heap, streams, cut = self._heap, self._streams, self._interventions.cut
        while heap and heap[0][0] < until_s:
            due_s, number = heap[0]
            stream = streams[number]
            stream.number += 1
            heapreplace(heap, (stream.due_s(), number))
            if stream.device_no in cut:
                continue
            behaviour = self._behaviours[stream.device_no]
            if stream.channel is Channel.HEARTBEAT:
                payload = heartbeat(due_s, behaviour.battery_pct(due_s) if behaviour.has_battery else None)
            else:
                payload = self._reading(stream.device_no, due_s)
            yield Message(due_s, stream.site_no, stream.topic, payload)

    def _extra_readings(self, since_s: float, until_s: float) -> Iterator[Message]:
        """A sensor near a fire speaks every few seconds, as real ones do when a value changes fast."""
        for device_no, due_s in self._interventions.extra_readings(since_s, until_s):
            device = self._behaviours[device_no].device
            where = topic(device.site_id, device.device_id, Channel.READING)
            yield Message(due_s, self._site_nos[device_no], where, self._reading(device_no, due_s))

    def _reading(self, device_no: int, at_s: float) -> bytes:
        behaviour = self._behaviours[device_no]
        assert behaviour.metric is not None
        value = self._interventions.measured(device_no, at_s, behaviour.measured(at_s))
        return reading(at_s, behaviour.metric, value)
