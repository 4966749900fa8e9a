"""The district's devices on a real broker in real time.

::

    timetable ──messages due──► uplinks (one a group of sites) ──QoS 1──► broker
        ▲                                                                   │
    interventions ◄──────────── orders on campus-sim/v1/control ◄───────────┘

The fleet runs on after a lost broker: what it could not send waits in the uplinks (bounded) and goes out on return.
"""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import msgspec
import structlog

from domain.clock import Clock, SystemClock
from simulators.broker import BrokerAddress
from simulators.district import District
from simulators.errors import OrderRefused
from simulators.interventions import Interventions
from simulators.message import Message
from simulators.orders import CONTROL_TOPIC, REPLY_TOPIC, Order, Reply, decode_order
from simulators.timetable import Timetable
from simulators.uplink import Uplink

log = structlog.get_logger()

SLICE_S = 0.05
PROGRESS_EVERY_S = 10.0
ASLEEP_S = 15.0  # a gap longer than this is left out instead of caught up with
DRAIN_S = 10.0


class FleetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """``published`` = ``acknowledged`` + ``in_flight`` always; ``dropped`` never left, nor did ``waiting``."""

    devices: int
    connections: int
    elapsed_s: float
    published: int
    acknowledged: int
    in_flight: int
    waiting: int
    dropped: int
    reconnects: int
    rate_per_s: float
    cpu_pct: float


