"""The alarm lane: its own process, session and connection; nothing else runs here.

::

    broker ──► decode ──► detect ──┬──► links, at once            (AlarmHandler.begin)
                                   └──► commit ──► acknowledge    (AlarmHandler.write)

The way to the links does not wait for the database. The way to the database is tried until it succeeds, in order, and
only then is the message acknowledged. A process that dies in between gets the message again and comes to the same ids,
so that receivers and tables recognise what they have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from devices.formats.decode import Decoder
from domain.clock import Clock
from domain.errors import StorageError, StorageUnavailable
from domain.finding import Finding
from domain.observation import Observation
from domain.quarantine import Rejected
from ingest.meters import LaneMeters
from ingest.parcel import Counts, Parcel
from ingest.session import BrokerSession, Inbound
from storage.pool import Connection, connect, wrapped_errors

log = structlog.get_logger("ingest.alarm")

LANE = "alarm"
#: Parcels that may wait for the database; the broker keeps the rest.
MOST_WAITING = 10_000


class AlarmDetector(Protocol):
    def observe(self, observation: Observation) -> Sequence[Finding]: ...


class AlarmHandler(Protocol):
    """Alerting, as this lane sees it."""

    def begin(self, findings: Sequence[Finding], *, now: datetime) -> None:
        """Start telling the links. Must not wait."""

    async def write(self, conn: Connection, findings: Sequence[Finding], *, now: datetime) -> None:
        """Incidents, timeline and outbox, inside the caller's transaction."""

    def committed(self, findings: Sequence[Finding]) -> None:
        """What `write` wrote is durable."""


@dataclass(slots=True)
class _Waiting:
    parcel: Parcel
    decided_at: datetime


class AlarmLane:
    """``doubt`` makes a finding of a message that had to be put aside (site_no 0 = no known site)."""

    def __init__(
        self,
        *,
        session: BrokerSession,
        dsn: str,
        decoder: Decoder,
        detector: AlarmDetector,
        handler: AlarmHandler,
        doubt: Callable[[Rejected, int], Finding | None],
        clock: Clock,
        meters: LaneMeters,
    ) -> None:
        self._session = session
        self._dsn = dsn
        self._decoder = decoder
        self._detector = detector
        self._handler = handler
        self._doubt = doubt
        self._clock = clock
        self._meters = meters
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(MOST_WAITING)
        self._conn: Connection | None = None

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="alarm lane: listen")
            tasks.create_task(self._write(), name="alarm lane: write")

    async def _listen(self) -> None:
        while True:
            messages = await self._session.batch(most=200, age_s=0.0, quiet_s=0.0)
            parcel = self._decide(messages)
            await self._waiting.put(parcel)

    def _decide(self, messages: Sequence[Inbound]) -> _Waiting:
        """Decode, detect and start telling the links. Nothing here waits."""
        now = self._clock.now()
        parcel = Parcel()
        for observation in parcel.open(messages, self._decoder):
            parcel.findings.extend(self._detector.observe(observation))
        for rejected, site_no in zip(parcel.rejected, parcel.rejected_sites, strict=True):
            finding = self._doubt(rejected, site_no)
            if finding is not None:
                parcel.findings.append(finding)
        self._handler.begin(parcel.findings, now=now)
        return _Waiting(parcel, now)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            waiting = await self._waiting.get()
            started = loop.time()
            counts = await self._commit(waiting)
            self._handler.committed(waiting.parcel.findings)
            self._session.acknowledge(waiting.parcel.messages)
            self._meters.committed(waiting.parcel, counts, loop.time() - started, self._waiting.qsize())

    async def _commit(self, waiting: _Waiting) -> dict[int, Counts]:
        """Commit, however long the database is away."""
        wait_s, away = 0.05, False
        while True:
            try:
                counts = await self._try_commit(waiting.parcel, waiting.decided_at)
                break
            except StorageUnavailable as error:
                if not away:
                    log.warning("database away; alarms go to the links all the same", error=str(error))
                    self._meters.database(False)
                away = True
                await self._drop_connection()
            except StorageError as error:
                log.error("database refused an alarm; it is put into quarantine too", error=str(error))
                counts = await self._commit_doubtful(waiting, str(error))
                break
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 1.0)
        if away:
            log.info("database back")
            self._meters.database(True)
        return counts

    async def _try_commit(self, parcel: Parcel, decided_at: datetime) -> dict[int, Counts]:
        async with wrapped_errors():
            if self._conn is None:
                self._conn = await connect(self._dsn, name="alarm lane")
            async with self._conn.transaction():
                # The findings become incidents right here, so they take no detour through the finding table.
                stored = Parcel(
                    messages=parcel.messages,
                    reports=parcel.reports,
                    heartbeats=parcel.heartbeats,
                    readings=parcel.readings,
                    rejected=parcel.rejected,
                    rejected_sites=parcel.rejected_sites,
                )
                counts = await stored.write(self._conn, LANE)
                await self._handler.write(self._conn, parcel.findings, now=decided_at)
        return counts

    async def _commit_doubtful(self, waiting: _Waiting, detail: str) -> dict[int, Counts]:
        """The database will not have this parcel: keep its incidents, and its messages in the quarantine."""
        counts: dict[int, Counts] = {}
        for message in waiting.parcel.messages:
            aside = Parcel.of_unstorable(message, detail)
            aside.findings = []
            for site_no, line in (await self._try_commit(aside, waiting.decided_at)).items():
                counts.setdefault(site_no, Counts()).add(line)
        await self._try_commit(Parcel(findings=waiting.parcel.findings), waiting.decided_at)
        return counts

    async def _drop_connection(self) -> None:
        if self._conn is not None:
            conn, self._conn = self._conn, None
            await conn.close()
