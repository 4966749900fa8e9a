"""The supervision of links: noticed in time, one incident for each silence, and nothing forgotten over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import cast

import msgspec
import pytest

from alerting.link_answers import take_reply
from alerting.supervision import Plan, Supervisor, silence
from domain.delivery import Delivery, Notice, Receipt
from domain.errors import TemporaryFailure
from storage.findings import claim_findings
from storage.links import LinkState, ask_for_test, link_states, pause_link
from storage.pool import Connection, Pool
from tests.integration.alerting.ledgers import rows, until
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


async def _test_now(conn: Connection, pool: Pool, clock: SetClock, **inboxes: Inbox) -> None:
    for link_id in inboxes:
        assert await ask_for_test(conn, link_id, at=clock.now())
    await _round(pool, clock, **inboxes)


class _AlarmsFail(Inbox):
    """It answers heartbeats, and brings no alarm."""

    async def send(self, delivery: Delivery) -> Receipt:
        if delivery.notice is Notice.TEST:
            raise TemporaryFailure("HTTP 500")
        return await super().send(delivery)


class _Slow(Inbox):
    """It takes test alarms, and gives no receipt at once."""

    async def send(self, delivery: Delivery) -> Receipt:
        receipt = await super().send(delivery)
        return cast("Receipt", None) if delivery.notice is Notice.TEST else receipt


async def test_a_test_alarm_without_a_receipt_is_an_incident_until_one_brings_it(
    pool: Pool, conn: Connection, clock: SetClock
) -> None:
    deaf = _AlarmsFail()
    await _round(pool, clock, police=deaf)
    for _ in range(3):
        clock.advance(minutes=10)
        await _test_now(conn, pool, clock, police=deaf)
    (raised,) = await claim_findings(conn, limit=9)
    assert (raised.rule, raised.kind.value, raised.severity.value) == ("link_untested", "raised", "major")
    assert raised.detail == {"link": "police", "since": raised.at.isoformat(), "error": "HTTP 500"}
    clock.advance(minutes=10)
    await _test_now(conn, pool, clock, police=Inbox())
    found = await claim_findings(conn, limit=9)
    assert [one.kind.value for one in found] == ["raised", "cleared"]
    (state,) = await link_states(conn)
    assert (state.untested_since, state.tests_failed) == (None, 0)


async def test_a_link_that_is_silent_is_one_incident_and_not_two(pool: Pool, conn: Connection, clock: SetClock) -> None:
    police = Inbox()
    await _round(pool, clock, police=police)
    police.down = TemporaryFailure("not reached")
    for _ in range(10):
        clock.advance(seconds=30)
        await _test_now(conn, pool, clock, police=police)
    rules = {one.rule for one in await claim_findings(conn, limit=9)}
    assert "link_silent" in rules
    (state,) = await link_states(conn)
    assert state.silent_since is not None


async def test_a_receipt_that_comes_late_ends_it(pool: Pool, conn: Connection, clock: SetClock) -> None:
    police = _Slow()
    await _round(pool, clock, police=police)
    for count in (0, 1):
        clock.advance(minutes=10)
        await _test_now(conn, pool, clock, police=police)
        assert len(await claim_findings(conn, limit=9)) == count, "it was taken; the receipt may still come"
    (state,) = await link_states(conn)
    late = msgspec.json.encode({"webhook_id": state.test_webhook_id, "receipt_id": "JC-7"})
    await take_reply(conn, "police", late, clock.now())
    assert [one.kind.value for one in await claim_findings(conn, limit=9)] == ["raised", "cleared"]
    (state,) = await link_states(conn)
    assert (state.test_receipt_id, state.test_receipted_at) == ("JC-7", clock.now())


async def test_a_pause_with_an_end_rests_the_supervision_and_proves_nothing(
    pool: Pool, conn: Connection, clock: SetClock
) -> None:
    police = Inbox()
    await _round(pool, clock, police=police)
    until_at = clock.now() + timedelta(hours=2)
    assert await pause_link(
        conn, "police", at=clock.now(), until=until_at, actor="值班员 张伟", reason="对方更换服务器"
    )
    police.down = TemporaryFailure("not reached")
    for _ in range(11):
        clock.advance(minutes=10)
        await _test_now(conn, pool, clock, police=police)
    assert len(police.tried) == 1, "only the heartbeat before it"
    (state,) = await link_states(conn)
    assert (state.alive_since, state.silent_since) == (None, None)
    clock.advance(minutes=20)
    for _ in range(5):
        await _round(pool, clock, police=police)
        clock.advance(seconds=30)
    (silent,) = [one for one in await claim_findings(conn, limit=9) if one.rule == "link_silent"]
    assert silent.at - until_at >= timedelta(seconds=PLAN.silent_s), "silence is counted from the end of the pause"
    kept = await rows(conn, "SELECT actor, action, detail FROM audit_entry WHERE subject = 'police'")
    assert [(one["actor"], one["action"], one["detail"]["reason"]) for one in kept] == [
        ("值班员 张伟", "link.paused", "对方更换服务器")
    ]
    assert not await pause_link(conn, "nobody", at=clock.now(), until=until_at, actor="x", reason="x")


class _Behind(Inbox):
    """A broker takes everything, and nobody behind it replies in time."""

    async def send(self, delivery: Delivery) -> Receipt:
        await super().send(delivery)
        return cast("Receipt", None)


async def test_a_broker_that_takes_heartbeats_for_a_far_end_that_is_gone_proves_nothing(
    pool: Pool, conn: Connection, clock: SetClock
) -> None:
    await _round(pool, clock, police=Inbox())
    behind = _Behind()
    for _ in range(5):
        clock.advance(seconds=30)
        await _round(pool, clock, police=behind)
    (raised,) = await claim_findings(conn, limit=9)
    assert (raised.rule, raised.detail["error"]) == ("link_silent", "it was taken, and no receipt came")
    # The reply to the newest heartbeat comes late, and counts; one to an older heartbeat does not.
    beats = [one.webhook_id for one in behind.tried if one.notice is Notice.HEARTBEAT]
    for webhook_id, heard in ((beats[0], 1), (beats[-1], 2)):
        clock.advance(seconds=5)
        await take_reply(
            conn, "police", msgspec.json.encode({"webhook_id": webhook_id, "receipt_id": "XT-1"}), clock.now()
        )
        assert len(await claim_findings(conn, limit=9)) == heard
    (state,) = await link_states(conn)
    assert (state.alive_since, state.silent_since) == (clock.now(), None)
