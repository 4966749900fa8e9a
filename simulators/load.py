"""A load on a broker and the control room behind it: so many messages a second over shared connections.

::

    devices in turn ──heartbeats, readings──► connections (each with a window) ──QoS 1──► broker ──► control room
    buttons, one every so often ──alarms──────────────▲                                                   │
                                                                receivers in this process ◄──deliveries───┘

Every message is one that a device of the district could send, and no two are alike, so that whoever stores them stores
all of them. A message that finds its connection's window full is held back and counted; it is not sent later.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

import msgspec

from domain.device import Device, DeviceKind
from domain.observation import AlarmKind, Channel
from simulators.broker import BrokerAddress
from simulators.district import District
from simulators.latency import Latencies, Spread
from simulators.message import alarm, heartbeat, reading, topic
from simulators.open_files import make_room
from simulators.progress import Progress
from simulators.receipts import ReceiptBook
from simulators.uplink import AT_THE_DOOR, Uplink
from simulators.uplinks import Counters, Uplinks

SLICE_S = 0.005
DRAIN_S = 10.0
#: Receipts of the last presses are waited for so long.
RECEIPTS_S = 10.0
#: What is measured where nothing is wrong, by kind.
_USUAL = {DeviceKind.TEMPERATURE: ("temperature_c", 18.0), DeviceKind.SMOKE: ("smoke_obscuration_db_m", 0.01)}


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """``rate_per_s`` 0: as fast as the broker acknowledges. ``duration_s`` None: until `Load.stop`.

    ``press_every_s`` 0: no buttons. Presses are marked as tests unless ``drill``; then they are marked as drills.
    ``timed``: somebody tells `Load.heard` of receipts, and each press wants one.
    """

    connections: int = 8
    rate_per_s: float = 1000.0
    duration_s: float | None = None
    window: int = 500
    press_every_s: float = 0.0
    drill: bool = False
    timed: bool = False


class Pressed(msgspec.Struct, frozen=True, kw_only=True):
    """Buttons pressed, and how many of them the police's end here answered. ``receipt``: from press to receipt; None
    where nobody here hears of it.
    """

    buttons: int
    received: int
    receipt: Spread | None


class LoadSummary(Counters, frozen=True, kw_only=True):
    """``held_back``: found their window full. ``asked_per_s`` 0: as fast as possible. Rates are those of the whole run,
    the drain at its end included for the acknowledged one.
    """

    broker: str
    connections: int
    devices: int
    elapsed_s: float
    asked_per_s: float
    published_per_s: float
    acknowledged_per_s: float
    held_back: int
    puback: Spread
    pressed: Pressed | None
    cpu_pct: float

    @property
    def complete(self) -> bool:
        """Everything published was acknowledged, everything pressed was received."""
        pressed = self.pressed
        answered = pressed is None or pressed.receipt is None or pressed.received == pressed.buttons
        return self.acknowledged == self.published and not self.waiting and not self.dropped and answered

    def text(self) -> str:
        """Lines for people."""
        asked = f" of {self.asked_per_s:,.0f}/s asked" if self.asked_per_s else ""
        lines = [
            f"{self.devices:,} devices over {self.connections:,} connections to {self.broker}, {self.elapsed_s:.1f} s",
            f"published     {self.published:>12,}  {self.published_per_s:>10,.0f}/s{asked}",
            f"acknowledged  {self.acknowledged:>12,}  {self.acknowledged_per_s:>10,.0f}/s",
            f"PUBACK        {_spread(self.puback)}",
        ]
        if self.pressed is not None:
            lines.append(f"pressed       {self.pressed.buttons:>12,}")
            if self.pressed.receipt is not None:
                lines.append(f"received      {self.pressed.received:>12,}")
                lines.append(f"receipt       {_spread(self.pressed.receipt)}")
        lines.append(
            f"not acknowledged {self.in_flight:,}, not sent {self.waiting + self.dropped:,}, "
            f"held back {self.held_back:,}, reconnects {self.reconnects:,}, {self.cpu_pct:g}% of a core here"
        )
        return "\n".join(lines)


class Load:
    """Runs once. Tell `heard` of each delivery that police's end in this process answered.

    :raises TooManyConnections: this process may not have so many.
    """

    def __init__(
        self, district: District, broker: BrokerAddress, plan: LoadPlan, *, progress: Progress | None = None
    ) -> None:
        if not district.devices:
            raise ValueError("a load needs at least one device")
        make_room(plan.connections)
        self._plan = plan
        self._broker = broker
        self._devices = district.devices
        self._puback = Latencies()
        door = asyncio.Semaphore(AT_THE_DOOR)
        run = uuid4().hex[:8]
        self._uplinks = Uplinks(
            [
                Uplink(broker, f"campus-load-{run}-{number}", window=plan.window, door=door, latencies=self._puback)
                for number in range(plan.connections)
            ]
        )
        self._progress = progress
        self._stopping = asyncio.Event()
        self._held_back = 0
        self._pressed_at: dict[str, float] = {}
        self._pressed = 0
        self._receipts = Latencies()
        self._all_received = asyncio.Event()
        self._began_s = self._ended_s = self._began_cpu_s = 0.0

    def stop(self) -> None:
        """Ask `run` to stop sending, drain and return."""
        self._stopping.set()

    def heard(self, book: ReceiptBook, webhook_id: str) -> None:
        """The police's end has answered this delivery."""
        entry = book.find(webhook_id)
        if entry is None or entry.type != "incident.raised" or entry.copies > 1:
            return
        device = entry.data.get("device") or {}
        pressed_at = self._pressed_at.pop(str(device.get("device_id")), None)
        if pressed_at is not None:
            self._receipts.add(time.perf_counter() - pressed_at)
            if not self._pressed_at:
                self._all_received.set()

    async def run(self, *, patience_s: float = 0.0) -> LoadSummary:
        """Send until `stop` or for the plan's duration; wait for PUBACKs and receipts.

        :raises BrokerUnreachable: no broker within ``patience_s``. :raises BrokerRefused: it does not let us in.
        """
        plan = self._plan
        async with self._uplinks.standing(patience_s=patience_s, progress=self._progress):
            self._began_s, self._began_cpu_s = time.monotonic(), time.process_time()
            pressing = asyncio.create_task(self._press(), name="load-presses") if plan.press_every_s else None
            try:
                await self._send()
            finally:
                self._ended_s = time.monotonic()
                if pressing is not None:
                    pressing.cancel()
                    await asyncio.gather(pressing, return_exceptions=True)
            await self._uplinks.drain(DRAIN_S)
            if self._pressed_at and plan.timed:
                self._all_received.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(RECEIPTS_S):
                        await self._all_received.wait()
            if self._progress is not None:
                self._progress.end()
            return self.summary()

    def summary(self) -> LoadSummary:
        """The figures now."""
        now_s = time.monotonic()
        sending_s = max(1e-9, (self._ended_s or now_s) - self._began_s)
        counters = self._uplinks.counters()
        return LoadSummary(
            broker=str(self._broker),
            connections=len(self._uplinks.links),
            devices=len(self._devices),
            elapsed_s=round(sending_s, 2),
            asked_per_s=self._plan.rate_per_s,
            published_per_s=round(counters.published / sending_s, 1),
            acknowledged_per_s=round(counters.acknowledged / sending_s, 1),
            held_back=self._held_back,
            puback=self._puback.spread(),
            pressed=self._pressed_so_far(),
            cpu_pct=round(100 * (time.process_time() - self._began_cpu_s) / max(1e-9, now_s - self._began_s), 1),
            **msgspec.structs.asdict(counters),
        )

    def _pressed_so_far(self) -> Pressed | None:
        if not self._plan.press_every_s:
            return None
        receipts = self._receipts
        return Pressed(
            buttons=self._pressed, received=receipts.count, receipt=receipts.spread() if self._plan.timed else None
        )

    async def _send(self) -> None:
        plan, links = self._plan, self._uplinks.links
        traffic = Traffic(self._devices)
        ends_at = None if plan.duration_s is None else self._began_s + plan.duration_s
        sent, last_s = 0, self._began_s
        while not self._stopping.is_set() and (ends_at is None or time.monotonic() < ends_at):
            now_s, at_s = time.monotonic(), time.time()
            if plan.rate_per_s:
                due = int(plan.rate_per_s * (now_s - self._began_s)) - sent
            else:
                due = sum(link.free for link in links)
            step_s = (now_s - last_s) / max(1, due)
            for number in range(due):
                # Each has a time of its own, even where one device speaks many times in a slice.
                device_no, where, payload = traffic.next(at_s - (due - number) * step_s)
                link = links[device_no % len(links)]
                if link.free:
                    link.offer(where, payload)
                elif plan.rate_per_s:
                    self._held_back += 1
            sent, last_s = sent + due, now_s
            if self._progress is not None and self._progress.due(now_s):
                self._progress.show(self._line())
            await asyncio.sleep(SLICE_S)

    async def _press(self) -> None:
        """Each button once: a second press is no second incident while the first one is open."""
        plan, links = self._plan, self._uplinks.links
        buttons = [number for number, device in enumerate(self._devices) if device.kind is DeviceKind.ONE_KEY_ALARM]
        random.shuffle(buttons)
        for number in buttons:
            device = self._devices[number]
            payload = alarm(time.time(), uuid4().hex, AlarmKind.PANIC, test=not plan.drill, drill=plan.drill)
            self._pressed_at[device.device_id] = time.perf_counter()
            self._pressed += 1
            where = topic(device.site_id, device.device_id, Channel.ALARM)
            links[number % len(links)].offer(where, payload, urgent=True)
            await asyncio.sleep(plan.press_every_s)

    def _line(self) -> str:
        now = self.summary()
        pressed = ""
        if now.pressed is not None:
            pressed = f"  pressed {now.pressed.buttons}"
            if now.pressed.receipt is not None:
                pressed += f", received {now.pressed.received}, p99 {now.pressed.receipt.p99_ms:g} ms"
        return (
            f"{now.elapsed_s:.0f} s  {self._uplinks.connected:,}/{now.connections:,} connected  "
            f"{now.published_per_s:,.0f}/s published  {now.acknowledged_per_s:,.0f}/s acknowledged  "
            f"PUBACK p50 {now.puback.p50_ms:g} p99 {now.puback.p99_ms:g} ms{pressed}"
        )


class Traffic:
    """The devices in turn, each with a heartbeat, and a sensor with a reading every other time."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._turns = [
            (
                topic(device.site_id, device.device_id, Channel.HEARTBEAT),
                topic(device.site_id, device.device_id, Channel.READING),
                *_USUAL.get(device.kind, ("", 0.0)),
            )
            for device in devices
        ]
        self._device_no = -1
        self._round = 0

    def next(self, at_s: float) -> tuple[int, str, bytes]:
        """Number of the device, topic and payload of what it says at ``at_s``."""
        self._device_no += 1
        if self._device_no == len(self._turns):
            self._device_no = 0
            self._round += 1
        alive, measured, metric, usual = self._turns[self._device_no]
        if metric and self._round & 1:
            return self._device_no, measured, reading(at_s, metric, usual)
        return self._device_no, alive, heartbeat(at_s, None)


def _spread(spread: Spread) -> str:
    return f"p50 {spread.p50_ms:g} ms, p99 {spread.p99_ms:g} ms, max {spread.max_ms:g} ms ({spread.count:,})"
