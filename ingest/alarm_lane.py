"""The alarm lane: its own process, session and connection; nothing else runs here.

::

    broker ──► journal on disk ──► decode ──► detect ──┬──► links, at once     (AlarmHandler.begin)
                   │ synced                            └──► commit, in order   (AlarmHandler.write)
                   └──► acknowledge                              └──► strike from the journal

The way to the links does not wait for the database. The way to the database is tried until it succeeds. A message is
acknowledged when it is synced to the journal, or, where the disk takes nothing, when it is committed. A process that
dies in between finds the message in its journal (or gets it again) and comes to the same ids, so that receivers and
tables recognise what they have. A disk that hangs delays an alarm by `DISK_PATIENCE_S` and no longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog

from devices.formats.decode import Decoder
from domain.clock import Clock
from domain.errors import SpoolFull, StorageError, StorageUnavailable
from domain.finding import Finding
from domain.observation import Alarm, Observation
from domain.quarantine import Rejected
from ingest.journal import Journal
from ingest.meters import LaneMeters
from ingest.parcel import Counts, Parcel, Share
from ingest.session import BrokerSession, Inbound
from ingest.spool import Position
from storage.pool import Connection, connect, patience, wrapped_errors

log = structlog.get_logger("ingest.alarm")

LANE = "alarm"
#: Bound of the journal, and so of what waits for the database: what it does not take stays with the broker. A record
#: has 40 bytes at least, so it never holds as many as `MOST_TAKEN_UP`, which are taken up at once after a restart.
JOURNAL_BYTES = 16 * 1024 * 1024
MOST_TAKEN_UP = 1_000_000
#: What the journal's sync may cost an alarm on its way to the links.
DISK_PATIENCE_S = 0.05
#: A database that takes longer is away: it may hang, and others wait behind this alarm.
COMMIT_PATIENCE_S = 8.0
#: How long the database waits for the links' first tries; a link that hangs holds it up no longer.
LINKS_FIRST_S = 0.1


class AlarmDetector(Protocol):
    def observe(self, observation: Observation) -> Sequence[Finding]: ...


class Doubts(Protocol):
    """Findings for what cannot be taken at its word; None where nobody has to hear of it."""

    def rejected(self, rejected: Rejected, site_no: int, *, retained: bool) -> Finding | None:
        """For a message that was put aside; site_no 0 = no known site."""

    def retained(self, observation: Observation) -> Finding | None:
        """For an observation that the broker had kept; None where it may be taken as it is."""


class AlarmHandler(Protocol):
    """Alerting, as this lane sees it."""

    def begin(self, findings: Sequence[Finding], *, now: datetime) -> None:
        """Start telling the links. Must not wait."""

    async def calm(self) -> None:
        """Wait until every link has had its first try."""

    async def write(self, conn: Connection, findings: Sequence[Finding], *, now: datetime) -> None:
        """Incidents, timeline and outbox, inside the caller's transaction."""

    def committed(self, findings: Sequence[Finding]) -> None:
        """These are durable, whether `write` wrote them now or they had been before. Must not wait."""

    async def kept(self) -> None:
        """Wait until a restart without the database would know of them too. Then the journal forgets the messages."""


@dataclass(slots=True)
class _Waiting:
    """``causes``: the observation that a finding rests on. ``safe``: where the journal holds these messages; fails
    where it does not.
    """

    parcel: Parcel
    causes: dict[UUID, UUID]
    safe: asyncio.Future[Position]


