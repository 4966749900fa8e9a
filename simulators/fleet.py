"""The district's devices on a real broker in real time.

::

    timetable ──messages due──► uplinks (one a group of sites, a site or a device) ──QoS 1──► broker
        ▲                                                                                       │
    interventions ◄───────────────── orders on campus-sim/v1/control ◄──────────────────────────┘

The fleet runs on after a lost broker: what it could not send waits in the uplinks (bounded) and goes out on return.
"""

from __future__ import annotations

import asyncio
import sys
import time
from uuid import uuid4

import msgspec
import structlog

from domain.clock import Clock, SystemClock
from simulators.broker import BrokerAddress
from simulators.district import District
from simulators.errors import OrderRefused
from simulators.interventions import Interventions
from simulators.latency import Latencies, Spread
from simulators.message import Message
from simulators.open_files import make_room
from simulators.orders import CONTROL_TOPIC, REPLY_TOPIC, Order, Reply, decode_order
from simulators.progress import Progress
from simulators.sharing import Sharing, shared_uplinks
from simulators.timetable import Timetable
from simulators.uplink import AT_THE_DOOR, Uplink
from simulators.uplinks import Counters, Uplinks

log = structlog.get_logger()

SLICE_S = 0.05
WATCH_EVERY_S = 1.0
ASLEEP_S = 15.0  # a gap longer than this is left out instead of caught up with
DRAIN_S = 10.0


class FleetSummary(Counters, frozen=True, kw_only=True):
    """``puback``: from a message's sending to the broker's acknowledgement."""

    devices: int
    connections: int
    elapsed_s: float
    rate_per_s: float
    cpu_pct: float
    puback: Spread


