"""Far ends that cannot call back are asked: in time, ever more rarely, by one process, and what is signed counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import msgspec
import pytest

from alerting.channels.status import StatusLine
from alerting.channels.webhook import HttpPost, WebhookLink
from alerting.desk import Desk
from alerting.signature import Seal
from alerting.status_poll import LONGEST_S, PollPlan, StatusPoller
from domain.delivery import Answer, Delivery, Receipt
from domain.errors import TemporaryFailure
from simulators.far_ends import LinkBehaviour, LinkName, Mode, Person
from simulators.receivers import Receivers, listen, serving
from storage.deliveries import claim_deliveries, record_arrival
from storage.pool import Connection, Pool
from tests.integration.alerting.ledgers import rows, timeline
from tests.unit.alerting.findings import NOW, SetClock, press

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Nobody:
    """A far end at which nobody ever says anything; it remembers when it was asked."""

    def __init__(self, clock: SetClock) -> None:
        self._clock = clock
        self.asked: list[tuple[float, Collection[UUID]]] = []
        self.down = False

    async def ask(self, delivery_ids: Collection[UUID]) -> list[Answer]:
        self.asked.append(((self._clock.now() - NOW).total_seconds(), delivery_ids))
        if self.down:
            raise TemporaryFailure("not reached")
        return []


async def _round(pool: Pool, clock: SetClock, plan: PollPlan) -> float:
    """One life that asks what is due now and ends."""
    poller = StatusPoller(pool=pool, plans={"police": plan}, clock=clock)
    async with asyncio.TaskGroup() as tasks:
        return await poller.round(tasks)


async def _alarm(conn: Connection, desk: Desk) -> Delivery:
    """A pressed button: what police is to be told."""
    async with conn.transaction():
        await desk.take(conn, press(), now=NOW)
    found = await claim_deliveries(conn, at=NOW, lease_until=NOW + timedelta(minutes=1), limit=99)
    return next(one for one in found if one.recipient == "police")


@pytest.fixture
async def received(conn: Connection, desk: Desk) -> Delivery:
    """It has been told, and gave a receipt."""
    alarm = await _alarm(conn, desk)
    receipt = Receipt(receipt_id="JJ-1", received_at=NOW)
    assert await record_arrival(conn, alarm.delivery_id, at=NOW, attempts=1, receipt=receipt)
    return alarm


async def _state(conn: Connection, delivery_id: UUID) -> dict[str, Any]:
    (found,) = await rows(conn, "SELECT * FROM delivery WHERE delivery_id = %s", delivery_id)
    return found


@pytest.fixture
async def far(clock: SetClock) -> AsyncIterator[tuple[Receivers, str, aiohttp.ClientSession]]:
    receivers = Receivers(police_secret=SECRET, education_secret=SECRET, clock=clock)
    listening = listen("127.0.0.1", 0)
    async with serving(receivers.application(), listening), aiohttp.ClientSession() as client:
        yield receivers, f"http://127.0.0.1:{listening.getsockname()[1]}/police", client


async def test_what_a_person_there_said_is_heard_by_asking(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock, far: tuple[Receivers, str, aiohttp.ClientSession]
) -> None:
    receivers, url, client = far
    receivers.behave(LinkBehaviour(link=LinkName.POLICE, person=Person.ACCEPTS, person_after_s=40))
    alarm = await _alarm(conn, desk)
    receipt = await WebhookLink("police", SECRET, post=HttpPost(client, url), clock=clock).send(alarm)
    await record_arrival(conn, alarm.delivery_id, at=NOW, attempts=1, receipt=receipt)
    line = StatusLine(SECRET, ask=HttpPost(client, f"{url}/status").ask, clock=clock)
    plan = PollPlan(inquiry=line, first_s=15.0)
    asked = []
    for _ in range(8):
        await _round(pool, clock, plan)
        asked.append(receivers.far_ends.asked[LinkName.POLICE])
        clock.advance(seconds=15)
    # At 15 s nobody had said anything, at 45 s somebody had; then nothing is left to ask.
    assert asked == [0, 1, 1, 2, 2, 2, 2, 2]
    answered = await _state(conn, alarm.delivery_id)
    assert (answered["state"], answered["answered_by"]) == ("accepted", "police 01")
    assert answered["answered_at"] == NOW + timedelta(seconds=40)
    assert alarm.incident_id is not None
    assert "link_accepted" in await timeline(conn, alarm.incident_id)
    assert await rows(conn, "SELECT * FROM delivery_poll") == []


async def test_nobody_answers_and_it_is_asked_ever_more_rarely_until_it_is_given_up(
    pool: Pool, conn: Connection, clock: SetClock, received: Delivery
) -> None:
    nobody = Nobody(clock)
    plan = PollPlan(inquiry=nobody, first_s=15.0, for_s=4 * 3600)
    while clock.now() < NOW + timedelta(hours=5):
        await _round(pool, clock, plan)
        waits = await rows(conn, "SELECT min(next_at) AS next_at FROM delivery_poll")
        clock.at = max(clock.now() + timedelta(seconds=1), waits[0]["next_at"] or NOW + timedelta(hours=6))
    times = [at for at, _ in nobody.asked]
    gaps = [after - before for before, after in zip([0.0, *times], times, strict=False)]
    assert gaps[:6] == [15.0, 30.0, 60.0, 120.0, 240.0, 480.0]
    assert set(gaps[6:]) == {LONGEST_S}
    assert times[-1] <= 4 * 3600 < times[-1] + LONGEST_S
    assert (await _state(conn, received.delivery_id))["state"] == "received"


async def test_two_processes_put_one_question_and_one_that_failed_is_put_again(
    pool: Pool, conn: Connection, clock: SetClock, received: Delivery
) -> None:
    nobody = Nobody(clock)
    nobody.down = True
    plan = PollPlan(inquiry=nobody, first_s=15.0)
    clock.advance(seconds=20)
    await asyncio.gather(_round(pool, clock, plan), _round(pool, clock, plan))
    assert [list(ids) for _, ids in nobody.asked] == [[received.delivery_id]]
    clock.advance(seconds=30)
    await _round(pool, clock, plan)
    assert len(nobody.asked) == 2


async def test_an_answer_that_is_not_signed_for_this_very_question_changes_nothing(
    pool: Pool, conn: Connection, clock: SetClock, received: Delivery
) -> None:
    word = {"webhook_id": received.webhook_id, "answer": "accepted", "by": "somebody"}
    body = msgspec.json.encode({"type": "delivery.statuses", "data": {"answers": [word]}})
    stranger = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

    def signing(secret: str, *, other: str = "", late_s: float = 0.0) -> StatusLine:
        async def ask(question: bytes, headers: dict[str, str]) -> tuple[int, bytes, Mapping[str, str]]:
            at = clock.now() - timedelta(seconds=late_s)
            return 200, body, Seal(secret).headers(other or headers["webhook-id"], body, at) if secret else {}

        return StatusLine(SECRET, ask=ask, clock=clock)

    for wrong in (signing(""), signing(stranger), signing(SECRET, other="msg_1"), signing(SECRET, late_s=3600)):
        with pytest.raises(TemporaryFailure, match="refused"):
            await wrong.ask([received.delivery_id])
    line = signing(SECRET)
    assert [one.by for one in await line.ask([received.delivery_id])] == ["somebody"]
    assert await line.ask([uuid4()]) == [], "of what was not asked nothing is taken"
    clock.advance(seconds=20)
    await _round(pool, clock, PollPlan(inquiry=line))
    assert (await _state(conn, received.delivery_id))["state"] == "accepted"


async def test_a_far_end_that_refuses_or_hangs_up_is_asked_again_later(
    clock: SetClock, far: tuple[Receivers, str, aiohttp.ClientSession]
) -> None:
    receivers, url, client = far
    line = StatusLine(SECRET, ask=HttpPost(client, f"{url}/status").ask, clock=clock)
    receivers.behave(LinkBehaviour(link=LinkName.POLICE, mode=Mode.ERROR500))
    with pytest.raises(TemporaryFailure, match="HTTP 500"):
        await line.ask([uuid4()])
    receivers.behave(LinkBehaviour(link=LinkName.POLICE))
    assert await line.ask([uuid4()]) == []
    with pytest.raises(TemporaryFailure, match="HTTP 401"):
        await StatusLine(
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", ask=HttpPost(client, f"{url}/status").ask, clock=clock
        ).ask([uuid4()])
