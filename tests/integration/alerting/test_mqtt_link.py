"""A link over another agency's broker, on real brokers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

from alerting.channels import mqtt
from alerting.channels.mqtt import Broker, Envelope, MqttLink, OnReply
from domain.clock import SystemClock
from domain.delivery import Delivery, DeliveryChannel, Notice
from domain.errors import TemporaryFailure
from simulators.broker import broker_address
from simulators.mqtt_far_end import MqttFarEnd
from tests.integration.alerting.ledgers import until_true
from tests.servers import free_port

SECRET = "whsec_cG9saWNlLXBvbGljZS1wb2xpY2U="


def delivery() -> Delivery:
    now = datetime.now(UTC)
    return Delivery(
        delivery_id=uuid4(),
        incident_id=uuid4(),
        channel=DeliveryChannel.WEBHOOK,
        recipient="police",
        notice=Notice.RAISED,
        body={"type": "incident.raised", "timestamp": now.isoformat(), "data": {"text": {"zh": "一键报警"}}},
        created_at=now,
        next_attempt_at=now,
    )


@asynccontextmanager
async def link(
    url: str, topic: str, *, reply_s: float = 5.0, on_reply: OnReply | None = None
) -> AsyncIterator[MqttLink]:
    parts = urlsplit(url)
    opened = MqttLink(
        "police",
        SECRET,
        broker=Broker(
            host=parts.hostname or "", port=parts.port or 1883, username=parts.username, password=parts.password
        ),
        client_id=f"{topic.replace('/', '-')}-us",
        topic=topic,
        clock=SystemClock(),
        reply_s=reply_s,
        on_reply=on_reply,
    )
    async with opened:
        yield opened


@pytest.fixture
def topic() -> str:
    return f"links/{uuid4().hex[:12]}"


async def test_the_reply_of_the_far_end_is_the_receipt(broker: str, topic: str) -> None:
    async with MqttFarEnd(broker_address(broker), SECRET, topic=topic) as far, link(broker, topic) as police:
        one = delivery()
        receipt = await police.send(one)
        again = await police.send(one)
    assert receipt is not None
    assert receipt == again, "a second copy gets the receipt of the first"
    (taken,) = far.book.received
    assert (taken.webhook_id, taken.copies, taken.receipt_id) == (one.webhook_id, 2, receipt.receipt_id)


async def test_what_is_said_verifies_with_the_package(broker: str, topic: str) -> None:
    async with MqttFarEnd(broker_address(broker), SECRET, topic=topic) as far, link(broker, topic) as police:
        one = delivery()
        await police.send(one)
    envelope = msgspec.json.decode(far.raw[0], type=Envelope)
    assert Webhook(SECRET).verify(envelope.body, envelope.headers()) == one.body


async def test_without_a_reply_it_is_sent_and_a_late_one_is_passed_on(broker: str, topic: str) -> None:
    late: list[tuple[str, bytes]] = []

    async def hear(link_id: str, body: bytes) -> None:
        late.append((link_id, body))

    far = MqttFarEnd(broker_address(broker), SECRET, topic=topic, answers_after_s=0.5)
    async with far, link(broker, topic, reply_s=0.0, on_reply=hear) as police:
        one = delivery()
        assert await police.send(one) is None
        await until_true(lambda: bool(late))
    assert late[0][0] == "police"
    assert msgspec.json.decode(late[0][1])["webhook_id"] == one.webhook_id


async def test_a_reply_with_another_signature_is_no_receipt(broker: str, topic: str) -> None:
    far = MqttFarEnd(broker_address(broker), SECRET, topic=topic, signs_with="whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXI=")
    async with far, link(broker, topic, reply_s=1.0) as police:
        assert await police.send(delivery()) is None


async def test_a_broker_that_is_away_is_a_failure_for_now(topic: str) -> None:
    async with link(f"mqtt://127.0.0.1:{free_port()}", topic) as police:
        with pytest.raises(TemporaryFailure):
            await police.send(delivery())


async def test_fifty_at_once_are_each_acknowledged(broker: str, topic: str) -> None:
    async with MqttFarEnd(broker_address(broker), SECRET, topic=topic) as far, link(broker, topic) as police:
        receipts = await asyncio.gather(*(police.send(delivery()) for _ in range(50)))
    assert len({receipt.receipt_id for receipt in receipts if receipt is not None}) == 50
    assert len(far.book.received) == 50


async def test_a_slip_of_the_program_ends_a_connection_and_not_the_link(
    broker: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, slips = mqtt._Line.beat, iter([KeyError("a slip"), ValueError("another")])

    async def beat(line: mqtt._Line) -> None:
        if (slip := next(slips, None)) is not None:
            raise slip
        await whole(line)

    monkeypatch.setattr(mqtt._Line, "beat", beat)
    async with MqttFarEnd(broker_address(broker), SECRET, topic=topic), link(broker, topic) as police:
        await until_true(lambda: next(slips, None) is None)
        assert await _sent(police) is not None


async def _sent(police: MqttLink) -> object:
    """What `send` gives, tried again as the carrier does."""
    one = delivery()
    while True:
        try:
            return await police.send(one)
        except TemporaryFailure:
            await asyncio.sleep(0.1)


async def test_the_simulators_command_plays_the_far_end_with_a_person(mosquitto: str, topic: str) -> None:
    heard: list[bytes] = []

    async def hear(link_id: str, body: bytes) -> None:
        heard.append(body)

    options = [
        "--mqtt-url",
        mosquitto,
        "--topic",
        topic,
        "--lang",
        "en",
        "--person",
        "refuses",
        "--person-after",
        "0.2",
    ]
    playing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "campuswatch", "sim", "far-end", *options),
        env={**os.environ, "CAMPUSWATCH_SIM_SECRET": SECRET},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with link(mosquitto, topic, reply_s=0.3, on_reply=hear) as police, asyncio.timeout(60):
            one = delivery()
            while await police.send(one) is None:  # until the far end is up; a copy is known by its id
                assert playing.returncode is None
            await until_true(lambda: bool(heard), within_s=30)
        playing.send_signal(signal.SIGINT)
        said, _ = await asyncio.wait_for(playing.communicate(), 30)
    finally:
        if playing.returncode is None:
            playing.kill()
            await playing.wait()
    assert msgspec.json.decode(heard[-1])["data"]["answer"] == "refused"
    assert playing.returncode == 0, said.decode()
    assert f"police hears {topic}" in said.decode()
    assert "JJ-" in said.decode()