class Fleet:
    """All devices of a district over MQTT. With `Sharing.GROUP` over ``connections`` of them; every site keeps to one.

    :raises TooManyConnections: this process may not have so many.
    """

    def __init__(
        self,
        district: District,
        broker: BrokerAddress,
        *,
        seed: int = 1,
        sharing: Sharing = Sharing.GROUP,
        connections: int = 8,
        rate_factor: float = 1.0,
        window: int = 500,
        clock: Clock | None = None,
        progress: Progress | None = None,
        quiet: bool = False,
    ) -> None:
        if not district.sites:
            raise ValueError("a fleet needs at least one site")
        self._clock = clock or SystemClock()
        self._district = district
        self._interventions = Interventions(district.devices, district.sites)
        self._timetable = Timetable(
            district.devices,
            seed=seed,
            start_s=self._now_s(),
            rate_factor=rate_factor,
            interventions=self._interventions,
            sites=district.sites,
        )
        run = f"campus-sim-{uuid4().hex[:8]}"
        door = asyncio.Semaphore(AT_THE_DOOR)
        self._puback = Latencies()
        self._uplink_of = shared_uplinks(
            district, broker, run, sharing, groups=connections, window=window, door=door, latencies=self._puback
        )
        self._uplinks = Uplinks(list(dict.fromkeys(self._uplink_of.values())))
        make_room(len(self._uplinks.links) + 1)
        self._control = Uplink(broker, f"{run}-control", subscribe=CONTROL_TOPIC, on_message=self._on_order, door=door)
        self._progress = progress
        self._quiet = quiet  # somebody else tells how it gets on
        self.up = asyncio.Event()
        self._broker = broker
        self._stopping = asyncio.Event()
        self._uplinks_down = False
        self._started_s = 0.0
        self._started_cpu_s = 0.0

    @property
    def connected(self) -> bool:
        """All of its connections stand."""
        return self._uplinks.connected == len(self._uplinks.links)

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
        async with Uplinks([*self._uplinks.links, self._control]).standing(
            patience_s=patience_s, progress=self._progress
        ):
            self._started_s = time.monotonic()
            self._started_cpu_s = time.process_time()
            log.info(
                "fleet_started",
                broker=str(self._broker),
                sites=len(self._district.sites),
                devices=len(self._district.devices),
                connections=len(self._uplinks.links),
                expected_per_s=round(self.mean_rate, 1),
            )
            self.up.set()
            await self._send(duration_s)
            await self._uplinks.drain(DRAIN_S)
            await self._control.drain(DRAIN_S)
            summary = self.summary()
        log.info("fleet_stopped", **_figures(summary))
        return summary

    def summary(self) -> FleetSummary:
        """The counters now."""
        elapsed_s = max(1e-9, time.monotonic() - self._started_s)
        counters = self._uplinks.counters()
        return FleetSummary(
            devices=len(self._district.devices),
            connections=len(self._uplinks.links),
            elapsed_s=round(elapsed_s, 1),
            rate_per_s=round(counters.published / elapsed_s, 1),
            cpu_pct=round(100 * (time.process_time() - self._started_cpu_s) / elapsed_s, 1),
            puback=self._puback.spread(),
            **msgspec.structs.asdict(counters),
        )

    async def _send(self, duration_s: float | None) -> None:
        self._timetable.skip_to(self._now_s())
        for message in self._timetable.standing(self._now_s()):
            self._offer(message)
        ends_at = None if duration_s is None else self._started_s + duration_s
        progress = self._progress or Progress(sys.stderr)
        last_s = self._now_s()
        watch_at = 0.0
        while not self._stopping.is_set() and (ends_at is None or time.monotonic() < ends_at):
            now_s = self._now_s()
            if not -ASLEEP_S < now_s - last_s < ASLEEP_S:
                log.warning("fleet_slept", seconds=round(now_s - last_s, 1))
                self._timetable.skip_to(now_s)
            last_s = now_s
            for message in self._timetable.due(now_s):
                self._offer(message)
            if time.monotonic() >= watch_at:
                watch_at = time.monotonic() + WATCH_EVERY_S
                self._watch_uplinks()
            if not self._quiet and progress.due(time.monotonic()):
                self._report(progress)
            await asyncio.sleep(SLICE_S)
        progress.end()

    def _offer(self, message: Message) -> None:
        uplink = self._uplink_of[message.topic.rpartition("/")[0]]
        uplink.offer(message.topic, message.payload, urgent=message.urgent)

    def _watch_uplinks(self) -> None:
        """Say once that connections are lost, and once that all are back; `_report` has the count between."""
        down = len(self._uplinks.links) - self._uplinks.connected
        if bool(down) is self._uplinks_down:
            return
        self._uplinks_down = bool(down)
        if down:
            log.warning("fleet_uplinks_down", broker=str(self._broker), down=down, of=len(self._uplinks.links))
        else:
            log.info("fleet_uplinks_back", broker=str(self._broker), of=len(self._uplinks.links))

    def _report(self, progress: Progress) -> None:
        summary, connected, trouble = self.summary(), self._uplinks.connected, self._uplinks.trouble
        if progress.on_terminal:
            progress.show(_line(summary, connected, trouble))
            return
        log.info(
            "fleet_progress",
            cut=len(self._interventions.cut),
            connected=connected,
            **_figures(summary),
            **({"trouble": trouble} if trouble else {}),
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

    def obey(self, order: Order) -> Reply:
        """Carry out an order now; what it makes devices say goes out at once."""
        named = order if order.id else msgspec.structs.replace(order, id=uuid4().hex)
        try:
            messages, detail = self._interventions.apply(named, self._now_s())
        except OrderRefused as error:
            return Reply(id=order.id, ok=False, detail=str(error))
        for message in messages:
            self._offer(message)
        return Reply(id=order.id, ok=True, detail=detail)

    def _now_s(self) -> float:
        return self._clock.now().timestamp()


def _figures(summary: FleetSummary) -> dict[str, float]:
    figures = msgspec.structs.asdict(summary)
    puback: Spread = figures.pop("puback")
    return {**figures, "puback_p99_ms": puback.p99_ms}


def _line(summary: FleetSummary, connected: int, trouble: str) -> str:
    return (
        f"{summary.elapsed_s:.0f} s  {connected:,}/{summary.connections:,} connected  {summary.published:,} published  "
        f"{summary.acknowledged:,} acknowledged  {summary.rate_per_s:,.0f}/s  PUBACK p99 {summary.puback.p99_ms:g} ms"
        + (f"  {trouble}" if trouble else "")
    )
