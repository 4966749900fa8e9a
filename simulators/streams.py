"""Who speaks regularly: a stream of heartbeats of each device, and one of readings of each that measures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from domain.device import Device
from domain.site import Site, SiteKind
from simulators.beat import Beat
from simulators.behaviour import Behaviour

READING_INTERVAL_S = 60.0
_READING_KEY = 0x5EED


class Streams:
    """By number: first the heartbeats in the order of the devices, then the readings.

    ``device_of`` tells a stream's device by its place in ``devices``.
    """

    def __init__(
        self, devices: Sequence[Device], sites: Sequence[Site] = (), *, seed: int, rate_factor: float = 1.0
    ) -> None:
        kinds = {site.site_id: site.kind for site in sites}
        self.behaviours = [Behaviour(seed, device, kinds.get(device.site_id, SiteKind.PRIMARY)) for device in devices]
        measuring = [device_no for device_no, behaviour in enumerate(self.behaviours) if behaviour.metric]
        self.device_of = [*range(len(devices)), *measuring]
        self._reading_of = {device_no: len(devices) + place for place, device_no in enumerate(measuring)}
        beats: dict[int, Beat] = {}
        self._places: list[tuple[Beat, int]] = []
        for stream, device_no in enumerate(self.device_of):
            behaviour = self.behaviours[device_no]
            every_s, key = float(behaviour.device.heartbeat_s), behaviour.key
            if stream >= len(devices):
                every_s, key = READING_INTERVAL_S, key ^ _READING_KEY
            interval_ms = max(1, round(every_s * 1000 / rate_factor))
            beat = beats.get(interval_ms)
            if beat is None:
                beat = beats[interval_ms] = Beat(interval_ms)
            self._places.append((beat, beat.add(stream, key)))
        self.beats = list(beats.values())

    def __len__(self) -> int:
        return len(self.device_of)

    def of_device(self, device_no: int) -> Iterator[int]:
        yield device_no
        if device_no in self._reading_of:
            yield self._reading_of[device_no]

    def before(self, stream: int, at_ms: int) -> Iterator[int]:
        """When it spoke last before ``at_ms``, and before that, and so on for a while."""
        beat, place = self._places[stream]
        return beat.before(place, at_ms)
