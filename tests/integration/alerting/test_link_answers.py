"""What a person at a link says of a delivery, and how it stands in the incident."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from alerting.courier import Outcome
from alerting.desk import Desk
from alerting.dispatcher import record
from alerting.link_answers import take_answer, take_reply
from domain.delivery import Answer, Delivery, Receipt
from domain.errors import UnknownDelivery
from storage.pool import Connection
from tests.integration.alerting.ledgers import deliveries, timeline
from tests.unit.alerting.findings import NOW, press


@pytest.fixture
async def called(conn: Connection, desk: Desk) -> Delivery:
    """What police were sent and have not answered yet."""
    pressed = press()
    async with conn.transaction():
        await desk.take(conn, pressed, now=NOW)
    return next(one for one in desk.link_deliveries(pressed, now=NOW) if one.recipient == "police")


def said(delivery_id: UUID, *, accepted: bool = True, seconds: float = 20) -> Answer:
    return Answer(delivery_id=delivery_id, accepted=accepted, by="接警员 03", at=NOW + timedelta(seconds=seconds))


def taken(delivery: Delivery, receipt_id: str | None = "JJ-1") -> Outcome:
    receipt = None if receipt_id is None else Receipt(receipt_id=receipt_id, received_at=NOW)
    return Outcome(delivery=delivery, attempts=1, taken=True, receipt=receipt)


async def _police(conn: Connection) -> dict[str, object]:
    return next(one for one in await deliveries(conn) if one["recipient"] == "police")


async def test_accepted_stands_in_delivery_and_timeline_once(conn: Connection, called: Delivery) -> None:
    await record(conn, taken(called), now=NOW, jitter=0.0)
    assert await take_answer(conn, "police", said(called.delivery_id))
    assert not await take_answer(conn, "police", said(called.delivery_id)), "the same again is no news"
    one = await _police(conn)
    assert (one["state"], one["receipt_id"], one["answered_by"]) == ("accepted", "JJ-1", "接警员 03")
    assert called.incident_id is not None
    assert (await timeline(conn, called.incident_id)).count("link_accepted") == 1


async def test_a_person_may_change_their_mind_and_an_older_word_changes_nothing(
    conn: Connection, called: Delivery
) -> None:
    await take_answer(conn, "police", said(called.delivery_id, seconds=20))
    assert await take_answer(conn, "police", said(called.delivery_id, accepted=False, seconds=40))
    assert not await take_answer(conn, "police", said(called.delivery_id, seconds=30))
    assert (await _police(conn))["state"] == "refused"


async def test_an_answer_that_overtakes_the_receipt_stands_and_the_receipt_is_kept(
    conn: Connection, called: Delivery
) -> None:
    await take_answer(conn, "police", said(called.delivery_id))
    await record(conn, taken(called), now=NOW, jitter=0.0)
    failed = Outcome(delivery=called, attempts=2, taken=False, error="late")
    await record(conn, failed, now=NOW, jitter=0.0)
    one = await _police(conn)
    assert (one["state"], one["receipt_id"]) == ("accepted", "JJ-1")


async def test_a_link_answers_for_its_own_deliveries_alone(conn: Connection, called: Delivery) -> None:
    with pytest.raises(UnknownDelivery):
        await take_answer(conn, "education", said(called.delivery_id))
    with pytest.raises(UnknownDelivery):
        await take_answer(conn, "police", said(uuid4()))
    assert (await _police(conn))["state"] == "queued"


async def test_a_receipt_that_comes_late_makes_sent_received(conn: Connection, called: Delivery) -> None:
    await record(conn, taken(called, None), now=NOW, jitter=0.0)
    assert (await _police(conn))["state"] == "sent"
    reply = msgspec.json.encode({"webhook_id": called.webhook_id, "receipt_id": "JJ-7"})
    for _ in range(2):
        await take_reply(conn, "police", reply, NOW + timedelta(seconds=9))
    one = await _police(conn)
    assert (one["state"], one["receipt_id"]) == ("received", "JJ-7")
    assert called.incident_id is not None
    assert (await timeline(conn, called.incident_id)).count("receipt") == 1


@pytest.mark.parametrize("reply", [b"{}", b"[1]", b'{"webhook_id": "msg_x", "receipt_id": "1"}'])
async def test_a_reply_that_nobody_understands_changes_nothing(
    conn: Connection, called: Delivery, reply: bytes
) -> None:
    await take_reply(conn, "police", reply, NOW)
    assert (await _police(conn))["state"] == "queued"
