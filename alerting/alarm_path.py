"""The short way of an alarm: from finding to link without waiting for the database.

Memory decides whether an alarm is new (`OpenCases` mirrors the open incidents), the link is told at once, and the
database confirms. Where the two disagree the database is right: what it opens and nobody has carried is carried then.
Ids follow from the finding, so both come to the same deliveries.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from uuid import UUID

import msgspec
import structlog

from alerting.courier import Courier, Outcome
from alerting.desk import Desk, Roster
from alerting.patience import Patience
from alerting.recorder import Recorder
from alerting.retry import backoff_s
from domain.clock import Clock
from domain.delivery import Delivery
from domain.finding import Finding, FindingKind
from storage.pool import Connection, Pool

log = structlog.get_logger("alerting.alarm_path")

#: Findings that are recognised when the broker sends their message again, which it does after a lost connection.
MOST_REMEMBERED = 10_000
#: How long an alarm is carried here, database or not, before the outbox has it alone; and how long a try may take.
CARRIED_FOR = timedelta(minutes=15)
LEASE = timedelta(seconds=30)
#: Of the first link before the next one, for each alarm that begins in the same moment: about what a delivery costs.
HEAD_START_S = 0.001
#: Lines in the log wait so long for the commit: in a rush the next delivery comes first.
RUSH_S = 1.0


class OpenCases:
    """Keys of the incidents that are open, as far as this process knows.

    ``refresh`` brings the truth of the database; what was begun here and is not committed yet stays in, and so does
    what was committed after that truth was asked for.
    """

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._begun: dict[str, int] = {}
        self._confirmed: dict[str, int] = {}
        self._step = 0

    def __contains__(self, key: str) -> bool:
        return key in self._keys or key in self._begun

    def begin(self, key: str) -> None:
        self._begun[key] = self._begun.get(key, 0) + 1

    def confirm(self, key: str, *, opened: bool = True) -> None:
        """What was begun is committed. Not ``opened``: it was an old finding seen again and opened nothing."""
        left = self._begun.get(key, 0) - 1
        if left > 0:
            self._begun[key] = left
        else:
            self._begun.pop(key, None)
        if not opened:
            return
        self._step += 1
        self._confirmed[key] = self._step
        self._keys.add(key)

    @property
    def keys(self) -> set[str]:
        """The keys whose incidents are committed, as far as this process knows."""
        return set(self._keys)

    @property
    def step(self) -> int:
        """Take it before asking the database, and give it to `refresh`."""
        return self._step

    def refresh(self, keys: set[str], *, asked_at_step: int) -> None:
        self._confirmed = {key: step for key, step in self._confirmed.items() if step > asked_at_step}
        self._keys = keys | self._confirmed.keys()


class AlarmPath:
    """`begin`, `write`, `committed` and `kept` are called by the alarm lane in this order for each step."""

    def __init__(
        self,
        *,
        desk: Desk,
        courier: Courier,
        cases: OpenCases,
        pool: Pool,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        keep_cases: Callable[[set[str]], None] = lambda keys: None,
        on_outcome: Callable[[Outcome, float], None] = lambda outcome, seconds: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """:param keep_cases: puts the open keys on local disk (blocking); a restart without the database needs them."""
        self._desk = desk
        self._courier = courier
        self._cases = cases
        self._clock = clock
        self._tasks = tasks
        self._keep_cases = keep_cases
        self._on_outcome = on_outcome
        self._chance = chance
        self._carried: dict[UUID, asyncio.Event] = {}
        self._first_tries = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self._recorder = Recorder(pool, clock, tasks, self._calm, chance=chance)
        self._unconfirmed: dict[UUID, list[asyncio.Event]] = {}
        self._leased: dict[UUID, tuple[Delivery, ...]] = {}
        self._remembered: dict[UUID, None] = {}  # findings that are committed, oldest first
        self._cases_changed = False

    def begin(self, findings: Sequence[Finding], *, now: datetime) -> None:
        told: list[tuple[Finding, tuple[Delivery, ...]]] = []
        for finding in findings:
            if finding.kind is not FindingKind.RAISED:
                continue
            known = finding.key in self._cases
            self._cases.begin(finding.key)
            if not known and finding.finding_id not in self._remembered:
                told.append((finding, self._desk.link_deliveries(finding, now=now)))
        # The first link first, for all of them: fifty calls to the police do not wait for fifty others.
        for turn in range(max((len(deliveries) for _, deliveries in told), default=0)):
            for finding, deliveries in told:
                self._carry(finding, deliveries[turn : turn + 1], after_s=turn * len(told) * HEAD_START_S)

    async def calm(self) -> None:
        """Wait until every link has had its first try."""
        await self._calm.wait()

    async def write(self, conn: Connection, findings: Sequence[Finding], *, now: datetime) -> None:
        roster = Roster(conn, now)
        patience = Patience(self._calm)
        for finding in findings:
            await patience.give_way()
            self._leased.pop(finding.finding_id, None)  # of a try that was rolled back
            case = await self._desk.take(conn, finding, now=now, lease_links=True, roster=roster)
            if case.leased:
                self._leased[finding.finding_id] = case.leased

    def committed(self, findings: Sequence[Finding]) -> None:
        known = self._cases.keys
        for finding in findings:
            if finding.kind is FindingKind.RAISED:
                self._cases.confirm(finding.key, opened=finding.finding_id not in self._remembered)
            self._carry(finding, self._leased.pop(finding.finding_id, ()))
            for event in self._unconfirmed.pop(finding.finding_id, ()):
                event.set()
        self._remembered |= dict.fromkeys(finding.finding_id for finding in findings)
        for oldest in list(islice(self._remembered, max(0, len(self._remembered) - MOST_REMEMBERED))):
            del self._remembered[oldest]
        self._cases_changed |= self._cases.keys != known

    async def kept(self) -> None:
        if self._cases_changed:
            self._cases_changed = False
            try:
                await asyncio.to_thread(self._keep_cases, self._cases.keys)
            except OSError as error:
                # Only a restart without the database would miss it: it might tell a link of an open alarm once more.
                self._cases_changed = True
                log.warning("open cases not kept on disk", error=str(error))

    def _carry(self, finding: Finding, deliveries: Sequence[Delivery], *, after_s: float = 0.0) -> None:
        for delivery in deliveries:
            if delivery.delivery_id in self._carried:
                continue
            event = self._carried[delivery.delivery_id] = asyncio.Event()
            self._first_tries += 1
            self._calm.clear()
            self._unconfirmed.setdefault(finding.finding_id, []).append(event)
            bring = self._bring(delivery, finding, event, after_s)
            task = self._tasks.create_task(bring, name=f"bring {delivery.delivery_id}")
            task.add_done_callback(partial(self._brought, delivery.delivery_id))

    def _brought(self, delivery_id: UUID, task: asyncio.Task[None]) -> None:
        self._carried.pop(delivery_id, None)

    async def _bring(self, delivery: Delivery, finding: Finding, committed: asyncio.Event, after_s: float) -> None:
        """Carry one delivery until it was taken. After `CARRIED_FOR` the dispatcher takes it over from the outbox, and
        earlier if this process dies: the lease runs out, or its successor gives it back.
        """
        attempts = 0
        noted: asyncio.Task[bool] | None = None
        handing_over = False
        if after_s:
            await asyncio.sleep(after_s)
        while True:
            if attempts == 0:
                outcome = await self._first_try(delivery)
            else:
                outcome = await self._courier.carry(msgspec.structs.replace(delivery, attempts=attempts))
            attempts = outcome.attempts
            seconds = (self._clock.now() - finding.found_at).total_seconds()
            self._on_outcome(outcome, seconds)
            if outcome.taken:
                with suppress(TimeoutError):
                    async with asyncio.timeout(RUSH_S):
                        await committed.wait()
                log.info(
                    "alarm delivered",
                    incident_id=str(delivery.incident_id),
                    recipient=delivery.recipient,
                    receipt_id=outcome.receipt.receipt_id if outcome.receipt else None,
                    seconds=round(seconds, 3),
                    attempts=attempts,
                )
                await self._record(outcome, committed)
                return
            if attempts == 1:
                log.warning(
                    "alarm not delivered yet",
                    incident_id=str(delivery.incident_id),
                    recipient=delivery.recipient,
                    error=outcome.error,
                )
            wait_s = backoff_s(attempts, jitter=self._chance())
            if committed.is_set() and (noted is None or noted.done()):
                handing_over = self._clock.now() - delivery.created_at > CARRIED_FOR
                lease = None if handing_over else timedelta(seconds=wait_s) + LEASE
                # Not waited for: the link may be well again before the database is.
                noted = self._tasks.create_task(self._recorder.record(outcome, lease=lease))
            await asyncio.sleep(wait_s)
            if handing_over and noted is not None and noted.done() and noted.result():
                return  # the dispatcher goes on from here

    async def _first_try(self, delivery: Delivery) -> Outcome:
        try:
            return await self._courier.carry(delivery)
        finally:
            self._first_tries -= 1
            if not self._first_tries:
                self._calm.set()

    async def _record(self, outcome: Outcome, committed: asyncio.Event) -> None:
        await committed.wait()
        wait_s = 0.2
        while not await self._recorder.record(outcome):
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 5.0)
