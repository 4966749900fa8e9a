"""What several benchmarks play with: a control room, a fleet beside it, and somebody who presses buttons."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple
from uuid import uuid4

from benchmarks.control_room import ControlRoom, end, program, wait_for_progress
from benchmarks.far_end import FarEnd
from benchmarks.wire import Wire
from campuswatch.demo_district import prepare
from campuswatch.embedded import EmbeddedPostgres
from domain.device import Device, DeviceKind
from domain.observation import AlarmKind, Channel
from simulators.district import DISTRICT_SITES
from simulators.message import alarm, topic
from tests.servers import Mosquitto


@asynccontextmanager
async def up(room: ControlRoom) -> AsyncIterator[None]:
    """The room runs inside; the event loop never waits for it."""
    try:
        await asyncio.to_thread(room.__enter__)
        yield
    finally:
        await asyncio.to_thread(room.__exit__, None, None, None)


@asynccontextmanager
async def own_database(directory: Path, **settings: str) -> AsyncIterator[EmbeddedPostgres]:
    """A server of the benchmark's own, durable as the demo's, that it may stop and start."""
    postgres = EmbeddedPostgres(directory / "postgresql", settings=settings)
    await postgres.start()
    try:
        yield postgres
    finally:
        await postgres.stop()


@asynccontextmanager
async def room_with_mosquitto(
    directory: Path, far_end: FarEnd, *, sites: int = DISTRICT_SITES, persistent: bool = False
) -> AsyncIterator[tuple[ControlRoom, Mosquitto]]:
    """A control room over ``sites`` schools, with a Mosquitto and a database of its own that knows when each row was
    committed; ``far_end`` answers. ``persistent``: the broker keeps what it holds over a restart.
    """
    broker = Mosquitto(directory, persistent=persistent)
    await asyncio.to_thread(broker.start)
    try:
        async with own_database(directory, track_commit_timestamp="on") as postgres:
            room = ControlRoom(
                directory / "room",
                "--no-simulator",
                environment=far_end.environment,
                dsn=postgres.dsn,
                mqtt_url=broker.url,
            )
            async with far_end.serve(), up(room):
                await prepare(room.dsn, sites=sites, seed=1, phone=far_end.phone)
                yield room, broker
    finally:
        await asyncio.to_thread(broker.stop)


@asynccontextmanager
async def fleet(mqtt_url: str, log: Path) -> AsyncIterator[None]:
    """The district's devices in a process of their own; inside, they speak."""
    process = program(["sim", "fleet", "--mqtt-url", mqtt_url, "--wait", "30"], log)
    try:
        await asyncio.to_thread(wait_for_progress, log, 60, published=1)
        yield
    finally:
        await asyncio.to_thread(end, process)


class Press(NamedTuple):
    """``label`` says in which part of the run; ``answered`` is when the police link had answered."""

    label: str
    at: float
    device_id: str
    answered: asyncio.Future[float]

    @property
    def seconds(self) -> float | None:
        """Until the receipt, None while there is none."""
        return self.answered.result() - self.at if self.answered.done() else None


class Presser:
    """Presses one button after another, each once, ``every_s`` apart and without waiting for receipts.

    ``label`` and ``every_s`` may be changed at any time.
    """

    def __init__(self, mqtt_url: str, far_end: FarEnd, devices: Sequence[Device], *, every_s: float) -> None:
        self.label = ""
        self.every_s = every_s
        self.pressed: list[Press] = []
        self._mqtt_url = mqtt_url
        self._far_end = far_end
        self._left = [device for device in devices if device.kind is DeviceKind.ONE_KEY_ALARM]
        random.Random(1).shuffle(self._left)

    async def run(self) -> None:
        """Until cancelled or every button was pressed."""
        wire = Wire(self._mqtt_url, "bench-buttons", clean=True)
        await asyncio.to_thread(wire.__enter__)
        try:
            while self._left:
                await asyncio.sleep(self.every_s * random.uniform(0.8, 1.2))
                button = self._left.pop()
                answered = self._far_end.expect(button.device_id)
                self.pressed.append(Press(self.label, time.perf_counter(), button.device_id, answered))
                payload = alarm(time.time(), uuid4().hex, AlarmKind.PANIC)
                where = topic(button.site_id, button.device_id, Channel.ALARM)
                await asyncio.to_thread(wire.publish, [(where, payload)], window=1)
        finally:
            wire.__exit__(None, None, None)

    async def answered(self, patience_s: float) -> list[Press]:
        """Wait for the receipts of all presses; those without one after ``patience_s``."""
        waiting = [press.answered for press in self.pressed]
        if waiting:
            await asyncio.wait(waiting, timeout=patience_s)
        return [press for press in self.pressed if not press.answered.done()]

    def seconds(self, label: str) -> list[float]:
        """Of those pressed in that part of the run and answered: from the press to the receipt."""
        return [press.seconds for press in self.pressed if press.label == label and press.seconds is not None]


class Spread(NamedTuple):
    """``n`` values: their middle, the one that 99 of 100 do not pass, and the largest."""

    n: int
    p50: float
    p99: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float], *, unit: float = 1.0) -> Spread:
        """``values`` in seconds and ``unit`` 1e-3: in milliseconds."""
        if not values:
            return cls(0, 0.0, 0.0, 0.0)
        p99 = quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else values[0]
        return cls(len(values), median(values) / unit, p99 / unit, max(values) / unit)
