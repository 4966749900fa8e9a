from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from alerting.channels import Channel
from alerting.courier import Courier, Outcome
from alerting.desk import Desk
from alerting.dispatcher import KEPT_FREE, MOST_UNDER_WAY, Dispatcher, record
from domain.delivery import Delivery, DeliveryChannel, Notice
from domain.errors import PermanentFailure, TemporaryFailure
from domain.finding import Finding
from domain.incident import IncidentAction
from storage.deliveries import claim_deliveries, next_due, queue_deliveries
from storage.pool import Connection, Pool, open_pool
from tests.integration.alerting.ledgers import deliveries, escalate, put_on_duty, timeline, until, until_true
from tests.integration.dashboards.line import Line
from tests.unit.alerting.findings import BUTTON, NOW, SetClock, finding, press
from tests.unit.alerting.inbox import Inbox


async def _queue(conn: Connection, desk: Desk, *found: Finding) -> None:
    async with conn.transaction():
        for one in found:
            await desk.take(conn, one, now=NOW)
    await escalate(conn, desk)


@asynccontextmanager
async def _dispatching(
    pool: Pool, inboxes: Mapping[str, Inbox], clock: SetClock, *, duty: Inbox | None = None, processes: int = 1
) -> AsyncIterator[list[asyncio.Event]]:
    people = {} if duty is None else {DeliveryChannel.APPRISE: duty}
    wakes = [asyncio.Event() for _ in range(processes)]
    tasks = [
        asyncio.create_task(Dispatcher(pool=pool, courier=Courier(inboxes, people), clock=clock, wake=wake).run())
        for wake in wakes
    ]
    try:
        yield wakes
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _states(found: list[dict[str, Any]]) -> set[str]:
    return {row["state"] for row in found}


