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
from contextlib import suppress
from uuid import uuid4

import msgspec

from domain.device import DeviceKind
from domain.observation import AlarmKind, Channel
from simulators.broker import BrokerAddress
from simulators.district import District
from simulators.latency import Latencies
from simulators.load_plan import LoadPlan, LoadSummary, Pressed
from simulators.message import alarm, topic
from simulators.open_files import make_room
from simulators.progress import Progress
from simulators.receipts import ReceiptBook
from simulators.traffic import Traffic
from simulators.uplink import AT_THE_DOOR, Uplink
from simulators.uplinks import Uplinks

SLICE_S = 0.005
DRAIN_S = 10.0
#: Receipts of the last presses are waited for so long.
RECEIPTS_S = 10.0


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