class Fleet:
    """All devices of a district, over ``connections`` MQTT connections; every site keeps to one of them."""

    def __init__(
        self,
        district: District,
        broker: BrokerAddress,
        *,
        seed: int = 1,
        connections: int = 8,
        rate_factor: float = 1.0,
        window: int = 500,
        clock: Clock | None = None,
    ) -> None:
        if not district.sites:
            raise ValueError("a fleet needs at least one site")
        self._clock = clock or SystemClock()
        self._district = district
        self._interventions = Interventions(district.devices)
        self._timetable = Timetable(
            district.devices,
            seed=seed,
            start_s=self._now_s(),
            rate_factor=rate_factor,
            interventions=self._interventions,
        )
        run = uuid4().hex[:8]
        count = max(1, min(connections, len(district.sites)))
        self._uplinks = [Uplink(broker, f"campus-sim-{run}-{number:03d}", window=window) for number in range(count)]
        self._uplink_of = [self._uplinks[no * count // len(district.sites)] for no in range(len(district.sites))]
        self._control = Uplink(broker, f"campus-sim-{run}-control", subscribe=CONTROL_TOPIC, on_message=self._on_order)
        self._broker = broker
        self._stopping = asyncio.Event()
        self._uplinks_down = False
        self._started_s = 0.0
        self._started_cpu_s = 0.0

    @property
    def mean_rate(self) -> float:
        """Messages a second that a quiet district sends."""
        return self._timetable.mean_rate

    def stop(self) -> None:
        """Ask `run` to stop sending, drain and return."""
        self._stopping.set()

    async def run(self, *, duration_s: float | None = None, patience_s: float = 0.0) -> FleetSummary:
        """Send until `stop` or for ``duration_s``; then wait for the outstanding PUBACKs.

        :raises BrokerUnreachable: no broker within ``patience_s``. :raises BrokerRefused: it does not let us in.
        """
        links = [*self._uplinks, self._control]
        tasks = [asyncio.create_task(link.run(patience_s=patience_s), name=link.client_id) for link in links]
        try:
            await self._all_connected(tasks, links)
            self._started_s = time.monotonic()
            self._started_cpu_s = time.process_time()
            log.info(
                "fleet_started",
                broker=str(self._broker),
                sites=len(self._district.sites),
                devices=len(self._district.devices),
                connections=len(self._uplinks),
                expected_per_s=round(self.mean_rate, 1),
            )
            await self._send(duration_s)
            await asyncio.gather(*(link.drain(DRAIN_S) for link in links))
            summary = self.summary()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        log.info("fleet_stopped", **msgspec.structs.asdict(summary))
        return summary

    def summary(self) -> FleetSummary:
        """The counters now."""
        elapsed_s = max(1e-9, time.monotonic() - self._started_s)
        links = self._uplinks
        published = sum(link.published for link in links)
        return FleetSummary(
            devices=len(self._district.devices),
            connections=len(links),
            elapsed_s=round(elapsed_s, 1),
            published=published,
            acknowledged=sum(link.acknowledged for link in links),
            in_flight=sum(link.in_flight for link in links),
            waiting=sum(link.waiting for link in links),
            dropped=sum(link.dropped for link in links),
            reconnects=sum(link.reconnects for link in links),
            rate_per_s=round(published / elapsed_s, 1),
            cpu_pct=round(100 * (time.process_time() - self._started_cpu_s) / elapsed_s, 1),
        )

    async def _all_connected(self, tasks: list[asyncio.Task[None]], links: list[Uplink]) -> None:
        """Return when every uplink is up; raise what the first failing one raised."""

        async def everyone() -> None:
            for link in links:
                await link.connected.wait()

        up = asyncio.create_task(everyone(), name="fleet-connected")
        try:
            done, _ = await asyncio.wait([up, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            up.cancel()

    async def _send(self, duration_s: float | None) -> None:
        self._timetable.skip_to(self._now_s())
        ends_at = None if duration_s is None else self._started_s + duration_s
        report_at = self._started_s + PROGRESS_EVERY_S
        last_s = self._now_s()
        while not self._stopping.is_set() and (ends_at is None or time.monotonic() < ends_at):
            now_s = self._now_s()
            if not -ASLEEP_S < now_s - last_s < ASLEEP_S:
                log.warning("fleet_slept", seconds=round(now_s - last_s, 1))
                self._timetable.skip_to(now_s)
            last_s = now_s
            for message in self._timetable.due(now_s):
                self._offer(message)
            for link in self._uplinks:
                link.pump()
            self._watch_uplinks()
            if time.monotonic() >= report_at:
                report_at += PROGRESS_EVERY_S
                self._report()
            await asyncio.sleep(SLICE_S)

    def _offer(self, message: Message) -> None:
        self._uplink_of[message.site_no].offer(message.topic, message.payload, urgent=message.urgent)

    def _watch_uplinks(self) -> None:
        """Say once that connections are lost, and once that all are back; `_report` has the count between."""
        down = [link for link in self._uplinks if not link.connected.is_set()]
        if bool(down) is self._uplinks_down:
            return
        self._uplinks_down = bool(down)
        if down:
            log.warning("fleet_uplinks_down", broker=str(self._broker), down=len(down), of=len(self._uplinks))
        else:
            log.info("fleet_uplinks_back", broker=str(self._broker), of=len(self._uplinks))

    def _report(self) -> None:
        figures = msgspec.structs.asdict(self.summary())
        trouble = next((link.trouble for link in self._uplinks if link.trouble), "")
        log.info(
            "fleet_progress", cut=len(self._interventions.cut), **figures, **({"trouble": trouble} if trouble else {})
        )

    def _on_order(self, _: str, payload: bytes) -> None:
        try:
            order = decode_order(payload)
        except OrderRefused as error:
            log.warning("order_refused", error=str(error))
            return
        reply = self.obey(order)
        log.info("order", op=order.op.value, site=order.site, device=order.device, ok=reply.ok, detail=reply.detail)
        if order.id:
            self._control.offer(f"{REPLY_TOPIC}/{order.id}", msgspec.json.encode(reply))
            self._control.pump()

    def obey(self, order: Order) -> Reply:
        """Carry out an order now; what it makes devices say goes out at once."""
        named = order if order.id else msgspec.structs.replace(order, id=uuid4().hex)
        try:
            messages, detail = self._interventions.apply(named, self._now_s())
        except OrderRefused as error:
            return Reply(id=order.id, ok=False, detail=str(error))
        for message in messages:
            self._offer(message)
            self._uplink_of[message.site_no].pump()
        return Reply(id=order.id, ok=True, detail=detail)

    def _now_s(self) -> float:
        return self._clock.now().timestamp()
