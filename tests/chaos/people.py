"""People at the schools who press buttons, fires that smoke detectors report, and the operator who ends the alarms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from random import Random

import httpx

from domain.device import Device, DeviceKind
from domain.observation import AlarmKind
from tests.chaos.far_end import LINKS, FarEnd
from tests.chaos.publisher import Publisher
from tests.chaos.sent import Speech

ALARM_KINDS = {DeviceKind.ONE_KEY_ALARM: AlarmKind.PANIC, DeviceKind.SMOKE: AlarmKind.SMOKE}
#: Seconds between two moments in which somebody presses, on average.
_EVERY_S = 0.8
#: In the same millisecond; a second time by an impatient finger; the same message twice by the gateway.
_TWO_AT_ONCE, _IMPATIENT, _REPEATED = 0.2, 0.2, 0.1
_LOOK_EVERY_S = 2.0
_ACTOR = {"actor": "值班员 chaos"}


class Callers:
    """Press whichever of ``devices`` has no open alarm."""

    def __init__(self, devices: Sequence[Device], publisher: Publisher, speech: Speech, chance: Random) -> None:
        self._free = {f"{d.site_id}/{d.device_id}": d for d in devices if d.kind in ALARM_KINDS}
        self._calling: dict[str, Device] = {}
        self._publisher = publisher
        self._speech = speech
        self._chance = chance

    async def run(self) -> None:
        """Until cancelled."""
        chance = self._chance
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(chance.expovariate(1 / _EVERY_S))
                for _ in range(2 if chance.random() < _TWO_AT_ONCE else 1):
                    if self._free:
                        tasks.create_task(self._call(chance.choice(sorted(self._free))))

    def over(self, device: str) -> None:
        """Its alarm was reset: it may call again."""
        if device in self._calling:
            self._free[device] = self._calling.pop(device)

    async def _call(self, name: str) -> None:
        device = self._free.pop(name, None)
        if device is None:
            return  # somebody else was faster
        self._calling[name] = device
        self._press(device)
        if self._chance.random() < _IMPATIENT:
            await asyncio.sleep(self._chance.uniform(0.0, 0.5))
            self._press(device)

    def _press(self, device: Device) -> None:
        press = self._speech.alarm(device.site_id, device.device_id, time.time(), ALARM_KINDS[device.kind])
        self._publisher.give(press)
        if self._chance.random() < _REPEATED:
            self._publisher.repeat(press)


class Operator:
    """Acknowledges and resets every alarm that police and education have, over the API of the web role."""

    def __init__(self, client: httpx.AsyncClient, far_end: FarEnd, callers: Callers) -> None:
        self._client = client
        self._far_end = far_end
        self._callers = callers
        self._ended: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._far_end.look()
                for incident_id, device in self._told().items():
                    await self._end(incident_id, device)
            except httpx.HTTPError:
                pass  # the web role is away; the alarms stay
            await asyncio.sleep(_LOOK_EVERY_S)

    def _told(self) -> dict[str, str]:
        """Incidents that every link knows and nobody has ended: their devices."""
        told: dict[str, set[str]] = {}
        devices: dict[str, str] = {}
        for (link, _), arrived in list(self._far_end.books.items()):
            if arrived.type == "incident.raised" and arrived.incident_id not in self._ended:
                told.setdefault(arrived.incident_id, set()).add(link)
                devices[arrived.incident_id] = arrived.device
        return {incident_id: devices[incident_id] for incident_id, links in told.items() if len(links) == len(LINKS)}

    async def _end(self, incident_id: str, device: str) -> None:
        """Done, or tried again later: the incident may not be in the database yet."""
        await self._client.post(f"/incidents/{incident_id}/acknowledge", json=_ACTOR)
        answer = await self._client.post(f"/incidents/{incident_id}/reset", json=_ACTOR)
        if answer.status_code == 200 or await self._is_reset(incident_id):
            self._ended.add(incident_id)
            self._callers.over(device)

    async def _is_reset(self, incident_id: str) -> bool:
        """Whether an answer got lost on the way back."""
        answer = await self._client.get(f"/incidents/{incident_id}")
        return answer.status_code == 200 and answer.json()["state"] == "reset"
