"""The bulk lane: heartbeats, readings, events and states, in batches.

One loop: collect → decode → detect → commit → acknowledge. Observations, detector state, findings and the ledger's row
are one transaction; the acknowledgement follows it. While the database is away the batch is kept and tried again, the
broker keeps the rest. Detection has happened once for the batch, however often the commit is tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog

from devices.formats.decode import Decoder
from domain.clock import Clock
from domain.errors import StorageError, StorageUnavailable
from domain.finding import Finding
from domain.liveness import LivenessChange
from domain.observation import Observation
from ingest.meters import LaneMeters
from ingest.parcel import Counts, Parcel
from ingest.session import BrokerSession
from storage.pool import Pool, wrapped_errors

log = structlog.get_logger("ingest.bulk")

LANE = "bulk"

#: When time stood still for longer than this (broker or database away, process paused), we were deaf.
DEAF_AFTER_S = 10.0


class DetectorChanges(Protocol):
    @property
    def liveness(self) -> list[LivenessChange]: ...
    @property
    def states(self) -> list[tuple[str, int, dict[str, Any] | None]]: ...


class Detector(Protocol):
    """The engine, as the lane sees it."""

    def observe(self, observation: Observation) -> Sequence[Finding]: ...
    def tick(self, now: datetime) -> Sequence[Finding]: ...
    def hearing_resumed(self, now: datetime) -> None: ...
    def changes(self) -> DetectorChanges: ...


class BulkLane:
    """``most``, ``age_s``, ``quiet_s``: when a batch is full (see `BrokerSession.batch`)."""

    def __init__(
        self,
        *,
        session: BrokerSession,
        pool: Pool,
        decoder: Decoder,
        detector: Detector,
        clock: Clock,
        meters: LaneMeters,
        most: int = 5000,
        age_s: float = 0.2,
        quiet_s: float = 0.02,
        tick_s: float = 1.0,
    ) -> None:
        self._session = session
        self._pool = pool
        self._decoder = decoder
        self._detector = detector
        self._clock = clock
        self._meters = meters
        self._most = most
        self._age_s = age_s
        self._quiet_s = quiet_s
        self._tick_s = tick_s

    async def run(self) -> None:
        """Until cancelled. Messages of an unfinished batch stay unacknowledged and come again."""
        loop = asyncio.get_running_loop()
        ticked = next_tick = loop.time()
        while True:
            parcel = Parcel()
            try:
                async with asyncio.timeout_at(next_tick):
                    messages = await self._session.batch(most=self._most, age_s=self._age_s, quiet_s=self._quiet_s)
            except TimeoutError:
                messages = []
            for observation in parcel.open(messages, self._decoder):
                parcel.findings.extend(self._detector.observe(observation))
            now_s = loop.time()
            if now_s >= next_tick and self._session.connected and self._session.pending < self._most:
                # Silence is judged only by one who hears: the session is up and nothing waits unread.
                now = self._clock.now()
                if now_s - ticked > DEAF_AFTER_S:
                    self._detector.hearing_resumed(now)
                parcel.findings.extend(self._detector.tick(now))
                ticked = now_s
            if now_s >= next_tick:
                next_tick = now_s + self._tick_s
            changes = self._detector.changes()
            parcel.liveness.extend(changes.liveness)
            parcel.rule_states.extend(changes.states)
            if parcel.empty:
                continue
            await self._commit(parcel)
            self._session.acknowledge(parcel.messages)

    async def _commit(self, parcel: Parcel) -> None:
        """Commit ``parcel``, however long the database is away."""
        loop = asyncio.get_running_loop()
        wait_s, away = 0.1, False
        while True:
            started = loop.time()
            try:
                try:
                    counts = await self._write(parcel)
                except StorageUnavailable:
                    raise
                except StorageError as error:
                    log.error("database refused a batch", error=str(error), messages=len(parcel.messages))
                    counts = await self._commit_singly(parcel)
                break
            except StorageUnavailable as error:
                if not away:
                    log.warning("database away; the batch is kept", error=str(error), messages=len(parcel.messages))
                    self._meters.database(False)
                away = True
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 5.0)
        if away:
            log.info("database back")
            self._meters.database(True)
        self._meters.committed(parcel, counts, loop.time() - started, self._session.pending)

    async def _commit_singly(self, parcel: Parcel) -> dict[int, Counts]:
        """One message the database refuses must not stop the others: each in a transaction of its own, and the refused
        one into the quarantine. What was detected is committed first.
        """
        counts: dict[int, Counts] = {}
        concluded = Parcel(findings=parcel.findings, liveness=parcel.liveness, rule_states=parcel.rule_states)
        await self._write(concluded)
        for message in parcel.messages:
            single = Parcel()
            single.open([message], self._decoder)
            try:
                written = await self._write(single)
            except StorageUnavailable:
                raise
            except StorageError as error:
                written = await self._write(Parcel.of_unstorable(message, str(error)))
            for site_no, line in written.items():
                counts.setdefault(site_no, Counts()).add(line)
        return counts

    async def _write(self, parcel: Parcel) -> dict[int, Counts]:
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            return await parcel.write(conn, LANE)