class AlarmLane:
    """One lane over one session; `run` it."""

    def __init__(
        self,
        *,
        session: BrokerSession,
        dsn: str,
        journal: Journal,
        decoder: Decoder,
        share: Share,
        detector: AlarmDetector,
        handler: AlarmHandler,
        doubts: Doubts,
        clock: Clock,
        meters: LaneMeters,
    ) -> None:
        self._session = session
        self._dsn = dsn
        self._journal = journal
        self._decoder = decoder
        self._share = share
        self._detector = detector
        self._handler = handler
        self._doubts = doubts
        self._clock = clock
        self._meters = meters
        # Bounded by the journal (and by the broker's in-flight window where that is full): to listen must never wait.
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._committed: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._conn: Connection | None = None
        self._disk_full = False

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(), name="alarm lane: listen")
                tasks.create_task(self._write(), name="alarm lane: write")
                tasks.create_task(self._strike(), name="alarm lane: strike")
        finally:
            await self._drop_connection()

    async def _listen(self) -> None:
        await self._take_up()
        while True:
            messages = await self._session.batch(most=200, age_s=0.0, quiet_s=0.0)
            safe = self._journal.append(messages)
            safe.add_done_callback(partial(self._journalled, messages))
            await asyncio.wait({safe}, timeout=DISK_PATIENCE_S)
            await self._waiting.put(self._decide(messages, safe))

    async def _take_up(self) -> None:
        """What an earlier process had acknowledged and not committed: tell the links again, under the same ids."""
        messages, position = await self._journal.peek(MOST_TAKEN_UP)
        if not messages:
            return
        log.warning("alarms of an earlier process taken up", messages=len(messages))
        safe: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        safe.set_result(position)
        await self._waiting.put(self._decide(messages, safe))

    def _journalled(self, messages: Sequence[Inbound], safe: asyncio.Future[Position]) -> None:
        error = None if safe.cancelled() else safe.exception()
        if error is None and not safe.cancelled():
            self._session.acknowledge(messages)
        if error is not None and not self._disk_full:
            log.error("alarm journal takes nothing; alarms are acknowledged after the commit", error=str(error))
        self._disk_full = error is not None

    def _decide(self, messages: Sequence[Inbound], safe: asyncio.Future[Position]) -> _Waiting:
        """Decode, detect and start telling the links. Nothing here waits."""
        now = self._clock.now()
        parcel = Parcel()
        causes: dict[UUID, UUID] = {}
        findings: dict[UUID, Finding] = {}
        doubted: set[str] = set()
        # What the broker had retained comes at every subscription: it is told apart from what happens now.
        for retained in (False, True):
            some, aside = [m for m in messages if m.retained is retained], len(parcel.rejected)
            for observation in parcel.open(some, self._decoder, self._share):
                doubt = self._doubts.retained(observation) if retained else None
                for finding in self._detector.observe(observation) if doubt is None else (doubt,):
                    findings.setdefault(finding.finding_id, finding)
                    if isinstance(observation, Alarm):
                        causes[finding.finding_id] = observation.uid
            for rejected, site_no in zip(parcel.rejected[aside:], parcel.rejected_sites[aside:], strict=True):
                doubt = self._doubts.rejected(rejected, site_no, retained=retained)
                if doubt is not None and doubt.key not in doubted:
                    # Junk by the hundred is one step: it must not stand before the next alarm on the way to the wall.
                    doubted.add(doubt.key)
                    findings.setdefault(doubt.finding_id, doubt)
        parcel.findings.extend(findings.values())
        self._handler.begin(parcel.findings, now=now)
        return _Waiting(parcel, causes, safe)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            waiting = await self._waiting.get()
            # Fifty alarms at once are a hundred deliveries and as many transactions: the links come first.
            with suppress(TimeoutError):
                async with asyncio.timeout(LINKS_FIRST_S):
                    await self._handler.calm()
            started = loop.time()
            counts = await self._commit(waiting)
            self._handler.committed(waiting.parcel.findings)
            self._meters.committed(waiting.parcel, counts, loop.time() - started, self._waiting.qsize())
            await self._committed.put(waiting)

    async def _strike(self) -> None:
        """The database has it: the journal may forget it, and what the journal never had can be acknowledged now.

        A task of its own, because a disk that hangs must not hold up the next alarm's way into the database.
        """
        while True:
            waiting = await self._committed.get()
            messages = waiting.parcel.messages
            try:
                position = await waiting.safe
            except SpoolFull:
                self._session.acknowledge(messages)
            else:
                await self._handler.kept()
                await self._forget(position, len(messages))

    async def _forget(self, position: Position, count: int) -> None:
        """Strike from the journal; a disk that takes nothing only means that a restart sees them once more."""
        said = False
        while True:
            try:
                await self._journal.consume(position, count)
                return
            except OSError as error:
                if not said:
                    log.error("alarm journal cannot be struck", error=str(error))
                said = True
                await asyncio.sleep(5.0)

    async def _commit(self, waiting: _Waiting) -> dict[int, Counts]:
        """Commit, however long the database is away."""
        wait_s, away = 0.05, False
        while True:
            try:
                try:
                    counts = await self._try_commit(waiting.parcel, waiting.causes)
                except StorageUnavailable:
                    raise
                except StorageError as error:
                    log.error("database refused alarms", error=str(error), messages=len(waiting.parcel.messages))
                    counts = await self._commit_singly(waiting)
                break
            except StorageUnavailable as error:
                if not away:
                    log.warning("database away; alarms go to the links all the same", error=str(error))
                    self._meters.database(False)
                away = True
                await self._drop_connection()
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 1.0)
        if away:
            log.info("database back")
            self._meters.database(True)
        return counts

    async def _try_commit(self, parcel: Parcel, causes: Mapping[UUID, UUID]) -> dict[int, Counts]:
        """Commit ``parcel``. A finding whose cause had been stored before was handled then: a message that comes again,
        however late, repeats nothing and opens nothing.
        """
        async with wrapped_errors(), patience(COMMIT_PATIENCE_S):
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
                fresh = [f for f in parcel.findings if causes.get(f.finding_id) not in stored.known]
                await self._handler.write(self._conn, fresh, now=self._clock.now())
        return counts

    async def _commit_singly(self, waiting: _Waiting) -> dict[int, Counts]:
        """The database will not have all of this. Whatever it refuses stops nothing else: incidents first, each by
        itself, and then the messages, the refused ones into the quarantine.
        """
        refused: set[UUID] = set()
        for finding in waiting.parcel.findings:
            try:
                await self._try_commit(Parcel(findings=[finding]), {})
            except StorageUnavailable:
                raise
            except StorageError as error:
                log.error("database refused an incident; the links are told all the same", error=str(error))
                if cause := waiting.causes.get(finding.finding_id):
                    refused.add(cause)
        counts: dict[int, Counts] = {}
        for message in waiting.parcel.messages:
            single = Parcel()
            single.open([message], self._decoder, self._share)
            detail = "the database refused the incident that follows from it"
            written: dict[int, Counts] | None = None
            if refused.isdisjoint(report.uid for report in single.reports):
                try:
                    written = await self._try_commit(single, {})
                except StorageUnavailable:
                    raise
                except StorageError as error:
                    detail = str(error)
            if written is None:
                written = await self._try_commit(Parcel.of_unstorable(message, detail), {})
            for site_no, line in written.items():
                counts.setdefault(site_no, Counts()).add(line)
        return counts

    async def _drop_connection(self) -> None:
        if self._conn is not None:
            conn, self._conn = self._conn, None
            await conn.close()
