"""The supervision of links: a heartbeat at every interval, a test alarm now and then, an incident where one is silent.

::

    watched ──answered──► alive ──nothing heard for `silent_s`──► silent (incident `link_silent`)
                            ▲                                        │
                            └───────────────answered─────────────────┘

EN 50518 and NFPA 72 want the failure of a path noticed within 90 to 200 s. With a heartbeat every 30 s, 100 s of
silence and 20 s for the longest try it is noticed 150 s after the last answer at the latest. The database holds the
state: any number of processes may supervise, each heartbeat is sent by one of them, and a time in which nobody looked
is no silence.

A test alarm that brings no receipt is an incident too (`link_untested`): a link may answer heartbeats and bring no
alarm. While somebody works on the far end its supervision may be paused, with an end. Alarms go out all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import msgspec
import structlog

from alerting.channels import Channel
from alerting.courier import Courier, Outcome
from alerting.link_findings import heard_finding, silent_finding, tested_finding, untested_finding
from alerting.message import webhook_body
from alerting.place import Place
from domain.clock import Clock
from domain.delivery import Delivery, DeliveryChannel, Notice
from domain.errors import StorageError
from domain.finding import Category, Severity
from storage import links as store
from storage.findings import store_findings
from storage.links import LinkState
from storage.pool import Connection, Pool, wrapped_errors

log = structlog.get_logger("alerting.supervision")

TEST_RULE = "link_test"
NO_RECEIPT = "it was taken, and no receipt came"
#: A link that the system has just begun to watch is tested so soon, and a test without a receipt is tried again then.
FIRST_TEST = timedelta(minutes=1)
TEST_AGAIN = timedelta(minutes=10)
_NAMESPACE = UUID("5b1f3a0e-8d39-5a0c-9c4a-61d0b9c6f2a4")
POLL_S = 5.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How often a heartbeat and a test alarm are sent, and after how long without an answer a link is silent."""

    heartbeat_s: float = 30.0
    silent_s: float = 100.0
    test_s: float = 86_400.0


def heartbeat(link_id: str, now: datetime, *, every_s: float) -> Delivery:
    """One heartbeat; whoever takes it answers a receipt and tells nobody."""
    return _delivery(
        link_id,
        Notice.HEARTBEAT,
        {
            "type": "link.heartbeat",
            "timestamp": now.isoformat(),
            "data": {"link_id": link_id, "interval_s": every_s},
        },
        now,
    )


def trial_alarm(link_id: str, now: datetime) -> Delivery:
    """An alarm marked as a test that goes the whole way of one: it proves that the link brings alarms."""
    body = webhook_body(
        incident_id=_id(link_id, Notice.TEST, now),
        number=None,
        rule=TEST_RULE,
        category=Category.SYSTEM.value,
        severity=Severity.ADVICE,
        life_safety=False,
        test=True,
        drill=False,
        raised_at=now,
        place=Place(),
        notice=Notice.RAISED,
        at=now,
    )
    return _delivery(link_id, Notice.TEST, body, now)


def silence(state: LinkState, now: datetime, plan: Plan) -> datetime | None:
    """Since when the link counts as silent ``now``, where a heartbeat was not answered; None while it does not."""
    if state.silent_since is not None:
        return state.silent_since
    return state.silent_from if now - state.silent_from >= timedelta(seconds=plan.silent_s) else None


def untested(state: LinkState, *, taken: bool) -> bool:
    """Whether a test alarm without a receipt is an incident; ``state`` is that after it.

    A link that is silent is one already. Where the newest heartbeat is not answered either, or the test was ``taken``
    and its receipt may still come, the next test tells.
    """
    if state.silent_since is not None:
        return False
    answered, sent = state.heartbeat_answered_at, state.heartbeat_sent_at
    heard = answered is not None and sent is not None and answered >= sent
    return state.tests_failed >= (1 if heard and not taken else 2)


def _id(link_id: str, notice: Notice, at: datetime) -> UUID:
    return uuid5(_NAMESPACE, f"{notice.value}|{link_id}|{at.isoformat()}")


def _delivery(link_id: str, notice: Notice, body: dict[str, object], now: datetime) -> Delivery:
    return Delivery(
        delivery_id=_id(link_id, notice, now),
        incident_id=None,
        channel=DeliveryChannel.WEBHOOK,
        recipient=link_id,
        notice=notice,
        body=body,
        created_at=now,
        next_attempt_at=now,
    )