async def test_two_dispatchers_send_each_delivery_once(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    pressed = [finding(key=f"one_key_alarm/s001/b{number}", device_id=f"b{number}") for number in range(40)]
    await _queue(conn, desk, *pressed)
    police, education = Inbox(), Inbox()

    async def settled() -> bool:
        return _states(await deliveries(conn)) == {"received"}

    async with _dispatching(pool, {"police": police, "education": education}, clock, processes=2):
        await until(settled)
    assert len(police.taken) == len(education.taken) == 40
    assert set(police.taken.values()) == set(education.taken.values()) == {1}
    assert len(police.tried) == 40
    assert {d["attempts"] for d in await deliveries(conn)} == {1}


async def test_a_delivery_under_way_is_nobody_elses_until_its_lease_is_over(conn: Connection, desk: Desk) -> None:
    await _queue(conn, desk, press())
    lease = NOW + timedelta(seconds=60)
    assert len(await claim_deliveries(conn, at=NOW, lease_until=lease, limit=9)) == 2
    assert await claim_deliveries(conn, at=lease - timedelta(seconds=1), lease_until=lease, limit=9) == []
    assert await next_due(conn) == lease
    # Whoever held it died.
    assert len(await claim_deliveries(conn, at=lease, lease_until=lease + timedelta(seconds=60), limit=9)) == 2


async def test_life_safety_is_claimed_before_everything_else(conn: Connection, desk: Desk) -> None:
    await put_on_duty(conn, "王主任", NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    await _queue(conn, desk, finding("tamper"), finding("intrusion_alarm"))
    later = NOW + timedelta(seconds=30)
    async with conn.transaction():
        case = await desk.take(conn, press(), now=later)
    await escalate(conn, desk, at=later)
    claimed = await claim_deliveries(conn, at=later, lease_until=later + timedelta(seconds=60), limit=3)
    assert sorted(d.recipient for d in claimed) == ["education", "police", "王主任"]
    assert {d.incident_id for d in claimed} == {case.incident_id}


async def test_what_failed_is_tried_again_under_the_same_id_until_it_is_taken(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    await _queue(conn, desk, press())
    police = Inbox([TemporaryFailure("HTTP 502"), TemporaryFailure("no receipt"), OSError("a fault of ours")])

    async def settled() -> bool:
        found = await deliveries(conn)
        if not any(d["lease_until"] for d in found):  # else a try is under way, and time would run away from it
            clock.advance(seconds=10)
            wakes[0].set()
        return _states(found) == {"received"}

    async with _dispatching(pool, {"police": police, "education": Inbox()}, clock) as wakes:
        await until(settled)
    assert len(police.tried) == 4
    assert len({d.delivery_id for d in police.tried}) == 1
    (told,) = [d for d in await deliveries(conn) if d["recipient"] == "police"]
    assert (told["attempts"], told["receipt_id"], told["last_error"]) == (4, "R-1", None)
    kinds = await timeline(conn, told["incident_id"])
    assert (kinds.count("delivery_delayed"), kinds.count("receipt")) == (1, 2)


async def test_life_safety_that_a_link_refuses_for_good_is_tried_again_every_minute(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    await _queue(conn, desk, press())
    police = Inbox([PermanentFailure("HTTP 401")])

    async def police_row() -> dict[str, Any]:
        (row,) = [d for d in await deliveries(conn) if d["recipient"] == "police"]
        return row

    async def refused() -> bool:
        return bool((await police_row())["last_error"] == "HTTP 401")

    async def taken() -> bool:
        return bool((await police_row())["state"] == "received")

    async with _dispatching(pool, {"police": police, "education": Inbox()}, clock) as wakes:
        await until(refused)
        row = await police_row()
        assert (row["state"], row["next_attempt_at"]) == ("queued", NOW + timedelta(seconds=60))
        clock.advance(seconds=61)  # meanwhile somebody mended the secret
        wakes[0].set()
        await until(taken)
    assert set(police.taken.values()) == {1}


async def test_a_refused_duty_notice_is_given_up_and_said_so(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    await put_on_duty(conn, "王主任", NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    await _queue(conn, desk, finding("intrusion_alarm"))

    async def given_up() -> bool:
        return _states(await deliveries(conn)) == {"failed"}

    async with _dispatching(pool, {}, clock, duty=Inbox(down=PermanentFailure("no such number"))):
        await until(given_up)
    (row,) = await deliveries(conn)
    assert row["last_error"] == "no such number"
    assert "delivery_failed" in await timeline(conn, row["incident_id"])


async def test_a_link_that_is_not_configured_any_more_keeps_its_deliveries(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    await _queue(conn, desk, press())

    async def tried() -> bool:
        return all(d["attempts"] for d in await deliveries(conn))

    async with _dispatching(pool, {"police": Inbox()}, clock):
        await until(tried)
    assert {d["recipient"]: d["state"] for d in await deliveries(conn)} == {
        "education": "queued",
        "police": "received",
    }


async def test_a_link_that_hangs_does_not_delay_the_other(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    await _queue(conn, desk, press())
    police, education = Inbox(), Inbox()
    police.gate = asyncio.Event()

    async def educated() -> bool:
        return {d["recipient"]: d["state"] for d in await deliveries(conn)} == {
            "education": "received",
            "police": "queued",
        }

    async with _dispatching(pool, {"police": police, "education": education}, clock):
        await until(educated)


async def test_an_acknowledgement_while_the_notice_is_under_way_tells_the_truth_about_it(
    conn: Connection, desk: Desk
) -> None:
    await put_on_duty(conn, "王主任", NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    await _queue(conn, desk, finding("intrusion_alarm"))
    (claimed,) = await claim_deliveries(conn, at=NOW, lease_until=NOW + timedelta(seconds=60), limit=9)
    assert claimed.incident_id is not None
    await desk.act(conn, claimed.incident_id, IncidentAction.ACKNOWLEDGE, actor="值班员", note="", now=NOW)
    assert _states(await deliveries(conn)) == {"cancelled"}
    failed = Outcome(delivery=claimed, attempts=1, taken=False, error="busy")
    await record(conn, failed, now=NOW, jitter=0.0)
    assert _states(await deliveries(conn)) == {"cancelled"}, "a failure must not bring a cancelled notice back"
    await record(conn, Outcome(delivery=claimed, attempts=1, taken=True), now=NOW, jitter=0.0)
    assert _states(await deliveries(conn)) == {"sent"}


async def test_a_late_failure_does_not_undo_an_arrival(conn: Connection, desk: Desk) -> None:
    await _queue(conn, desk, press())
    claimed = await claim_deliveries(conn, at=NOW, lease_until=NOW + timedelta(seconds=60), limit=9)
    receipt = await Inbox().send(claimed[0])
    for one in claimed:
        await record(conn, Outcome(delivery=one, attempts=1, taken=True, receipt=receipt), now=NOW, jitter=0.0)
        await record(conn, Outcome(delivery=one, attempts=2, taken=False, error="late"), now=NOW, jitter=0.0)
        await record(conn, Outcome(delivery=one, attempts=2, taken=True, receipt=receipt), now=NOW, jitter=0.0)
    assert _states(await deliveries(conn)) == {"received"}
    assert claimed[0].incident_id is not None
    assert (await timeline(conn, claimed[0].incident_id)).count("receipt") == 2


async def test_a_reset_is_told_after_the_alarm_that_it_ends(conn: Connection, desk: Desk) -> None:
    """Else the other side would stand at «raised» for ever."""
    await _queue(conn, desk, press())
    (police, education) = await claim_deliveries(conn, at=NOW, lease_until=NOW + timedelta(seconds=60), limit=9)
    assert police.incident_id is not None
    await desk.act(conn, police.incident_id, IncidentAction.ACKNOWLEDGE, actor="operator", note="", now=NOW)
    await desk.act(conn, police.incident_id, IncidentAction.RESET, actor="operator", note="", now=NOW)
    later = NOW + timedelta(seconds=1)

    async def claimed() -> list[tuple[str, str]]:
        found = await claim_deliveries(conn, at=later, lease_until=later + timedelta(seconds=60), limit=9)
        return [(one.notice.value, one.recipient) for one in found]

    assert await claimed() == []
    due = await next_due(conn)
    assert due is not None
    assert due > later, "or the dispatcher would look again and again"
    receipt = await Inbox().send(police)
    await record(conn, Outcome(delivery=police, attempts=1, taken=True, receipt=receipt), now=later, jitter=0.0)
    assert await claimed() == [("reset", police.recipient)]
    refused = Outcome(delivery=education, attempts=1, taken=False, error="refused", permanent=True)
    await record(conn, refused, now=later + timedelta(days=40), jitter=0.0)
    later += timedelta(days=40)
    state = {(one["notice"], one["recipient"]): one["state"] for one in await deliveries(conn)}
    told = [recipient for notice, recipient in await claimed() if notice == "reset"]
    assert (education.recipient in told) is (state["raised", education.recipient] != "queued")


@pytest.mark.parametrize("moment", ["idle", "under way"])
async def test_a_database_outage_loses_no_delivery(
    kept_database: str, conn: Connection, desk: Desk, clock: SetClock, moment: str
) -> None:
    police = Inbox()
    inboxes = {"police": police, "education": Inbox()}

    async def settled() -> bool:
        clock.advance(seconds=1)
        return bool(found := await deliveries(conn)) and _states(found) == {"received"}

    async with (
        Line(kept_database).open() as line,
        open_pool(line.dsn, name="alerting", max_size=2) as pool,
    ):
        await pool.wait()
        if moment == "under way":
            police.gate = asyncio.Event()
            await _queue(conn, desk, press())
        async with _dispatching(pool, inboxes, clock):
            if police.gate is not None:

                async def tried() -> bool:
                    return bool(police.tried)

                await until(tried)
            line.cut()
            if police.gate is not None:
                police.gate.set()  # taken, and nobody can write it down
            else:
                await _queue(conn, desk, press())
            line.mend()
            clock.advance(seconds=61)
            await until(settled, within_s=20)
    assert len(police.taken) == 1, "one webhook-id, however often it was brought"
    assert BUTTON.device_id == police.tried[0].body["data"]["device"]["device_id"]


async def test_claims_of_many_processes_never_overlap(pool: Pool, conn: Connection, desk: Desk) -> None:
    await _queue(conn, desk, *(finding(key=f"k{n}", device_id=f"b{n}") for n in range(60)))

    async def claim() -> list[Delivery]:
        async with pool.connection() as own:
            return await claim_deliveries(own, at=NOW, lease_until=NOW + timedelta(seconds=60), limit=15)

    claims = await asyncio.gather(*(claim() for _ in range(16)))
    ids = [delivery.delivery_id for claim_ in claims for delivery in claim_]
    assert len(ids) == len(set(ids)) == 120


class _Hangs:
    """A gateway that takes connections and says nothing."""

    async def send(self, delivery: Delivery) -> None:
        await asyncio.Event().wait()


async def test_a_gateway_that_hangs_over_many_warnings_does_not_hold_up_life_safety(
    pool: Pool, conn: Connection, clock: SetClock
) -> None:
    def notice(name: str, channel: DeliveryChannel) -> Delivery:
        body = {"title": "暴雨", "text": "暴雨"}
        return Delivery(
            delivery_id=uuid4(),
            incident_id=None,
            channel=channel,
            recipient=name,
            notice=Notice.WARNING,
            body=body,
            created_at=NOW,
            next_attempt_at=NOW,
        )

    warnings = [notice(f"leader {number}", DeliveryChannel.APPRISE) for number in range(2 * MOST_UNDER_WAY)]
    await queue_deliveries(conn, warnings, life_safety=False)
    calls = Inbox()
    people: dict[DeliveryChannel, Channel] = {DeliveryChannel.APPRISE: _Hangs(), DeliveryChannel.VOICE: calls}
    wake = asyncio.Event()
    task = asyncio.create_task(Dispatcher(pool=pool, courier=Courier({}, people), clock=clock, wake=wake).run())

    async def leased() -> int:
        return sum(row["lease_until"] is not None for row in await deliveries(conn))

    async def full() -> bool:
        return await leased() == MOST_UNDER_WAY - KEPT_FREE

    try:
        await until(full)
        await queue_deliveries(conn, [notice("王主任", DeliveryChannel.VOICE)], life_safety=True)
        wake.set()
        await until_true(lambda: bool(calls.taken))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
