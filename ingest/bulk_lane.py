"""The bulk lane: heartbeats, readings, events and states, in batches.

::

    live      collect → decode → detect → commit → acknowledge      (the next batch is collected meanwhile)
                                             │ database away                     ▲ journal empty
                                             ▼                                   │
    detour    collect → journal on disk → acknowledge        journal → decode → detect → commit → strike

Observations, detector state, findings and the ledger's row are one transaction; the acknowledgement follows it. While
the database is away the batch in hand and what comes after it go to the journal on disk; when the database is back the
journal is worked off in order, and only then does the lane go live again. When the journal is full nothing more is
taken, and the broker keeps the rest.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog

from devices.formats.decode import Decoder
from domain.clock import Clock
from domain.errors import SpoolFull, StorageError, StorageUnavailable
from domain.excess import Excess
from domain.finding import Finding
from domain.liveness import ClockChange, LivenessChange
from domain.marks import Marks
from domain.observation import Misdated, Observation
from ingest.books import Counts
from ingest.fairness import Fairness
from ingest.hearing import ECHOES, Hearing
from ingest.journal import Journal
from ingest.meters import LaneMeters
from ingest.parcel import Parcel, Share
from ingest.session import BrokerSession, Inbound
from ingest.spool import Position
from storage.pool import Pool, patience, wrapped_errors

log = structlog.get_logger("ingest.bulk")

LANE = "bulk"

#: A database that takes longer for one batch is away: it may hang, and the journal takes over.
COMMIT_PATIENCE_S = 30.0


class DetectorChanges(Protocol):
    @property
    def liveness(self) -> list[LivenessChange]: ...
    @property
    def clocks(self) -> list[ClockChange]: ...
    @property
    def marks(self) -> list[Marks]: ...
    @property
    def states(self) -> list[tuple[str, int, dict[str, Any] | None]]: ...


class Detector(Protocol):
    """The engine, as the lane sees it."""

    def observe_many(self, observations: Sequence[Observation | Misdated]) -> list[Finding]: ...
    def overhear(self, observation: Observation) -> Sequence[Finding]: ...
    def exceeded(self, excess: Excess) -> Sequence[Finding]: ...
    def tick(self, now: datetime) -> Sequence[Finding]: ...
    def hearing_resumed(self, now: datetime) -> None: ...
    def changes(self) -> DetectorChanges: ...


class BulkLane:
    """``most``, ``age_s``, ``quiet_s``: when a batch is full (see `BrokerSession.batch`). ``fairness``: without it
    nobody is limited. ``hearing``: until when everything was heard.
    """

    def __init__(
        self,
        *,
        session: BrokerSession,
        pool: Pool,
        journal: Journal,
        decoder: Decoder,
        share: Share,
        detector: Detector,
        clock: Clock,
        meters: LaneMeters,
        fairness: Fairness | None = None,
        hearing: Hearing | None = None,
        most: int = 5000,
        age_s: float = 0.2,
        quiet_s: float = 0.02,
        tick_s: float = 1.0,
    ) -> None:
        self._session = session
        self._pool = pool
        self._journal = journal
        self._decoder = decoder
        self._share = share
        self._detector = detector
        self._clock = clock
        self._meters = meters
        self._fairness = fairness
        self._hearing = hearing or Hearing(LANE, secrets.token_hex(4))
        self._connection_no = 0
        self._most = most
        self._age_s = age_s
        self._quiet_s = quiet_s
        self._tick_s = tick_s
        self._reported: list[Finding] = []

    def report(self, findings: Sequence[Finding]) -> None:
        """Findings of the house itself (a session that was forgotten, a journal that fills): written with the next
        parcel. Must not wait.
        """
        self._reported.extend(findings)

    async def run(self) -> None:
        """Until cancelled. Messages of an unfinished batch stay unacknowledged and come again."""
        held: Parcel | None = None
        if self._journal.records:
            log.info("working off the journal of an earlier process", messages=self._journal.records)
            held = Parcel()
        while True:
            if held is not None:
                await self._detour(held)
                # What was worked off tells of then, and the broker may hold more of it: silence proves nothing yet.
                self._detector.hearing_resumed(self._clock.now())
            held = await self._live()

    async def _live(self) -> Parcel:
        """Until the database is away: what could not be committed. While one batch is committed the next one is heard,
        decoded and taken through the rules; it is committed after it.
        """
        loop = asyncio.get_running_loop()
        next_tick = loop.time()
        committing: asyncio.Task[None] | None = None
        last = Parcel()
        try:
            while True:
                parcel = Parcel()
                try:
                    async with asyncio.timeout_at(next_tick):
                        messages = await self._hear()
                except TimeoutError:
                    messages = []
                self._take(parcel, messages)
                now_s = loop.time()
                if now_s >= next_tick:
                    next_tick = now_s + self._tick_s
                    parcel.findings.extend(self._judge_silence())
                self._collect_changes(parcel)
                if committing is not None and (committing.done() or not parcel.empty):
                    try:
                        await committing
                    except StorageUnavailable as error:
                        log.warning("database away; messages go to the journal on disk", error=str(error))
                        last.absorb(parcel)
                        return last
                    committing = None
                if not parcel.empty:
                    last = parcel
                    committing = asyncio.create_task(self._commit_and_acknowledge(parcel), name="bulk lane: commit")
        finally:
            if committing is not None:
                committing.cancel()
                await asyncio.gather(committing, return_exceptions=True)

    async def _commit_and_acknowledge(self, parcel: Parcel) -> None:
        """:raises StorageUnavailable: nothing was committed."""
        await self._commit(parcel)
        self._session.acknowledge(parcel.messages)

    async def _hear(self) -> list[Inbound]:
        """The next messages. Our echoes are for us alone; there may be nothing else."""
        messages = await self._session.batch(most=self._most, age_s=self._age_s, quiet_s=self._quiet_s)
        echoes = [message for message in messages if message.topic.startswith(ECHOES)]
        if not echoes:
            return messages
        own = [echo for echo in echoes if self._hearing.came_back(echo.topic, echo.payload)]
        self._session.acknowledge(own)
        for echo in echoes:
            echo.limited = self._hearing.of_another(echo.topic, echo.payload)
        swallowed = set(map(id, own))
        return [message for message in messages if id(message) not in swallowed]

    def _judge_silence(self) -> Sequence[Finding]:
        """What follows from silence, up to the moment until which everything was heard (`ingest.hearing`)."""
        session, now = self._session, self._clock.now()
        if not session.connected:
            return ()
        if session.connection_no != self._connection_no:
            if self._connection_no:
                # The broker may have been away, and whoever speaks to it has to come back first, as we had.
                self._detector.hearing_resumed(now)
            self._connection_no = session.connection_no
            self._hearing.connected(now)
        until = self._hearing.until(now, quiet=session.pending < self._most)
        payload = self._hearing.ask(now)
        for topic in self._hearing.topics:
            session.publish(topic, payload)
        return () if until is None else self._detector.tick(until)

    # -- while the database is away -----------------------------------------------------------------------------------

    async def _detour(self, held: Parcel) -> None:
        """Until ``held`` is committed and the journal is empty."""
        self._meters.database(False)
        done = asyncio.Event()
        kept = await self._keep(held.messages)
        async with asyncio.TaskGroup() as tasks:
            aside = tasks.create_task(self._set_aside(done), name="bulk lane: to the journal")
            # Detection has happened for this batch, so it is committed from memory; its copy on disk is for a crash.
            await self._commit_at_last(held)
            if kept is not None:
                await self._strike(kept, held.messages)
            self._session.acknowledge(held.messages)
            self._meters.database(True)
            log.info("database back", journal=self._journal.records)
            while self._journal.records:
                await self._work_off()
            done.set()
        # What came between the last look and now: not lost, only not worked off yet.
        while self._journal.records:
            await self._work_off()
        if in_hand := aside.result():
            await self._commit_at_last(self._opened(in_hand))
            self._session.acknowledge(in_hand)
        self._meters.journal(self._journal.records, self._journal.fill)
        log.info("journal empty; live again")

    async def _keep(self, messages: Sequence[Inbound]) -> Position | None:
        """Put ``messages`` in front of the empty journal and acknowledge them; None where the disk takes nothing."""
        if not messages:
            return None
        try:
            position = await self._journal.append(messages)
        except SpoolFull as error:
            log.error("journal takes nothing; the broker keeps what comes", error=str(error))
            return None
        self._session.acknowledge(messages)
        return position

    async def _set_aside(self, done: asyncio.Event) -> Sequence[Inbound]:
        """What comes in goes to the journal, until ``done``. What the journal did not take to the end is given back."""
        full = False
        while not done.is_set():
            try:
                async with asyncio.timeout(self._tick_s):
                    messages = await self._hear()
            except TimeoutError:
                continue
            while messages:
                try:
                    await self._journal.append(messages)
                    break
                except SpoolFull as error:
                    if not full:
                        log.error("journal takes nothing more; the broker keeps the rest", error=str(error))
                    full = True
                    if done.is_set():
                        return messages
                    await asyncio.sleep(self._tick_s)
            self._session.acknowledge(messages)
            self._meters.journal(self._journal.records, self._journal.fill)
        return ()

    async def _work_off(self) -> None:
        """Commit the oldest messages of the journal, and strike them from it."""
        messages, position, losses = await self._journal.peek(self._most, now=self._clock.now())
        parcel = self._opened(messages)
        parcel.losses, parcel.spooled = losses, self._journal.behind(position)
        await self._commit_at_last(parcel)
        await self._strike(position, messages)
        self._meters.journal(self._journal.records, self._journal.fill)

    async def _strike(self, position: Position, messages: Sequence[Inbound]) -> None:
        """The database has them. A disk that takes nothing only means that a restart sees some of them once more."""
        try:
            await self._journal.consume(position, messages)
        except OSError as error:
            log.error("journal cannot be struck", error=str(error))

    def _opened(self, messages: Sequence[Inbound]) -> Parcel:
        """``messages`` decoded, with what follows from them."""
        parcel = Parcel()
        self._take(parcel, messages)
        self._collect_changes(parcel)
        return parcel

    def _take(self, parcel: Parcel, messages: Sequence[Inbound]) -> None:
        """Decode ``messages`` into ``parcel``, and detect. Life safety also hears what is over a limit."""
        detector, findings = self._detector, parcel.findings
        findings.extend(detector.observe_many(parcel.open(messages, self._decoder, self._share, self._fairness)))
        findings.extend(detector.observe_many(parcel.misdated))
        for observation in parcel.overheard:
            findings.extend(detector.overhear(observation))
        for excess in parcel.excesses:
            findings.extend(detector.exceeded(excess))

    async def _commit_at_last(self, parcel: Parcel) -> None:
        """Commit ``parcel``, however long the database is away."""
        wait_s = 0.1
        while True:
            try:
                await self._commit(parcel)
                return
            except StorageUnavailable:
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, 2.0)

    # -- the database -------------------------------------------------------------------------------------------------

    def _collect_changes(self, parcel: Parcel) -> None:
        parcel.findings.extend(self._reported)
        self._reported.clear()
        changes = self._detector.changes()
        parcel.liveness.extend(changes.liveness)
        parcel.rule_states.extend(changes.states)
        parcel.clocks.extend(changes.clocks)
        parcel.marks.extend(changes.marks)

    async def _commit(self, parcel: Parcel) -> None:
        """:raises StorageUnavailable: nothing was committed; try the same parcel again."""
        started = asyncio.get_running_loop().time()
        try:
            counts = await self._write(parcel)
        except StorageUnavailable:
            raise
        except StorageError as error:
            log.error("database refused a batch", error=str(error), messages=len(parcel.messages))
            counts = await self._commit_singly(parcel)
        seconds = asyncio.get_running_loop().time() - started
        self._meters.committed(parcel, counts, seconds, self._session.pending)

    async def _commit_singly(self, parcel: Parcel) -> Counts:
        """One message the database refuses must not stop the others: each in a transaction of its own, and the refused
        one into the quarantine. What was detected is committed first.
        """
        counts = Counts()
        concluded = Parcel(
            findings=parcel.findings,
            liveness=parcel.liveness,
            rule_states=parcel.rule_states,
            clocks=parcel.clocks,
            marks=parcel.marks,
            losses=parcel.losses,
        )
        await self._write(concluded)
        over, only_counted = Counter(one.received_at for one in parcel.overheard), Parcel()
        for message in parcel.messages:
            single = Parcel()
            said = single.open([message], self._decoder, self._share)
            if said and not single.rejected and over[message.received_at] >= len(said):
                # Over a limit it stays: a loop must not become a transaction for each of its messages.
                only_counted.turn_away(single.door)
                continue
            try:
                written = await self._write(single)
            except StorageUnavailable:
                raise
            except StorageError as error:
                written = await self._write(Parcel.of_unstorable(message, str(error)))
            counts.add(written)
        counts.add(await self._write(only_counted))
        return counts

    async def _write(self, parcel: Parcel) -> Counts:
        async with (
            wrapped_errors(),
            patience(COMMIT_PATIENCE_S),
            self._pool.connection() as conn,
            conn.transaction(),
        ):
            return await parcel.write(conn, LANE)