class Supervisor:
    """``on_heartbeat`` hears of each link and whether it answered."""

    def __init__(
        self,
        *,
        pool: Pool,
        links: Mapping[str, Channel],
        plan: Plan,
        clock: Clock,
        on_heartbeat: Callable[[str, bool], None] = lambda link_id, answered: None,
    ) -> None:
        self._pool = pool
        self._link_ids = list(links)
        self._courier = Courier(links)
        self._plan = plan
        self._clock = clock
        self._on_heartbeat = on_heartbeat

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        if not self._link_ids:
            return
        away = fresh = True
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    if away:
                        await self.begin()
                        if not fresh:
                            log.info("database back", component="supervision")
                    away = fresh = False
                    sleep_s = await self.round(tasks)
                except StorageError as error:
                    if not away or fresh:
                        log.warning("database away", component="supervision", error=str(error))
                    away, fresh, sleep_s = True, False, 1.0
                await asyncio.sleep(sleep_s)

    async def begin(self) -> None:
        """Watch the links from now on, as far as nobody does."""
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            await store.resume_watch(conn, self._link_ids, at=now, unwatched_s=self._plan.silent_s)
            await store.watch_links(conn, self._link_ids, at=now, first_test_at=now + FIRST_TEST)

    async def round(self, tasks: asyncio.TaskGroup) -> float:
        """Send what is due; seconds until the next look."""
        now, plan = self._clock.now(), self._plan
        async with wrapped_errors(), self._pool.connection() as conn:
            for link_id in await store.end_pauses(conn, self._link_ids, at=now):
                log.info("link watched again after its pause", link=link_id)
            due = await store.claim_heartbeats(conn, self._link_ids, at=now, every_s=plan.heartbeat_s)
            tests = await store.claim_tests(conn, self._link_ids, at=now, every_s=plan.test_s)
            next_at = await store.next_supervision(conn, self._link_ids)
        for state in due:
            tasks.create_task(self._beat(state.link_id, now), name=f"heartbeat of {state.link_id}")
        for link_id in tests:
            tasks.create_task(self._test(link_id, now), name=f"test of {link_id}")
        wait_s = POLL_S if next_at is None else (next_at - self._clock.now()).total_seconds()
        return min(POLL_S, max(0.01, wait_s))

    async def _beat(self, link_id: str, sent_at: datetime) -> None:
        outcome = await self._courier.carry(heartbeat(link_id, sent_at, every_s=self._plan.heartbeat_s))
        self._on_heartbeat(link_id, outcome.receipt is not None)
        try:
            async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
                await self._judge(conn, link_id, outcome)
        except StorageError as error:
            # The next heartbeat tells it anew.
            log.debug("heartbeat not recorded", link=link_id, error=str(error))

    async def _judge(self, conn: Connection, link_id: str, outcome: Outcome) -> None:
        now = self._clock.now()
        state = await store.lock_link(conn, link_id)
        if state is None or _rests(state, now):
            return
        if outcome.receipt is not None:
            await _heard(conn, state, now)
            return
        # Taken by a broker is not heard by anybody behind it.
        why = outcome.error or NO_RECEIPT
        since = silence(state, now, self._plan)
        await store.record_unanswered(conn, link_id, error=why, silent_since=since)
        if since is not None and state.silent_since is None:
            log.error("link silent", link=link_id, since=since.isoformat(), error=why)
            await store_findings(conn, [silent_finding(state, since, now, error=why[:300])])

    async def _test(self, link_id: str, sent_at: datetime) -> None:
        delivery = trial_alarm(link_id, sent_at)
        outcome = await self._courier.carry(delivery)
        receipt = outcome.receipt
        now = self._clock.now()
        if receipt is None:
            log.warning("test alarm without a receipt", link=link_id, error=outcome.error or "sent, no receipt yet")
        try:
            async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
                await self._judge_test(conn, link_id, delivery, outcome, now)
        except StorageError as error:
            log.debug("test alarm not recorded", link=link_id, error=str(error))

    async def _judge_test(
        self, conn: Connection, link_id: str, delivery: Delivery, outcome: Outcome, now: datetime
    ) -> None:
        receipt = outcome.receipt
        if receipt is not None:
            await store.record_test(
                conn, link_id, at=receipt.received_at, webhook_id=delivery.webhook_id, receipt_id=receipt.receipt_id
            )
            await end_untested(conn, link_id, receipt_id=receipt.receipt_id, now=now)
            return
        again = now + min(TEST_AGAIN, timedelta(seconds=self._plan.test_s))
        await store.record_test(
            conn, link_id, at=now, webhook_id=delivery.webhook_id, receipt_id=None, next_test_at=again
        )
        state = await store.lock_link(conn, link_id)
        if state is None or state.untested_since is not None or not untested(state, taken=outcome.taken):
            return
        why = outcome.error or NO_RECEIPT
        log.error("link untested", link=link_id, error=why)
        await store.set_untested(conn, link_id, since=now)
        await store_findings(conn, [untested_finding(state, now, now, error=why[:300])])


def _rests(state: LinkState, now: datetime) -> bool:
    return state.paused_until is not None and now < state.paused_until


async def _heard(conn: Connection, state: LinkState, now: datetime) -> None:
    await store.record_alive(conn, state.link_id, at=now)
    if state.silent_since is not None:
        log.info("link heard again", link=state.link_id, silent_since=state.silent_since.isoformat())
        await store_findings(conn, [heard_finding(state, state.silent_since, now)])


async def hear_late(conn: Connection, link_id: str, *, webhook_id: str, now: datetime) -> bool:
    """A receipt that nobody waits for any more: whether it is that of the newest heartbeat, which proves the link."""
    state = await store.lock_link(conn, link_id)
    if state is None or state.heartbeat_sent_at is None or _rests(state, now):
        return False
    if webhook_id != f"msg_{_id(link_id, Notice.HEARTBEAT, state.heartbeat_sent_at).hex}":
        return False
    await _heard(conn, state, now)
    return True


async def end_untested(conn: Connection, link_id: str, *, receipt_id: str, now: datetime) -> None:
    """A test alarm has brought its receipt: where its lack was an incident, that is over."""
    state = await store.lock_link(conn, link_id)
    if state is not None and state.untested_since is not None:
        await store.set_untested(conn, link_id, since=None)
        await store_findings(conn, [tested_finding(state, state.untested_since, now, receipt_id=receipt_id)])
