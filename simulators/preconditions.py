"""Whether a control room is fit for a scenario in real time: it knows the sites, nothing is left over from before, and
no device is, or is about to be, missed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from domain.liveness import Connectivity
from domain.vocabulary import rule_words
from simulators.errors import NotInRealTime, WallRefused
from simulators.message import CHINA_TIME
from simulators.operator import Operator, SeenDevice, SeenIncident
from simulators.progress import Progress
from simulators.scenarios.script import Script

#: Of these a control room closes an incident itself once the devices speak again as they should.
ENDING_BY_THEMSELVES = frozenset({"heartbeat_lost", "low_battery", "clock_off", "chattering_device", "chattering_site"})
#: Everybody has sent three heartbeats by then, after which even a clock is believed.
CALM_WITHIN_S = 120.0
LOOK_EVERY_S = 1.0
MOST_NAMED = 3


@contextmanager
def named(option: str) -> Iterator[None]:
    """What is refused inside is told with the option that led there."""
    try:
        yield
    except WallRefused as error:
        raise WallRefused(f"{option}: {error}") from error


class Preconditions:
    """Of ``script`` in the control room of ``operator``. ``stopping`` ends the waiting."""

    def __init__(self, script: Script, operator: Operator, progress: Progress, stopping: asyncio.Event) -> None:
        self._script = script
        self._sites = [site.site_id for site in script.district.sites]
        self._devices = {device.device_id for device in script.district.devices}
        self._operator = operator
        self._progress = progress
        self._stopping = stopping
        self._seen: dict[str, datetime] = {}

    async def hold(self) -> None:
        """To be asked before the scenario's devices speak.

        :raises WallRefused: a site is not known. :raises NotInRealTime: an incident is open that only people end.
        """
        with named("--wall"):
            known = await self._operator.sites()
        strange = [site for site in self._script.district.sites if known.get(site.site_id) != site.name]
        if strange:
            raise WallRefused(
                f"the control room does not know {strange[0].site_id} as {strange[0].name}; its registry must hold the "
                f"scenario's district, as with: campuswatch demo --no-fleet --seed {self._script.seed}"
            )
        left = [one for one in await self._open() if one.rule not in ENDING_BY_THEMSELVES]
        if left:
            raise NotInRealTime(left_over(left))
        devices = await self._seen_devices()
        self._seen = {one.device_id: one.last_seen_at for one in devices if one.last_seen_at is not None}

    async def calm(self) -> None:
        """Wait until every device that had been heard before speaks again and what had been open of that is closed, or
        until somebody says stop. A control room that never heard of them misses none.

        :raises NotInRealTime: it did not become calm within `CALM_WITHIN_S`.
        """
        ends = time.monotonic() + CALM_WITHIN_S
        told = False
        while not self._stopping.is_set() and (troubles := await self._troubles()):
            left_s = ends - time.monotonic()
            if left_s <= 0:
                raise NotInRealTime(f"the wall did not become calm within {CALM_WITHIN_S:g} s: {_listed(troubles)}")
            if self._progress.on_terminal or not told:
                self._progress.show(f"waiting until the wall is calm, at most {left_s:.0f} s: {_listed(troubles)}")
                told = True
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._stopping.wait()

    async def _troubles(self) -> list[str]:
        devices = await self._seen_devices()
        silent = [one.device_id for one in devices if self._is_missed(one)]
        return [f"{name} has not spoken yet" for name in silent] + [_open_text(one) for one in await self._open()]

    def _is_missed(self, device: SeenDevice) -> bool:
        before, now = self._seen.get(device.device_id), device.last_seen_at
        unheard = before is not None and (now is None or now <= before)
        return unheard or device.connectivity is Connectivity.OFFLINE

    async def _open(self) -> list[SeenIncident]:
        return [one for one in await self._operator.queue() if one.site_id in self._sites]

    async def _seen_devices(self) -> list[SeenDevice]:
        found = [one for site_id in self._sites for one in await self._operator.devices(site_id)]
        return [one for one in found if one.device_id in self._devices]


def left_over(incidents: Sequence[SeenIncident]) -> str:
    """What has to be done at the wall before a scenario can begin."""
    them = "it" if len(incidents) == 1 else "them"
    texts = [_open_text(one) for one in sorted(incidents, key=lambda one: one.number)]
    return f"{_listed(texts)}. Acknowledge, reset and close {them} on the wall, then start again"


def _open_text(one: SeenIncident) -> str:
    what = rule_words(one.rule)[1]
    since = one.raised_at.astimezone(CHINA_TIME).strftime("%H:%M")
    return f"{one.device_id or one.site_id} has an open {what[:1].lower()}{what[1:]} since {since}"


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - MOST_NAMED
    return "; ".join(texts[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
