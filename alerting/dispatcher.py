"""The dispatcher: claims what is due from the outbox, has it carried, writes down how it went.

Any number of processes may run one. A claim is a lease: when the process dies the delivery is due again after it, under
the same id, so that the receiver recognises a second copy. It is woken by NOTIFY and by the next due time.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from alerting.courier import Courier, Outcome
from alerting.escalation import TRIES
from alerting.pace import Pace
from alerting.retry import next_attempt
from alerting.rounds import OnFault, Rounds, unheard
from domain.clock import Clock
from domain.delivery import Delivery, DeliveryChannel
from domain.errors import StorageError
from storage import deliveries as outbox
from storage.incidents import add_entry
from storage.pool import Connection, Pool, wrapped_errors
from storage.responses import hurry_response

log = structlog.get_logger("alerting.dispatcher")

#: Deliveries under way at once. A link that hangs holds one place for its time-out.
MOST_UNDER_WAY = 64
#: Of these, for one recipient about so many: a link that hangs must not take the duty leader's places.
ABOUT_EACH = 8
#: The last places are for life safety alone: a gateway that hangs over two hundred warnings must not hold up the call
#: to a pressed button.
KEPT_FREE = 16
#: Longer than any try may take (`Courier`), so that a delivery under way is nobody else's.
LEASE = timedelta(seconds=30)
#: How long to sleep where something waits for the pace of its channel, or for a place.
SPENT_S = 0.25
#: How long to sleep at most when nothing is known to be due: NOTIFY is a hint, polling is the promise.
POLL_S = 2.0


async def record(conn: Connection, outcome: Outcome, *, now: datetime, jitter: float) -> None:
    """`write_outcome` in a transaction of its own; and where nobody of an escalation's step can be reached, the next
    step comes at once. In another one: whoever acknowledges locks the incident's response before its deliveries.
    """
    async with conn.transaction():
        await write_outcome(conn, outcome, now=now, jitter=jitter)
    delivery = outcome.delivery
    if outcome.taken or not (outcome.permanent or outcome.attempts >= TRIES):
        return
    if delivery.step_key is None or delivery.incident_id is None:
        return
    if await outbox.step_in_vain(conn, delivery.incident_id, delivery.step_key, tries=TRIES):
        await hurry_response(conn, delivery.incident_id, step_key=delivery.step_key, at=now)


async def write_outcome(
    conn: Connection, outcome: Outcome, *, now: datetime, jitter: float, lease_until: datetime | None = None
) -> None:
    """Write down how a try went: the delivery and a line in the timeline, inside the caller's transaction. With
    ``lease_until`` the caller goes on trying by itself after a failure.
    """
    delivery = outcome.delivery
    detail = {"recipient": delivery.recipient, "channel": delivery.channel.value, "notice": delivery.notice.value}
    if outcome.taken:
        tell = await outbox.record_arrival(
            conn, delivery.delivery_id, at=now, attempts=outcome.attempts, receipt=outcome.receipt
        )
        kind = "sent" if outcome.receipt is None else "receipt"
        if outcome.receipt is not None:
            detail["receipt_id"] = outcome.receipt.receipt_id
    else:
        again_at = next_attempt(
            attempts=outcome.attempts,
            created_at=delivery.created_at,
            now=now,
            permanent=outcome.permanent,
            life_safety=bool(delivery.body.get("data", {}).get("life_safety")),
            jitter=jitter,
        )
        first = await outbox.record_failure(
            conn,
            delivery.delivery_id,
            attempts=outcome.attempts,
            error=outcome.error,
            next_attempt_at=again_at,
            lease_until=lease_until if again_at is not None else None,
        )
        kind = "delivery_failed" if again_at is None else "delivery_delayed"
        tell = first is not None and (first or again_at is None)
        detail["error"] = outcome.error[:300]
    # One line for the first failure and one for the end; not one for every try.
    if tell and delivery.incident_id is not None:
        await add_entry(conn, delivery.incident_id, at=now, kind=kind, actor="system", detail=detail)


class Dispatcher:
    """``wake`` is set by whoever learns that something was queued."""

    def __init__(
        self,
        *,
        pool: Pool,
        courier: Courier,
        clock: Clock,
        wake: asyncio.Event,
        on_outcome: Callable[[Outcome], None] = lambda outcome: None,
        poll_s: float = POLL_S,
        chance: Callable[[], float] = random.random,
        pace: Pace | None = None,
        on_fault: OnFault = unheard,
    ) -> None:
        self._pool = pool
        self._courier = courier
        self._clock = clock
        self._wake = wake
        self._on_outcome = on_outcome
        self._poll_s = poll_s
        self._chance = chance
        self._pace = pace or Pace({})
        self._rounds: Rounds[UUID] = Rounds("dispatcher", wake=wake, on_fault=on_fault)
        self._under_way: set[asyncio.Task[None]] = set()
        self._each: Counter[str] = Counter()  # under way by recipient

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        async with asyncio.TaskGroup() as tasks:
            await self._rounds.run(partial(self._round, tasks))

    async def _round(self, tasks: asyncio.TaskGroup) -> float:
        """Start what is due; seconds until the next look."""
        places = MOST_UNDER_WAY - len(self._under_way)
        if places == 0:
            return self._poll_s
        now = self._clock.now()
        spent = list(DeliveryChannel) if places <= KEPT_FREE else self._pace.spent(now)
        async with wrapped_errors(), self._pool.connection() as conn:
            busy = [name for name, count in self._each.items() if count >= ABOUT_EACH]
            found = await outbox.claim_waiting(
                conn,
                at=now,
                lease_until=now + LEASE,
                limit=min(places - KEPT_FREE if places > KEPT_FREE else places, ABOUT_EACH),
                without=busy,
                spent=spent,
            )
            due = None if found or busy or spent else await outbox.next_due(conn)
        for waiting in found:
            try:
                delivery = waiting.read()
            except ValueError as error:
                # Another version of the program wrote it, or nobody's did. It waits until its lease is over.
                self._rounds.put_aside(waiting.delivery_id, error, now=now)
                continue
            self._pace.count(delivery.channel, now)
            task = tasks.create_task(self._carry(delivery), name=f"carry {delivery.delivery_id}")
            self._under_way.add(task)
            self._each[delivery.recipient] += 1
            task.add_done_callback(partial(self._done, delivery.recipient))
        if found:
            return 0.0
        if due is None:
            # What is due and has to wait for its channel would be looked at a hundred times a second.
            return min(self._poll_s, SPENT_S) if spent else self._poll_s
        return min(self._poll_s, max(0.01, (due - self._clock.now()).total_seconds()))

    async def _still_wanted(self, delivery: Delivery) -> bool:
        """Somebody may have taken the incident since the claim: then nobody is disturbed."""
        if delivery.channel is DeliveryChannel.WEBHOOK:
            return True
        try:
            async with wrapped_errors(), self._pool.connection() as conn:
                return await outbox.still_wanted(conn, delivery.delivery_id)
        except StorageError:
            return True  # better told once too often than not at all

    def _done(self, recipient: str, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._each[recipient] -= 1
        if not self._each[recipient]:
            del self._each[recipient]
        self._wake.set()

    async def _carry(self, delivery: Delivery) -> None:
        try:
            await self._bring(delivery)
        except Exception as error:
            # A slip over one must not end the dispatcher with everybody's. Its lease runs out, and it is tried again.
            self._rounds.put_aside(delivery.delivery_id, error, now=self._clock.now())

    async def _bring(self, delivery: Delivery) -> None:
        if not await self._still_wanted(delivery):
            return
        outcome = await self._courier.carry(delivery)
        self._on_outcome(outcome)
        level = log.info if outcome.taken else log.warning
        if outcome.taken or outcome.attempts == 1 or outcome.permanent:
            level(
                "delivered" if outcome.taken else "delivery failed",
                incident_id=str(delivery.incident_id),
                recipient=delivery.recipient,
                attempts=outcome.attempts,
                error=outcome.error or None,
                receipt_id=outcome.receipt.receipt_id if outcome.receipt else None,
            )
        try:
            async with wrapped_errors(), self._pool.connection() as conn:
                await record(conn, outcome, now=self._clock.now(), jitter=self._chance())
        except StorageError as error:
            # The lease runs out and it is sent again under the same id; the receiver recognises it.
            log.warning("outcome not recorded", delivery_id=str(delivery.delivery_id), error=str(error))
