"""The carrier: brings alarms to the links, each until it is taken, with and without the database.

::

    carry ──► try ──taken──► receipt to the database, once the alarm is committed
               ▲ │
       backoff │ └─not taken──► carried on under a lease; after `CARRIED_FOR` handed over to the dispatcher
               └──────┘

What no link has taken yet is named by `undelivered`, for the disk: when this process dies while the database is away,
the next one goes on under the same ids.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec
import structlog

from alerting.courier import Courier, Outcome
from alerting.recorder import Recorder
from alerting.retry import backoff_s
from domain.clock import Clock
from domain.delivery import Delivery
from storage import deliveries as outbox
from storage.pool import Connection, Pool

log = structlog.get_logger("alerting.carrier")

#: How long an alarm is carried here, database or not, before the outbox has it alone; and how long a try may take.
CARRIED_FOR = timedelta(minutes=15)
LEASE = timedelta(seconds=30)
#: Lines in the log wait so long for the commit: in a rush the next delivery comes first.
RUSH_S = 1.0
#: Undelivered alarms that the disk is given, the newest of them; some 2 KiB each. What is beyond waits for the database
#: if this process dies.
MOST_KEPT = 2000
#: Tries for one link at once of what an earlier process left: a link that hangs has places for who presses now.
OLD_AT_ONCE = 8
#: Deliveries of one incident under way at once. A detector that flutters takes one place of a link, and of what it says
#: more than this waits for the dispatcher.
MOST_OF_ONE = 20


@dataclass(slots=True, eq=False)
class _Errand:
    """One delivery under way. ``committed``: the database has it; ``old``: an earlier process left it; ``place``: what
    its tries wait for, None for a first call; ``left``: somebody else carries it on.
    """

    delivery: Delivery
    since: datetime
    committed: asyncio.Event
    old: bool = False
    place: asyncio.Semaphore | None = None
    taken: bool = field(default=False, init=False)
    left: bool = field(default=False, init=False)

    @property
    def settled(self) -> bool:
        """Nobody has to be told from here any more."""
        return self.taken or self.left


class Carrier:
    """``on_settled`` is called with a delivery that a link has taken or that is somebody else's now. ``calm`` is set
    while every link has had its first try.
    """

    def __init__(
        self,
        *,
        courier: Courier,
        pool: Pool,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        on_outcome: Callable[[Outcome, float], None],
        on_settled: Callable[[UUID], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._courier = courier
        self._clock = clock
        self._tasks = tasks
        self._on_outcome = on_outcome
        self._on_settled = on_settled
        self._chance = chance
        self._errands: dict[UUID, _Errand] = {}
        self._inherited: dict[UUID, Delivery] = {}
        self._each: Counter[UUID | None] = Counter()  # under way by incident
        self._places: WeakValueDictionary[tuple[str, UUID | None], asyncio.Semaphore] = WeakValueDictionary()
        self._first_tries = 0
        self.calm = asyncio.Event()
        self.calm.set()
        self._recorder = Recorder(pool, clock, tasks, self.calm, chance=chance)
        self._too_many = False

    @property
    def waiting(self) -> int:
        """Deliveries that no link has taken yet. Any thread may ask."""
        return len(self._inherited) + sum(not errand.settled for errand in list(self._errands.values()))

    def undelivered(self, incidents: Collection[UUID | None]) -> list[Delivery]:
        """What the disk should know of, where it knows these ``incidents``: of all others that are not committed the
        journal still has the message, and a restart tells them anew.
        """
        found = list(self._inherited.values())
        for errand in self._errands.values():
            if not errand.settled and (errand.committed.is_set() or errand.delivery.incident_id in incidents):
                found.append(errand.delivery)
        if len(found) > MOST_KEPT and not self._too_many:
            log.warning("more undelivered alarms than are kept on disk", deliveries=len(found), kept=MOST_KEPT)
        self._too_many = len(found) > MOST_KEPT
        return found[-MOST_KEPT:]

    def crowded(self, incident_id: UUID | None, *, more: int = 0) -> bool:
        """Whether so much of this incident is under way, with ``more``, that the rest of it is the dispatcher's."""
        return incident_id is not None and self._each[incident_id] + more >= MOST_OF_ONE

    def carry(
        self,
        deliveries: Iterable[Delivery],
        *,
        since: datetime,
        committed: asyncio.Event,
        after_s: float = 0.0,
        again: bool = False,
    ) -> None:
        """Tell the links, ``again`` where they know the incident. What is under way goes on as the database has it."""
        for delivery in deliveries:
            errand = self._errands.get(delivery.delivery_id)
            if errand is not None:
                errand.delivery, errand.committed, errand.left = delivery, committed, False
                continue
            place = self._place(delivery.recipient, delivery.incident_id, 1) if again else None
            if place is None:
                self._first_tries += 1
                self.calm.clear()
            self._start(_Errand(delivery, since, committed, place=place), after_s)

    def _place(self, recipient: str, incident_id: UUID | None, most: int) -> asyncio.Semaphore:
        place = self._places.get((recipient, incident_id))
        if place is None:
            place = self._places[recipient, incident_id] = asyncio.Semaphore(most)
        return place

    def _start(self, errand: _Errand, after_s: float = 0.0) -> None:
        delivery_id, incident_id = errand.delivery.delivery_id, errand.delivery.incident_id
        self._errands[delivery_id] = errand
        self._each[incident_id] += 1
        task = self._tasks.create_task(self._bring(errand, after_s), name=f"bring {delivery_id}")
        task.add_done_callback(lambda _: self._ended(delivery_id, incident_id))

    def _ended(self, delivery_id: UUID, incident_id: UUID | None) -> None:
        del self._errands[delivery_id]
        self._each[incident_id] -= 1
        if not self._each[incident_id]:
            del self._each[incident_id]

    # -- what an earlier process left -------------------------------------------------------------------------------

    def inherit(self, deliveries: Iterable[Delivery]) -> None:
        """What an earlier process was carrying. It stays on disk until it is known who carries it on."""
        self._inherited = {delivery.delivery_id: delivery for delivery in deliveries}

    def resume(self) -> None:
        """Carry on what was inherited: the database, which has it in its outbox, is away."""
        inherited, self._inherited = self._inherited, {}
        if inherited:
            log.warning("deliveries of an earlier process carried on", deliveries=len(inherited))
        committed = asyncio.Event()
        committed.set()
        for delivery in inherited.values():
            place = self._place(delivery.recipient, None, OLD_AT_ONCE)
            self._start(_Errand(delivery, delivery.created_at, committed, old=True, place=place))

    async def settle(self, conn: Connection, *, holder: str, process: str) -> int:
        """With the database: what earlier processes of ``holder`` left and this one carries on becomes its own, the
        rest the dispatcher's. How many the latter are.
        """
        resumed = [delivery_id for delivery_id, errand in self._errands.items() if errand.old]
        async with conn.transaction():
            foreign: set[UUID] = set()
            if resumed:
                lease_until = self._clock.now() + LEASE
                foreign = await outbox.take_over(conn, resumed, holder=holder, process=process, lease_until=lease_until)
            given_back = await outbox.give_back(conn, holder=holder, but=process, at=self._clock.now())
        for delivery_id in foreign & self._errands.keys():
            self._leave(self._errands[delivery_id])
        inherited, self._inherited = self._inherited, {}
        for delivery_id in inherited:
            self._on_settled(delivery_id)
        return given_back

    def _leave(self, errand: _Errand) -> None:
        errand.left = True
        self._on_settled(errand.delivery.delivery_id)

    # -- one delivery -----------------------------------------------------------------------------------------------

    async def _bring(self, errand: _Errand, after_s: float) -> None:
        """Carry one delivery until it was taken. After `CARRIED_FOR` the dispatcher takes it over from the outbox, and
        earlier if this process dies and the database is there: its successor gives the lease back.
        """
        attempts = 0
        noted: asyncio.Task[bool] | None = None
        handing_over = False
        if after_s:
            await asyncio.sleep(after_s)
        while not errand.left:
            outcome = await self._try(errand, attempts)
            attempts = outcome.attempts
            seconds = (self._clock.now() - errand.since).total_seconds()
            self._on_outcome(outcome, seconds)
            if outcome.taken:
                errand.taken = True
                self._on_settled(errand.delivery.delivery_id)
                await self._record(outcome, errand, seconds)
                return
            if attempts == 1:
                log.warning(
                    "alarm not delivered yet",
                    incident_id=str(errand.delivery.incident_id),
                    recipient=errand.delivery.recipient,
                    error=outcome.error,
                )
            wait_s = backoff_s(attempts, jitter=self._chance())
            if errand.committed.is_set() and not errand.left and (noted is None or noted.done()):
                handing_over = self._clock.now() - errand.delivery.created_at > CARRIED_FOR
                lease = None if handing_over else timedelta(seconds=wait_s) + LEASE
                # Not waited for: the link may be well again before the database is.
                outcome = replace(outcome, delivery=errand.delivery)
                noted = self._tasks.create_task(self._recorder.record(outcome, lease=lease))
            await asyncio.sleep(wait_s)
            if handing_over and noted is not None and noted.done() and noted.result():
                self._leave(errand)  # to the dispatcher

    async def _try(self, errand: _Errand, attempts: int) -> Outcome:
        async with errand.place or nullcontext():
            if attempts or errand.place is not None:
                return await self._courier.carry(msgspec.structs.replace(errand.delivery, attempts=attempts))
            try:
                return await self._courier.carry(errand.delivery)
            finally:
                self._first_tries -= 1
                if not self._first_tries:
                    self.calm.set()

    async def _record(self, outcome: Outcome, errand: _Errand, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(RUSH_S):
                await errand.committed.wait()
        log.info(
            "alarm delivered",
            incident_id=str(errand.delivery.incident_id),
            recipient=errand.delivery.recipient,
            receipt_id=outcome.receipt.receipt_id if outcome.receipt else None,
            seconds=round(seconds, 3),
            attempts=outcome.attempts,
        )
        wait_s = 0.2
        while True:
            await errand.committed.wait()
            # To the incident that the database has for it, which may be another one than memory had.
            if await self._recorder.record(replace(outcome, delivery=errand.delivery)):
                return
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 5.0)
