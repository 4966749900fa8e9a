"""The alarm lane: its own process, session and connection; nothing else runs here.

::

    broker ──► decode ──► detect ──► journal on disk ──┬──► links, at once           (AlarmHandler.begin)
                                        │ synced       ├──► commit, in order         (AlarmCommit)
                                        └► acknowledge └──► commit what is unreadable, when nothing else waits
                                                                 └──► strike from the journal

The way to the links does not wait for the database. The way to the database is tried until it succeeds; what waits for
it together is committed together, as much as a slow database can do in time, and what nobody could read comes last:
junk by the thousand delays no alarm on its way to the wall. On both ways the sites take turns, so that one which has a
great deal to say holds up no other; what one site said stays in order.

A message is acknowledged when it is synced to the journal, or, where the disk takes nothing, when it is committed. Junk
and the repeats of a device that loops cannot fill the journal: what is over their share is only counted there
(`ingest.admission`), and everything else finds room.

A process that dies in between finds the message in its journal (or gets it again) and comes to the same ids, so that
receivers and tables recognise what they have. Only an alarm that names no time has its id from its arrival: the links
hear of it when the journal knows that, or after `DISK_PATIENCE_S` where the disk hangs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Protocol
from uuid import UUID, uuid4

import structlog

from devices.formats.decode import Decoder
from domain.clock import Clock
from domain.errors import SpoolFull, StorageUnavailable
from domain.finding import Finding
from domain.observation import Alarm, Observation
from domain.quarantine import Rejected
from ingest.admission import Admission, Place, Stay
from ingest.alarm_batch import Batch, Part
from ingest.alarm_commit import LANE, AlarmCommit, IncidentWriter
from ingest.journal import Journal, site_of
from ingest.meters import LaneMeters
from ingest.parcel import Parcel, Share
from ingest.session import Inbound
from ingest.spool import Position
from ingest.turned_away import Count, TurnedAway
from ingest.turns import Turns, in_turns

__all__ = ["JOURNAL_BYTES", "LANE", "MOST_ALARM_BYTES", "AlarmHandler", "AlarmLane"]

log = structlog.get_logger("ingest.alarm")

#: Bound of the journal, and so of what waits for the database: what it does not take stays with the broker. A record
#: has 40 bytes at least, so it never holds as many as `MOST_TAKEN_UP`.
JOURNAL_BYTES = 64 * 1024 * 1024
MOST_TAKEN_UP = 2_000_000
#: No alarm is longer; of what is, the journal keeps one byte more, so that it is refused for the same reason again.
MOST_ALARM_BYTES = 65_536
#: How long what an earlier process left goes before what is heard now.
OLD_FIRST_S = 1.0
#: Messages, and bytes of them, that are decided upon and journalled in one go: some tens of milliseconds.
MOST_HEARD, MOST_HEARD_BYTES = 200, 64 * 1024
#: What is heard and not decided upon: more of it stays with the session, and so with the broker.
MOST_UNDECIDED_BYTES = 64 * 1024 * 1024
#: Messages that are committed together, for each finding that may be.
MESSAGES_A_FINDING = 5
#: What the journal's sync may cost an alarm on its way to the links.
DISK_PATIENCE_S = 0.05
#: A disk that lets nothing go is tried again so often.
STRIKE_AGAIN_S = 5.0
#: Between two counts of what was turned away that are booked.
COUNTS_EVERY_S = 1.0
#: How long the database waits for the links' first tries; a link that hangs holds it up no longer.
LINKS_FIRST_S = 0.25


class Session(AbstractAsyncContextManager["Session"], Protocol):
    """`ingest.session.BrokerSession`, or what stands in its place."""

    async def batch(self, *, most: int, age_s: float, quiet_s: float) -> list[Inbound]: ...
    def acknowledge(self, messages: Sequence[Inbound]) -> None: ...


class AlarmDetector(Protocol):
    def observe(self, observation: Observation) -> Sequence[Finding]: ...


class Doubts(Protocol):
    """Findings for what cannot be taken at its word; None where nobody has to hear of it."""

    def rejected(self, rejected: Rejected, site_no: int, *, retained: bool) -> Finding | None:
        """For a message that was put aside; site_no 0 = no known site."""

    def retained(self, observation: Observation) -> Finding | None:
        """For an observation that the broker had kept; None where it may be taken as it is."""


class AlarmHandler(IncidentWriter, Protocol):
    """Alerting, as this lane sees it."""

    def begin(self, findings: Sequence[Finding], *, now: datetime) -> None:
        """Start telling the links. Must not wait."""

    async def calm(self) -> None:
        """Wait until every link has had its first try."""

    def committed(self, findings: Sequence[Finding]) -> None:
        """These are durable, whether `write` wrote them now or they had been before. Must not wait."""

    async def kept(self) -> None:
        """Wait until a restart without the database would know of them too. Then the journal forgets the messages."""


class AlarmLane:
    """One lane over one session; `run` it. ``is_open``: whether the incident of a key is open, as far as is known."""

    def __init__(
        self,
        *,
        session: Session,
        dsn: str,
        journal: Journal,
        decoder: Decoder,
        share: Share,
        detector: AlarmDetector,
        handler: AlarmHandler,
        doubts: Doubts,
        clock: Clock,
        meters: LaneMeters,
        is_open: Callable[[str], bool] = lambda key: False,
        is_known: Callable[[Finding], bool] = lambda finding: False,
    ) -> None:
        self._session = session
        self._journal = journal
        self._decoder = decoder
        self._share = share
        self._detector = detector
        self._handler = handler
        self._doubts = doubts
        self._clock = clock
        self._meters = meters
        self._commit = AlarmCommit(dsn, writer=handler, clock=clock, meters=meters)
        self._admission = Admission(journal.most_bytes, is_open=is_open, is_known=is_known)
        # Bounded by the journal (and by the broker's in-flight window where that is full): to listen must never wait.
        self._understood: Turns[Part] = Turns()
        self._unreadable: Turns[Part] = Turns()
        self._uncommitted = 0  # messages in both
        self._work = asyncio.Event()
        self._unstruck: asyncio.Queue[Batch] = asyncio.Queue()
        self._uncounted = asyncio.Event()
        self._disk_full = False
        self._struck_refused = False
        self._heard: Turns[Inbound] = Turns()
        self._heard_bytes = 0
        self._heard_more = asyncio.Event()
        self._heard_less = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(tasks), name="alarm lane: listen")
                tasks.create_task(self._write(), name="alarm lane: write")
                tasks.create_task(self._strike(), name="alarm lane: strike")
                tasks.create_task(self._book_counts(), name="alarm lane: book counts")
        finally:
            await self._commit.close()

    def report(self, findings: Sequence[Finding]) -> None:
        """Findings of the house itself (a session that was forgotten, a journal that fills): on the wall with the rest.
        Must not wait.
        """
        if findings:
            self._handler.begin(findings, now=self._clock.now())
            self._hand_over(Part(Parcel(findings=list(findings))), self._understood)

    async def _listen(self, tasks: asyncio.TaskGroup) -> None:
        if old := await self._left_behind():
            await asyncio.wait({tasks.create_task(self._take_up(old), name="alarm lane: take up")}, timeout=OLD_FIRST_S)
        tasks.create_task(self._hear(), name="alarm lane: hear")
        while True:
            await self._heard_more.wait()
            if not self._heard:
                self._heard_more.clear()
                continue
            batch, aside = self._understand(Batch(self._next_turn()))
            self._set_aside(aside, batch.turned_away)
            if batch.messages:
                batch.safe = self._journal.append(batch.messages)
                batch.safe.add_done_callback(partial(self._journalled, batch.messages))
                self._unstruck.put_nowait(batch)
                if batch.timeless:
                    await asyncio.wait({batch.safe}, timeout=DISK_PATIENCE_S)
            self._go_on(batch)
            await asyncio.sleep(0)

    async def _hear(self) -> None:
        """Take whatever comes: who has just pressed must not stand behind another site's thousand messages."""
        while True:
            while self._heard_bytes > MOST_UNDECIDED_BYTES:
                self._heard_less.clear()
                await self._heard_less.wait()
            messages = await self._session.batch(most=MOST_HEARD, age_s=0.0, quiet_s=0.0)
            # What the broker had retained comes at every subscription: it is told apart from what happens now.
            for message in sorted(messages, key=attrgetter("retained")):
                self._heard.put(site_of(message.topic), message)
                self._heard_bytes += len(message.payload)
            self._heard_more.set()
            await asyncio.sleep(0)

    def _next_turn(self) -> list[Inbound]:
        """At least one message, and no more than what is soon decided upon."""
        taken: list[Inbound] = []
        size = 0
        while self._heard and len(taken) < MOST_HEARD:
            sender, message = self._heard.next()
            if taken and size + len(message.payload) > MOST_HEARD_BYTES:
                self._heard.put_back(sender, message)
                break
            taken.append(message)
            size += len(message.payload)
        self._heard_bytes -= size
        self._heard_less.set()
        return taken

    def _set_aside(self, messages: Sequence[Inbound], turned_away: TurnedAway) -> None:
        """Acknowledge ``messages``, of which nothing is kept, once it is on disk how many they were. Must not wait."""
        if turned_away.door:
            self._journal.count(turned_away).add_done_callback(partial(self._counted, messages, turned_away))
        else:
            self._session.acknowledge(messages)  # a maker's readings: the bulk lane hears them too

    def _counted(self, messages: Sequence[Inbound], turned_away: TurnedAway, safe: asyncio.Future[None]) -> None:
        self._journalled(messages, safe)
        self._uncounted.set()
        if safe.cancelled() or (error := safe.exception()) is None:
            return
        # The disk could not count them, so the database does; they are acknowledged then.
        refused: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        refused.set_exception(error)
        batch = Batch(messages, refused)
        self._unstruck.put_nowait(batch)
        self._hand_over_count(Count.of(turned_away, uuid4()), batch)

    async def _left_behind(self) -> list[Batch]:
        """What an earlier process had acknowledged and not committed, to be struck before anything that comes now."""
        messages, position, losses = await self._journal.peek(MOST_TAKEN_UP, now=self._clock.now())
        if not messages and not losses:
            return []
        log.warning(
            "alarms of an earlier process taken up", messages=len(messages), lost=sum(loss.missing for loss in losses)
        )
        safe: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        safe.set_result(position)
        batches = [Batch(turn) for turn in in_turns(messages, most=MOST_HEARD, most_bytes=MOST_HEARD_BYTES)]
        last = Batch([], safe)
        last.losses = losses
        batches.append(last)
        for batch in batches:
            self._unstruck.put_nowait(batch)
        return batches

    async def _take_up(self, batches: Sequence[Batch]) -> None:
        """Tell the links again, under the same ids, and commit. A great many of them hold up nobody who presses now."""
        for batch in batches:
            self._go_on(self._understand(batch, taken_up=True)[0])
            await asyncio.sleep(0)

    def _journalled(self, messages: Sequence[Inbound], safe: asyncio.Future[Position] | asyncio.Future[None]) -> None:
        error = None if safe.cancelled() else safe.exception()
        if error is None and not safe.cancelled():
            self._session.acknowledge(messages)
        if error is not None and not self._disk_full:
            log.error("alarm journal takes nothing; alarms are acknowledged after the commit", error=str(error))
        self._disk_full = error is not None

    def _understand(self, batch: Batch, *, taken_up: bool = False) -> tuple[Batch, list[Inbound]]:
        """Decode, detect, and find each message a place; what was ``taken_up`` has one. The batch is left with what is
        kept, and what is not comes beside it. Nothing here waits.
        """
        doubted: set[str] = set()
        aside: set[int] = set()
        for message in sorted(batch.messages, key=attrgetter("retained")):
            parcel = Parcel()
            said = parcel.open([message], self._decoder, self._share)
            parts = batch.understood if said or not parcel.rejected else batch.unreadable
            causes: dict[UUID, UUID] = {}
            timeless = False
            for observation in said:
                doubt = self._doubts.retained(observation) if message.retained else None
                for finding in self._detector.observe(observation) if doubt is None else (doubt,):
                    parcel.findings.append(finding)
                    if isinstance(observation, Alarm):
                        causes[finding.finding_id] = observation.uid
                        timeless |= observation.at == observation.received_at
            place = self._place(message, said, parcel, batch.stays, taken_up=taken_up)
            if place is Place.NONE and not taken_up:
                aside.add(id(message))
                continue
            if place is Place.COUNTED:
                aside.add(id(message))
                causes.clear()
                batch.turned_away.add(parcel.as_counted)
                parcel = Parcel(rejected=parcel.rejected, rejected_sites=parcel.rejected_sites)
            for rejected, site_no in zip(parcel.rejected, parcel.rejected_sites, strict=True):
                doubt = self._doubts.rejected(rejected, site_no, retained=message.retained)
                if doubt is None or doubt.key in doubted or (place is Place.COUNTED and self._admission.waits(doubt)):
                    continue
                doubted.add(doubt.key)  # junk by the hundred is one step
                parcel.findings.append(doubt)
            if place is Place.COUNTED:
                parcel.rejected, parcel.rejected_sites = [], []
            elif place is Place.LIMITED and said:
                evidence = self._admission.evidence(said[0].device.device_no, message.received_at)
                parcel.limit(message, self._decoder, self._share, evidence=evidence)
            elif len(said) > 1 and (over := self._admission.over({one.device.device_no for one in said})):
                parcel.limit_to_one(over)
            batch.timeless |= timeless and place is not Place.COUNTED
            part = Part(parcel, site_of(message.topic), message if parcel.messages else None, causes)
            part.keys += self._admission.wait(parcel.findings)
            parts.append(part)
        messages = batch.messages
        batch.messages = [message for message in messages if id(message) not in aside]
        return batch, [message for message in messages if id(message) in aside]

    def _place(
        self,
        message: Inbound,
        said: Sequence[Observation],
        parcel: Parcel,
        stays: list[Stay],
        *,
        taken_up: bool,
    ) -> Place:
        devices = Counter(observation.device.device_no for observation in said)
        sender = 0
        if parcel.rejected:
            sender = parcel.rejected[0].device_no or -parcel.rejected_sites[0]
        if taken_up:
            self._admission.take_up(message, devices, sender, stays)
            return Place.LIMITED if message.limited else Place.KEPT
        if said:
            place = self._admission.place(message, devices, parcel.findings, stays)
            message.limited = place is Place.LIMITED
            return place
        if parcel.rejected:
            return self._admission.place_unreadable(message, sender, stays)
        return Place.NONE

    def _go_on(self, batch: Batch) -> None:
        """Start telling the links, and hand the rest over to be committed. Nothing here waits."""
        now = self._clock.now()
        for parts, queue in ((batch.understood, self._understood), (batch.unreadable, self._unreadable)):
            once: dict[UUID, Finding] = {}
            for part in parts:
                part.parcel.findings = [f for f in part.parcel.findings if once.setdefault(f.finding_id, f) is f]
            if once:
                self._handler.begin(list(once.values()), now=now)
            for part in parts:
                if part.parcel.messages or part.parcel.findings:
                    part.belongs_to(batch)
                    self._hand_over(part, queue)
        if batch.losses:
            lost = Part(Parcel(losses=batch.losses))
            lost.belongs_to(batch)
            self._hand_over(lost, self._understood)
        if not batch.parts:
            batch.stored.set()

    def _hand_over(self, part: Part, queue: Turns[Part]) -> None:
        queue.put(part.sender, part)
        self._uncommitted += len(part.parcel.messages)
        self._work.set()

    def _next_part(self, queue: Turns[Part]) -> Part:
        """What to commit next: of what waits as much as fits, the sites by turns."""
        together = Part()
        most = self._commit.most
        while queue and len(together.parcel.findings) < most and len(together.of) < most * MESSAGES_A_FINDING:
            sender, part = queue.next()
            piece = part.cut(most - len(together.parcel.findings))
            if piece is not part:
                queue.put_back(sender, part)
            self._admission.in_hand(piece.keys)
            piece.keys = []
            together.absorb(piece)
        return together

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            # Fifty alarms at once are a hundred deliveries and as many transactions: the links come first.
            with suppress(TimeoutError):
                async with asyncio.timeout(LINKS_FIRST_S):
                    await self._handler.calm()
            # What nobody could read comes when nothing else waits.
            queue = self._understood or self._unreadable
            if not queue:
                self._work.clear()
                continue
            part = self._next_part(queue)
            booked = sum(count.total for count in part.parcel.counts)
            waiting = self._uncommitted - len(part.parcel.messages)
            part.parcel.spooled = waiting + self._journal.counted - booked
            started = loop.time()
            try:
                counts = await self._commit.commit(part)
            except StorageUnavailable:
                for one in reversed(part.of):  # others have their turn first
                    queue.put_back(one.sender, one)
                continue
            self._uncommitted -= len(part.parcel.messages)
            self._handler.committed(part.parcel.findings)
            waiting = len(self._understood) + len(self._unreadable)
            self._meters.committed(part.parcel, counts, loop.time() - started, waiting)
            for batch in part.batches:
                batch.part_stored()

    async def _strike(self) -> None:
        """The database has it: the journal may forget it, and what the journal never had can be acknowledged now.

        A task of its own, because a disk that hangs must not hold up the next alarm's way into the database.
        """
        unforgotten: list[Inbound] = []
        behind: Position | None = None  # of what the disk did not let go; whatever is struck after it strikes it too
        while True:
            try:
                async with asyncio.timeout(None if behind is None else STRIKE_AGAIN_S):
                    batch = await self._unstruck.get()
            except TimeoutError:
                assert behind is not None
                if await self._forget(behind, unforgotten):
                    behind, unforgotten = None, []
                continue
            await batch.stored.wait()
            if batch.safe is None:
                unforgotten.extend(batch.messages)
                self._admission.leave(batch.stays)
                continue
            try:
                position = await batch.safe
            except SpoolFull:
                self._session.acknowledge(batch.messages)
            else:
                await self._handler.kept()
                unforgotten.extend(batch.messages)
                if await self._forget(position, unforgotten):
                    behind, unforgotten = None, []
                else:
                    behind = position
            self._admission.leave(batch.stays)

    async def _book_counts(self) -> None:
        """Bring into the database what the journal only counted."""
        refused = False
        while True:
            count = await self._journal.take_count()
            if count is None:
                self._uncounted.clear()
                await self._uncounted.wait()
                continue
            batch = Batch([])
            self._hand_over_count(count, batch)
            await batch.stored.wait()
            try:
                await self._journal.forget_count(count)
                refused = False
            except OSError as error:
                if not refused:
                    log.error("count of what was turned away cannot be struck", error=str(error))
                refused = True
            await asyncio.sleep(COUNTS_EVERY_S)

    def _hand_over_count(self, count: Count, batch: Batch) -> None:
        part = Part(Parcel(counts=[count], turned_away_reasons=count.turned_away.reasons))
        part.belongs_to(batch)
        self._hand_over(part, self._understood)

    async def _forget(self, position: Position, messages: Sequence[Inbound]) -> bool:
        """Strike from the journal; a disk that takes nothing only means that a restart sees them once more."""
        try:
            await self._journal.consume(position, messages)
        except OSError as error:
            if not self._struck_refused:
                log.error("alarm journal cannot be struck", error=str(error))
            self._struck_refused = True
            return False
        self._struck_refused = False
        return True
