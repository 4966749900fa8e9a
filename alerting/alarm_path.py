"""The short way of an alarm: from finding to link without waiting for the database.

Memory decides whether an alarm is a call to the links (`OpenCases` mirrors the open incidents): a first one, or one
that had come back to normal and is there again. The links are told at once, and the database confirms. Where the two
disagree the database is right: what it queues and nobody has carried is carried then. Ids follow from the finding, so
both come to the same deliveries.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from alerting.carrier import Carrier
from alerting.courier import Courier, Outcome
from alerting.desk import Case, Desk
from alerting.open_cases import OpenCases, is_call
from alerting.patience import Patience
from alerting.policy import tells_links
from alerting.standing import Keeper, Standing
from domain.clock import Clock
from domain.delivery import Delivery
from domain.finding import Finding, FindingKind
from storage.pool import Connection, Pool

#: Findings that are recognised when the broker sends their message again, which it does after a lost connection.
MOST_REMEMBERED = 10_000
#: Of the first link before the next one, for each alarm that begins in the same moment: about what a delivery costs.
HEAD_START_S = 0.001


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
        keep: Callable[[Standing], None] = lambda standing: None,
        on_outcome: Callable[[Outcome, float], None] = lambda outcome, seconds: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """:param keep: puts what a restart without the database needs on local disk (blocking)."""
        self._desk = desk
        self._cases = cases
        self._carrier = Carrier(
            courier=courier,
            pool=pool,
            clock=clock,
            tasks=tasks,
            on_outcome=on_outcome,
            on_settled=self._settled,
            chance=chance,
        )
        self._keeper = Keeper(self._standing, keep, tasks)
        self._inherited = Standing()
        self._unconfirmed: dict[UUID, asyncio.Event] = {}
        self._written: dict[UUID, Case] = {}  # what came of findings in a transaction that may be committed by now
        self._left_out: set[UUID] = set()  # findings of which the dispatcher is to tell
        self._remembered: dict[UUID, None] = {}  # findings that are committed, oldest first

    def begin(self, findings: Sequence[Finding], *, now: datetime) -> None:
        told: list[tuple[Finding, bool, tuple[Delivery, ...]]] = []
        of_one: Counter[UUID | None] = Counter()
        for finding in findings:
            if not _matters(finding):
                continue
            old = finding.finding_id in self._remembered
            before = self._cases.begin(finding, changes=not old)
            if finding.kind is not FindingKind.RAISED or old or not is_call(finding, before):
                continue
            if before is not None and self._carrier.crowded(before.incident_id, more=of_one[before.incident_id]):
                self._left_out.add(finding.finding_id)
                continue
            deliveries = self._desk.link_deliveries(finding, now=now, case=before)
            of_one.update(delivery.incident_id for delivery in deliveries)
            told.append((finding, before is not None, deliveries))
        # The first link first, for all of them: fifty calls to the police do not wait for fifty others.
        for turn in range(max((len(deliveries) for *_, deliveries in told), default=0)):
            for finding, again, deliveries in told:
                self._carrier.carry(
                    deliveries[turn : turn + 1],
                    since=finding.found_at,
                    committed=self._unconfirmed.setdefault(finding.finding_id, asyncio.Event()),
                    after_s=turn * len(told) * HEAD_START_S,
                    again=again,
                )

    async def calm(self) -> None:
        """Wait until every link has had its first try."""
        await self._carrier.calm.wait()

    async def write(self, conn: Connection, findings: Sequence[Finding], *, now: datetime) -> None:
        patience = Patience(self._carrier.calm)
        # A detector that flutters by the hundred is one call behind those under way: the newest.
        newest = {finding.key: finding.finding_id for finding in findings if finding.finding_id in self._left_out}
        for finding in findings:
            await patience.give_way()
            self._written.pop(finding.finding_id, None)  # of a try that was rolled back
            carried = finding.finding_id not in self._left_out
            told = carried or newest[finding.key] == finding.finding_id
            case = await self._desk.take(conn, finding, now=now, lease_links=carried, call_again=told)
            if _matters(finding):
                self._written[finding.finding_id] = case

    def committed(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            case = self._written.pop(finding.finding_id, None)
            self._left_out.discard(finding.finding_id)
            if _matters(finding):
                self._cases.confirm(finding)
            if case is not None:
                self._cases.learn(finding.key, case.after)
            event = self._unconfirmed.pop(finding.finding_id, None) or asyncio.Event()
            if case is not None and case.leased:
                self._carrier.carry(case.leased, since=finding.found_at, committed=event)
            event.set()
        self._remembered |= dict.fromkeys(finding.finding_id for finding in findings)
        for oldest in list(islice(self._remembered, max(0, len(self._remembered) - MOST_REMEMBERED))):
            del self._remembered[oldest]

    def remembers(self, finding: Finding) -> bool:
        """Whether this very finding was committed, as far as this process knows."""
        return finding.finding_id in self._remembered

    async def kept(self) -> None:
        await self._keeper.keep()

    # -- a restart --------------------------------------------------------------------------------------------------

    def inherit(self, standing: Standing) -> None:
        """What an earlier process has left on disk. Before anything is kept."""
        self._inherited = standing
        self._keeper.found(standing)
        self._carrier.inherit(standing.undelivered)

    def resume(self) -> None:
        """The database is away at the start: go by what was inherited."""
        if not self._cases.asked:
            self._cases.refresh(self._inherited.cases, asked_at_step=self._cases.step)
        self._carrier.resume()

    async def settle(self, conn: Connection, *, holder: str, process: str) -> int:
        """The database is there: `Carrier.settle`."""
        return await self._carrier.settle(conn, holder=holder, process=process)

    def keep_soon(self) -> None:
        """The cases were refreshed."""
        self._keeper.keep_soon()

    @property
    def waiting(self) -> int:
        """Deliveries that no link has taken yet."""
        return self._carrier.waiting

    def _standing(self) -> Standing:
        cases = self._cases.stored
        return Standing(cases=cases, undelivered=self._carrier.undelivered({c.incident_id for c in cases.values()}))

    def _settled(self, delivery_id: UUID) -> None:
        if self._keeper.names(delivery_id):
            self._keeper.keep_soon()


def _matters(finding: Finding) -> bool:
    """Whether it says something of a case of which links are told."""
    return finding.kind is not FindingKind.UPDATED and tells_links(finding)
