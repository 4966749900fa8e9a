"""Polling of links whose far ends cannot call back: what was received is asked about until a person there has answered.

::

    received ──first_s──► asked ──nobody yet──► asked again, each time after twice as long, up to `LONGEST_S`
                            │                                   │
                            └─answered─► accepted / refused      └─`for_s` after it was taken─► no more

One question names up to `MOST_AT_ONCE` deliveries, and a link is asked one question at a time. The database holds what
is to be asked and when, so any number of processes may ask and each question is put once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec
import structlog

from alerting.channels.status import Inquiry
from alerting.link_answers import take_answer
from domain.clock import Clock
from domain.errors import StorageError, TemporaryFailure, UnknownDelivery
from storage.link_polls import claim_polls, enrol, next_poll
from storage.pool import Pool, wrapped_errors

log = structlog.get_logger("alerting.status_poll")

LONGEST_S = 600.0
MOST_AT_ONCE = 100
#: A link's answers are waited for so long at most.
PATIENCE_S = 20.0
#: So often it is looked for what was received meanwhile.
LOOK_S = 5.0


class PollPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One link that is asked: how soon after a delivery was taken, and for how long."""

    inquiry: Inquiry
    first_s: float = 15.0
    for_s: float = 86_400.0


class StatusPoller:
    """``on_poll`` hears of each question and whether it was answered."""

    def __init__(
        self,
        *,
        pool: Pool,
        plans: Mapping[str, PollPlan],
        clock: Clock,
        on_poll: Callable[[str, bool], None] = lambda link_id, answered: None,
    ) -> None:
        self._pool = pool
        self._plans = plans
        self._clock = clock
        self._on_poll = on_poll
        self._asking: set[str] = set()
        self._silent: set[str] = set()  # links whose status URL does not answer

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        if not self._plans:
            return
        away = False
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    sleep_s = await self.round(tasks)
                    if away:
                        log.info("database back", component="status polling")
                    away = False
                except StorageError as error:
                    if not away:
                        log.warning("database away", component="status polling", error=str(error))
                    away, sleep_s = True, LOOK_S
                await asyncio.sleep(sleep_s)

    async def round(self, tasks: asyncio.TaskGroup) -> float:
        """Ask what is due; seconds until the next look."""
        now, sleep_s = self._clock.now(), LOOK_S
        for link_id, plan in self._plans.items():
            if link_id in self._asking:
                continue
            since = now - timedelta(seconds=plan.for_s)
            async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
                await enrol(conn, link_id, since=since, first_s=plan.first_s, limit=MOST_AT_ONCE)
                due = await claim_polls(
                    conn, link_id, at=now, first_s=plan.first_s, longest_s=LONGEST_S, limit=MOST_AT_ONCE
                )
                next_at = await next_poll(conn, link_id)
            if due:
                self._asking.add(link_id)
                tasks.create_task(self._poll(link_id, plan, due), name=f"status of {link_id}")
            if next_at is not None:
                sleep_s = min(sleep_s, max(0.05, (next_at - now).total_seconds()))
        return sleep_s

    async def _poll(self, link_id: str, plan: PollPlan, due: Sequence[UUID]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                answers = await plan.inquiry.ask(due)
        except (TemporaryFailure, TimeoutError) as error:
            self._on_poll(link_id, False)
            if link_id not in self._silent:
                log.warning("status URL of a link silent", link=link_id, error=str(error) or "no answer in time")
            self._silent.add(link_id)
            return
        finally:
            self._asking.discard(link_id)
        self._on_poll(link_id, True)
        if link_id in self._silent:
            self._silent.discard(link_id)
            log.info("status URL of a link answers again", link=link_id)
        for answer in answers:
            try:
                async with wrapped_errors(), self._pool.connection() as conn:
                    news = await take_answer(conn, link_id, answer)
            except (StorageError, UnknownDelivery) as error:
                # The next question brings it anew.
                log.warning("answer not written down", link=link_id, error=str(error))
                continue
            if news:
                delivery_id = str(answer.delivery_id)
                log.info("delivery answered", link=link_id, delivery_id=delivery_id, accepted=answer.accepted)
