"""Emptying a full queue, by the bulk lane and by a bare loop: each in a process of its own that stays.

The bare loop is what anybody would write who wants nothing but the rows: paho's thread, msgspec into a struct, binary
COPY, commit, acknowledge. It has no rules, no validation, no registry, no ledger, no index and no second way for
what is known already.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import psycopg
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from prometheus_client import CollectorRegistry

from campuswatch.journal import open_journal
from campuswatch.settings import IngestSettings
from detectors.engine import Engine
from detectors.rules import bulk_rules
from devices.formats.decode import Decoder
from devices.profiles.loading import load_profiles
from devices.registry import load_registry
from domain.clock import SystemClock
from ingest.bulk_lane import LANE, BulkLane
from ingest.fairness import Allowance, Fairness
from ingest.journal import Journal
from ingest.meters import LaneMeters
from ingest.parcel import Share
from ingest.session import BrokerAddress, BrokerSession, Inbound
from ingest.spool import Spool
from storage.device_states import load_liveness, load_rule_states
from storage.pool import connect, open_pool

#: The lane's own limits (`campuswatch.settings.IngestSettings`), for both.
BATCH_MESSAGES = 5000
BATCH_AGE_S = 0.2
BATCH_QUIET_S = 0.02

#: The tables of the bare loop: the same columns as the lane's, and nothing else.
BARE_TABLES = "CREATE TABLE bare_heartbeat (LIKE heartbeat); CREATE TABLE bare_reading (LIKE reading)"


class Ground(msgspec.Struct, frozen=True):
    """What a drain stands on."""

    dsn: str
    mqtt_url: str
    client_id: str
    directory: Path
    give_up_s: float = 300.0


class Drained(msgspec.Struct, frozen=True):
    """``seconds``: from the first message's arrival until the last acknowledgement was on its way to the broker."""

    messages: int
    seconds: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        return self.messages / self.seconds


class Drain(Protocol):
    """Constructed in its own process; ``run`` takes exactly ``count`` messages."""

    def __init__(self, ground: Ground) -> None: ...
    def run(self, count: int) -> Drained: ...


def lane_filters() -> list[str]:
    """What the bulk role subscribes to."""
    profiles = load_profiles(None)
    ours = [f"campus/v1/+/+/{channel}" for channel in ("heartbeat", "reading", "event", "state")]
    return [*ours, *profiles.bulk_filters, *profiles.alarm_filters]


# -- the lane ---------------------------------------------------------------------------------------------------


class _CountedSession(BrokerSession):
    """Notes the first arrival, and when ``count`` messages have been acknowledged. No work for each message."""

    first_at: datetime | None = None
    left = 0

    def expect(self, count: int) -> asyncio.Event:
        self.left, self._all_out = count, asyncio.Event()
        return self._all_out

    def publish(self, topic: bytes, payload: bytes) -> None:
        """No echoes: they would stand in the bare loop's queue too, and in what is left in the broker."""

    def acknowledge(self, messages: Sequence[Inbound]) -> None:
        super().acknowledge(messages)
        if messages and self.first_at is None:
            self.first_at = messages[0].received_at
        self.left -= len(messages)
        if self.left <= 0:
            self._all_out.set()


