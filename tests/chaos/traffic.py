"""The quiet traffic of some schools: heartbeats, readings, events, a few repetitions, and now and then garbage."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from random import Random

from domain.device import Device, DeviceKind
from domain.observation import Channel
from tests.chaos.publisher import Publisher
from tests.chaos.sent import Speech

#: Each device says so often that it lives, sooner than it has to; every sensor measures as often.
EVERY_S = 10.0
_METRICS = {DeviceKind.TEMPERATURE: ("temperature_c", 20.0), DeviceKind.SMOKE: ("smoke_obscuration_db_m", 0.01)}
_REPEATED = 0.02
_EVENTS = 0.03
_UNREADABLE = 0.01
#: Of the unreadable ones so many come on the alarm channel, where a person has to look at them.
_UNREADABLE_ALARMS = 0.2


class Traffic:
    """``speakers`` are spread evenly over `EVERY_S`."""

    def __init__(self, speakers: Sequence[Device], publisher: Publisher, speech: Speech, chance: Random) -> None:
        self._speakers = speakers
        self._publisher = publisher
        self._speech = speech
        self._chance = chance

    async def run(self) -> None:
        """Until cancelled. A moment that was missed is not made up for."""
        turn_s = EVERY_S / len(self._speakers)
        place, due_s = 0, time.monotonic()
        while True:
            now_s = time.monotonic()
            while due_s <= now_s:
                self._speak(self._speakers[place % len(self._speakers)])
                place, due_s = place + 1, due_s + turn_s
            await asyncio.sleep(max(0.005, due_s - now_s))

    def _speak(self, device: Device) -> None:
        speech, chance, now_s = self._speech, self._chance, time.time()
        said = [speech.heartbeat(device.site_id, device.device_id, now_s)]
        if device.kind in _METRICS:
            metric, value = _METRICS[device.kind]
            value += round(chance.uniform(0.0, value / 20), 4)
            said.append(speech.reading(device.site_id, device.device_id, now_s, metric, value))
        if chance.random() < _EVENTS:
            said.append(speech.event(device.site_id, device.device_id, now_s))
        if chance.random() < _UNREADABLE:
            channel = Channel.ALARM if chance.random() < _UNREADABLE_ALARMS else Channel.READING
            said.append(speech.unreadable(device.site_id, device.device_id, now_s, channel))
        for message in said:
            self._publisher.give(message)
        if chance.random() < _REPEATED:
            self._publisher.repeat(said[0])
