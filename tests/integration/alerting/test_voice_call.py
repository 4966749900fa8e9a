"""Voice calls to a simulated gateway, and webhooks to a person's own system."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import aiohttp
import msgspec
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from alerting.channels.people_webhook import PeopleWebhook
from alerting.channels.voice_call import VoiceCall, read_key_press
from alerting.directory import Look, Reach
from domain.clock import SystemClock
from domain.delivery import Delivery, DeliveryChannel, Notice
from domain.errors import PermanentFailure, TemporaryFailure
from simulators.voice_gateway import VoiceGateway
from tests.integration.alerting.far_side import FarSide, reply
from tests.unit.alerting.findings import NOW

SECRET = "whsec_" + base64.b64encode(b"shared with the voice gateway, 32").decode()
OTHER = "whsec_" + base64.b64encode(b"shared with nobody in this test 1").decode()


def _delivery(channel: DeliveryChannel, language: str = "zh") -> Delivery:
    return Delivery(
        delivery_id=uuid4(),
        incident_id=uuid4(),
        channel=channel,
        recipient="王主任",
        notice=Notice.RAISED,
        body={"contact_no": 1, "title": "【紧急】一键报警 #12", "text": "时间", "language": language},
        created_at=NOW,
        next_attempt_at=NOW,
    )


def _look(address: str, link: str = "") -> Look:
    async def look(delivery: Delivery) -> Reach:
        return Reach(addresses=(address,) if address else (), link=link)

    return look


@asynccontextmanager
async def _served(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_gateway_rings_once_for_two_tries_and_the_key_that_is_pressed_is_read() -> None:
    pressed: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def keys(request: web.Request) -> web.Response:
        pressed.put_nowait((dict(request.headers), await request.read()))
        return web.Response(status=204)

    answers = web.Application()
    answers.router.add_post("/keys", keys)
    async with _served(answers) as ours, aiohttp.ClientSession() as client:
        gateway = VoiceGateway(SECRET, f"{ours}/keys", after_s=0.01)
        async with _served(gateway.app()) as theirs:
            look = _look("tel:+8613800000000")
            voice = VoiceCall(look, lambda: client, url=f"{theirs}/calls", secret=SECRET, clock=SystemClock())
            delivery = _delivery(DeliveryChannel.VOICE)
            for _ in range(2):
                assert await voice.send(delivery) is None
            headers, body = await asyncio.wait_for(pressed.get(), 5)
            (call,) = gateway.calls.values()
            forged = VoiceCall(look, lambda: client, url=f"{theirs}/calls", secret=OTHER, clock=SystemClock())
            with pytest.raises(PermanentFailure):
                await forged.send(_delivery(DeliveryChannel.VOICE))
    assert (call["number"], call["keys"]) == ("+8613800000000", {"1": "take", "2": "decline"})
    assert call["say"].endswith("#12。按1，我来处理。按2，无法处理。")
    press = read_key_press(SECRET, headers, body)
    assert (press.call_id, press.key) == (delivery.webhook_id, "1")
    assert pressed.empty()


async def test_a_gateway_that_does_not_name_the_call_is_tried_again() -> None:
    async with FarSide().listen() as far, aiohttp.ClientSession() as client:
        far.answers(reply("200 OK", b'{"call_id": "another"}'))
        voice = VoiceCall(_look("tel:1"), lambda: client, url=far.url, secret=SECRET, clock=SystemClock())
        with pytest.raises(TemporaryFailure, match="another call"):
            await voice.send(_delivery(DeliveryChannel.VOICE))


@pytest.mark.parametrize("secret", ["", SECRET])
async def test_a_persons_system_gets_the_notice_signed_where_there_is_a_secret(secret: str) -> None:
    async with FarSide().listen() as far, aiohttp.ClientSession() as client:
        far.answers(reply("202 Accepted", b""))
        address = f"{far.url}#{secret}" if secret else far.url
        channel = PeopleWebhook(_look(address, "https://wall/answer/x"), lambda: client, clock=SystemClock())
        delivery = _delivery(DeliveryChannel.PEOPLE_WEBHOOK)
        assert await channel.send(delivery) is None
        (posted,) = far.posted
    told = msgspec.json.decode(posted.body)["data"]
    assert (told["person"], told["answer_url"]) == ("王主任", "https://wall/answer/x")
    assert posted.headers["webhook-id"] == delivery.webhook_id
    assert ("webhook-signature" in posted.headers) is bool(secret)
    if secret:
        Webhook(secret).verify(posted.body.decode(), posted.headers)


@pytest.mark.parametrize(
    ("answer", "error"), [("403 Forbidden", PermanentFailure), ("500 Internal Server Error", TemporaryFailure)]
)
async def test_a_persons_system_that_refuses_or_fails(answer: str, error: type[Exception]) -> None:
    async with FarSide().listen() as far, aiohttp.ClientSession() as client:
        far.answers(reply(answer, b""))
        channel = PeopleWebhook(_look(far.url), lambda: client, clock=SystemClock())
        with pytest.raises(error):
            await channel.send(_delivery(DeliveryChannel.PEOPLE_WEBHOOK))


async def test_whoever_has_no_address_any_more_is_given_up() -> None:
    async with aiohttp.ClientSession() as client:
        channel = PeopleWebhook(_look(""), lambda: client, clock=SystemClock())
        with pytest.raises(PermanentFailure):
            await channel.send(_delivery(DeliveryChannel.PEOPLE_WEBHOOK))