class LaneDrain:
    """The bulk role without its metrics port: put together as `campuswatch.roles.bulk` does it."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        open_journal(level="warning", form="console", role="bulk")
        gc.freeze()  # as a role's process does
        self._decoder, self._engine = asyncio.run(self._load())
        self._share = Share(alarms=False, both=load_profiles(None).alarm_names)
        self._meters = LaneMeters(CollectorRegistry(), LANE)
        limits = IngestSettings()
        self._fairness = Fairness(
            device=Allowance(limits.device_rate_per_s, limits.device_burst),
            site=Allowance(limits.site_rate_per_s, limits.site_burst),
        )

    async def _load(self) -> tuple[Decoder, Engine]:
        conn = await connect(self._ground.dsn, name="benchmark")
        try:
            registry = await load_registry(conn)
            now = SystemClock().now()
            engine = Engine(bulk_rules())
            engine.enrol(registry, now)
            engine.restore(await load_liveness(conn, proofs_since=now), await load_rule_states(conn), now)
        finally:
            await conn.close()
        return Decoder(registry, load_profiles(None)), engine

    def run(self, count: int) -> Drained:
        return asyncio.run(self._run(count))

    async def _run(self, count: int) -> Drained:
        clock = SystemClock()
        self._engine.hearing_resumed(clock.now())  # the pause between two rounds is ours
        session = _CountedSession(
            BrokerAddress.parse(self._ground.mqtt_url), client_id=self._ground.client_id, filters=lane_filters()
        )
        async with (
            open_pool(self._ground.dsn, name="bulk", max_size=2) as pool,
            Journal(Spool(self._ground.directory / "journal")) as journal,
        ):
            await pool.wait()
            all_out = session.expect(count)
            cpu_s = time.process_time()
            async with session:
                lane = BulkLane(
                    session=session,
                    pool=pool,
                    journal=journal,
                    decoder=self._decoder,
                    share=self._share,
                    detector=self._engine,
                    clock=clock,
                    meters=self._meters,
                    fairness=self._fairness,
                    most=BATCH_MESSAGES,
                    age_s=BATCH_AGE_S,
                    quiet_s=BATCH_QUIET_S,
                )
                running = asyncio.create_task(lane.run(), name="lane")
                waiting = asyncio.create_task(all_out.wait(), name="all out")
                done, _ = await asyncio.wait(
                    {running, waiting}, timeout=self._ground.give_up_s, return_when=asyncio.FIRST_COMPLETED
                )
                while session.unsent:  # noqa: ASYNC110 - the transport tells nobody
                    await asyncio.sleep(0.0005)
                ended_at = clock.now()
                cpu_s = time.process_time() - cpu_s
                running.cancel()
                waiting.cancel()
                await asyncio.gather(running, waiting, return_exceptions=True)
                if running in done:
                    running.result()
        first_at = session.first_at or ended_at
        return Drained(count - session.left, (ended_at - first_at).total_seconds(), cpu_s)


# -- the bare loop ----------------------------------------------------------------------------------------------


class _Said(msgspec.Struct, gc=False):
    ts: datetime
    battery_pct: float | None = None
    values: dict[str, float] = {}


class BareDrain:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        gc.freeze()
        self._device_nos: dict[bytes, int] = {}

    def run(self, count: int) -> Drained:
        arrived: deque[tuple[bytes, bytes, int]] = deque()
        first: list[float] = []

        def on_message(_: Client, __: Any, message: MQTTMessage) -> None:
            if not first:
                first.append(time.time())
            arrived.append((message._topic, bytes(message.payload), message.mid))

        parts = urlsplit(self._ground.mqtt_url)
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._ground.client_id,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        client.on_message = on_message
        taken_in_all, give_up_at = 0, time.monotonic() + self._ground.give_up_s
        with psycopg.connect(self._ground.dsn, autocommit=True) as conn:
            cpu_s = time.process_time()
            client.connect(str(parts.hostname), parts.port or 1883, keepalive=30)
            client.loop_start()
            while taken_in_all < count and time.monotonic() < give_up_at:
                if not arrived:
                    time.sleep(0.001)
                    continue
                _fill(arrived)
                taken = [arrived.popleft() for _ in range(min(BATCH_MESSAGES, len(arrived)))]
                self._write(conn, taken)
                for _, _, mid in taken:
                    client.ack(mid, 1)
                taken_in_all += len(taken)
            while client.want_write():
                time.sleep(0.0005)
            ended = time.time()
            cpu_s = time.process_time() - cpu_s
            client.disconnect()
            client.loop_stop()
        return Drained(taken_in_all, ended - (first[0] if first else ended), cpu_s)

    def _write(self, conn: psycopg.Connection[Any], taken: Sequence[tuple[bytes, bytes, int]]) -> None:
        received_at = datetime.now(UTC)
        heartbeats: list[tuple[Any, ...]] = []
        readings: list[tuple[Any, ...]] = []
        numbers = self._device_nos
        for topic, payload, _ in taken:
            said = _DECODER.decode(payload)
            device, _, channel = topic.rpartition(b"/")
            device_no = numbers.setdefault(device, len(numbers))
            if channel == b"heartbeat":
                heartbeats.append((said.ts, device_no, received_at, said.battery_pct))
            else:
                for metric, value in said.values.items():
                    readings.append((said.ts, device_no, metric, value, received_at))
        with conn.transaction(), conn.cursor() as cursor:
            for table, types, rows in (
                ("bare_heartbeat", ("timestamptz", "int4", "timestamptz", "float4"), heartbeats),
                ("bare_reading", ("timestamptz", "int4", "text", "float8", "timestamptz"), readings),
            ):
                with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()) as copy:
                    copy.set_types(types)
                    for row in rows:
                        copy.write_row(row)


_DECODER = msgspec.json.Decoder(_Said)


def _fill(arrived: deque[tuple[bytes, bytes, int]]) -> None:
    """Wait for a full batch within the limits of the lane."""
    deadline = time.monotonic() + BATCH_AGE_S
    while (before := len(arrived)) < BATCH_MESSAGES:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return
        time.sleep(min(BATCH_QUIET_S, left_s))
        if len(arrived) == before:
            return


# -- a process of its own ---------------------------------------------------------------------------------------


class DrainProcess:
    """Runs a drain in a fresh process that keeps its state from round to round, as a role does."""

    def __init__(self, kind: type[Drain], ground: Ground) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(kind, ground, theirs), daemon=True)

    def __enter__(self) -> DrainProcess:
        self._process.start()
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send(0)
        self._process.join(10)
        self._process.kill()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def run(self, count: int) -> Drained:
        self._pipe.send(count)
        drained = self._answer()
        assert isinstance(drained, Drained)
        return drained

    def _answer(self) -> object:
        while not self._pipe.poll(1.0):
            if not self._process.is_alive():
                raise RuntimeError("the draining process died; its words stand above")
        return self._pipe.recv()


def _serve(kind: type[Drain], ground: Ground, pipe: Pipe) -> None:
    drain = kind(ground)
    pipe.send("ready")
    while count := pipe.recv():
        pipe.send(drain.run(count))
