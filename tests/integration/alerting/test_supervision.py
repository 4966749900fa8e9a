"""The supervision of links: noticed in time, one incident for each silence, and nothing forgotten over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest

from alerting.supervision import Plan, Supervisor, silence
from domain.delivery import Notice
from domain.errors import TemporaryFailure
from storage.findings import claim_findings
from storage.links import LinkState, link_states
from storage.pool import Connection, Pool
from tests.integration.alerting.ledgers import until
from tests.unit.alerting.findings import NOW, SetClock
from tests.unit.alerting.inbox import Inbox

PLAN = Plan(heartbeat_s=30.0, silent_s=100.0, test_s=86_400.0)


@asynccontextmanager
async def supervising(pool: Pool, clock: SetClock, **inboxes: Inbox) -> AsyncIterator[None]:
    supervisor = Supervisor(pool=pool, links=inboxes, plan=PLAN, clock=clock)
    # Its sleeps are of the machine's clock, the times it goes by are ours.
    task = asyncio.create_task(supervisor.run(), name="supervision")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _round(pool: Pool, clock: SetClock, **inboxes: Inbox) -> None:
    """One life that sends what is due now and ends: the database alone knows of it afterwards."""
    supervisor = Supervisor(pool=pool, links=inboxes, plan=PLAN, clock=clock)
    async with asyncio.TaskGroup() as tasks:
        await supervisor.begin()
        await supervisor.round(tasks)


def _state(**changes: object) -> LinkState:
    given = {"link_id": "police", "watched_since": NOW, **changes}
    return LinkState(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("seconds", "silent"), [(0, False), (99, False), (100, True), (150, True)])
def test_a_link_is_silent_some_time_after_its_last_answer(seconds: float, silent: bool) -> None:
    now = NOW + timedelta(seconds=seconds)
    assert silence(_state(heartbeat_answered_at=NOW), now, PLAN) == (NOW if silent else None)
    assert silence(_state(), now, PLAN) == (NOW if silent else None), "one that never answered is silent too"


async def test_a_silent_link_is_one_finding_and_its_answer_clears_it(
    pool: Pool, conn: Connection, clock: SetClock
) -> None:
    police = Inbox()
    await _round(pool, clock, police=police)
    police.down = TemporaryFailure("not reached")
    for _ in range(5):  # 150 s: silent from the fourth on, and said once
        clock.advance(seconds=30)
        await _round(pool, clock, police=police)
    (raised,) = await claim_findings(conn, limit=9)
    assert (raised.rule, raised.kind.value, raised.severity.value) == ("link_silent", "raised", "major")
    assert raised.detail["link"] == "police"
    noticed_s = (raised.at - NOW).total_seconds()
    assert 90 <= noticed_s <= 200
    (state,) = await link_states(conn)
    assert (state.alive_since, state.silent_since) == (None, NOW)
    police.down = None
    clock.advance(seconds=30)
    await _round(pool, clock, police=police)
    found = await claim_findings(conn, limit=9)
    assert [one.kind.value for one in found] == ["raised", "cleared"]
    assert found[1].key == raised.key
    (state,) = await link_states(conn)
    assert (state.alive_since, state.silent_since) == (clock.now(), None)


async def test_one_link_that_is_down_leaves_the_other_alone(pool: Pool, conn: Connection, clock: SetClock) -> None:
    police, education = Inbox(), Inbox(down=TemporaryFailure("not reached"))
    for _ in range(5):
        await _round(pool, clock, police=police, education=education)
        clock.advance(seconds=30)
    assert [one.detail["link"] for one in await claim_findings(conn, limit=9)] == ["education"]


async def test_nobody_is_blamed_for_the_time_in_which_nobody_looked(
    pool: Pool, conn: Connection, clock: SetClock
) -> None:
    police = Inbox()
    await _round(pool, clock, police=police)
    clock.advance(hours=3)
    police.down = TemporaryFailure("not reached")
    await _round(pool, clock, police=police)
    assert await claim_findings(conn, limit=9) == []
    (state,) = await link_states(conn)
    assert state.alive_since is None, "nothing proves it now"


async def test_the_system_tests_a_link_by_itself_and_keeps_the_receipt(
    pool: Pool, conn: Connection, clock: SetClock
) -> None:
    police = Inbox()
    await _round(pool, clock, police=police)
    clock.advance(minutes=2)
    async with supervising(pool, clock, police=police):

        async def receipted() -> bool:
            (state,) = await link_states(conn)
            return state.test_receipted_at is not None

        await until(receipted)
    (trial,) = [one for one in police.tried if one.notice is Notice.TEST]
    assert trial.body["data"]["test"] is True
    (state,) = await link_states(conn)
    assert (state.test_webhook_id, state.test_sent_at) == (trial.webhook_id, clock.now())


async def test_of_several_processes_one_sends_a_heartbeat(pool: Pool, clock: SetClock) -> None:
    police = Inbox()
    async with supervising(pool, clock, police=police), supervising(pool, clock, police=police):

        async def heard() -> bool:
            return bool(police.tried)

        await until(heard)
        await asyncio.sleep(0.3)
    assert len(police.tried) == 1
