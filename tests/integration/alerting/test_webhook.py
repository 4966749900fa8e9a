from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import msgspec
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from alerting.channels.webhook import HttpPost, WebhookLink
from alerting.courier import Courier
from alerting.desk import Desk
from domain.delivery import Delivery
from domain.errors import PermanentFailure, TemporaryFailure
from tests.integration.alerting.far_side import FarSide, Posted, receipt, reply
from tests.servers import free_port
from tests.unit.alerting.findings import NOW, SetClock, press

SECRET = "whsec_" + base64.b64encode(b"a secret of both sides, 32 bytes").decode()


@pytest.fixture
async def far_side() -> AsyncIterator[FarSide]:
    async with FarSide().listen() as listening:
        yield listening


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(connect=0.3, sock_read=0.3), trust_env=False
    ) as opened:
        yield opened


@pytest.fixture
def link(far_side: FarSide, client: aiohttp.ClientSession) -> WebhookLink:
    return WebhookLink("police", SECRET, post=HttpPost(client, far_side.url), clock=SetClock(datetime.now(UTC)))


@pytest.fixture
def delivery(desk: Desk) -> Delivery:
    return desk.link_deliveries(press(), now=NOW)[0]


async def test_a_receipt_for_this_delivery_proves_its_arrival(
    far_side: FarSide, link: WebhookLink, delivery: Delivery
) -> None:
    received = await link.send(delivery)
    assert received.receipt_id == "JJ-0001"
    (posted,) = far_side.posted
    assert posted.webhook_id == f"msg_{delivery.delivery_id.hex}"
    assert msgspec.json.decode(posted.body) == delivery.body
    assert posted.headers["content-type"] == "application/json"


async def test_the_signature_verifies_and_covers_body_id_and_time(
    far_side: FarSide, link: WebhookLink, delivery: Delivery
) -> None:
    await link.send(delivery)
    (posted,) = far_side.posted
    other_side = Webhook(SECRET)
    assert other_side.verify(posted.body, posted.headers)["data"]["text"]["zh"].startswith("【紧急】一键报警")
    forged = [
        (posted.body.replace(b"false", b"true"), posted.headers),
        (posted.body, {**posted.headers, "webhook-id": "msg_other"}),
        (posted.body, {**posted.headers, "webhook-timestamp": str(int(posted.headers["webhook-timestamp"]) + 1)}),
    ]
    for body, headers in forged:
        with pytest.raises(WebhookVerificationError):
            other_side.verify(body, headers)


async def test_every_try_goes_out_under_the_same_id(far_side: FarSide, link: WebhookLink, delivery: Delivery) -> None:
    await link.send(delivery)
    await link.send(msgspec.structs.replace(delivery, attempts=7))
    assert len({posted.webhook_id for posted in far_side.posted}) == 1


@pytest.mark.parametrize("odd", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "2001-01-01T00:00:00Z"])
async def test_a_receipt_with_an_impossible_time_counts_from_now_and_keeps_what_was_said(
    far_side: FarSide, link: WebhookLink, delivery: Delivery, odd: str
) -> None:
    far_side.answers(reply("200 OK", receipt(f"msg_{delivery.delivery_id.hex}", received_at=odd, receipt_id="J\0J")))
    received = await link.send(delivery)
    assert abs((received.received_at - datetime.now(UTC)).total_seconds()) < 3600
    assert received.detail["received_at"]
    assert "\0" not in received.receipt_id


async def test_a_receipt_without_a_time_counts_from_now(
    far_side: FarSide, link: WebhookLink, delivery: Delivery
) -> None:
    far_side.answers(reply("202 Accepted", receipt(f"msg_{delivery.delivery_id.hex}", received_at=None)))
    received = await link.send(delivery)
    assert received.received_at.tzinfo is not None
    assert received.detail == {"status": 202}


OTHERS = receipt("msg_00000000000000000000000000000000")
DEEP = b'{"webhook_id":' + b"[" * 20_000 + b"]" * 20_000 + b"}"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (reply("200 OK", OTHERS), "another delivery"),
        (reply("200 OK", b"<html>welcome</html>"), "without a receipt"),
        (reply("200 OK", b""), "without a receipt"),
        (reply("204 No Content", b""), "without a receipt"),
        (reply("200 OK", b"[]"), "without a receipt"),
        (reply("200 OK", b'{"webhook_id":"msg_1"}'), "without a receipt"),
        (reply("200 OK", b'{"webhook_id":7,"receipt_id":8}'), "without a receipt"),
        (reply("200 OK", b"\xff\xfe"), "without a receipt"),
        (reply("302 Found", b"", "location: http://127.0.0.1:1/elsewhere"), "302"),
        (reply("408 Request Timeout", b""), "408"),
        (reply("425 Too Early", b""), "425"),
        (reply("429 Too Many Requests", b""), "429"),
        (reply("500 Internal Server Error", b"oops"), "500"),
        (reply("503 Service Unavailable", OTHERS), "503"),
        (reply("200 OK", b"x" * 200_000), "longer than"),
        (reply("200 OK", gzip.compress(b" " * 9_000_000), "content-encoding: gzip"), "longer than"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhalf of it", "not reached"),
        (b"", "not reached"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not reached"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value.replace(" ", "-"),
)
async def test_what_is_no_receipt_is_tried_again(
    far_side: FarSide, link: WebhookLink, delivery: Delivery, answer: bytes, says: str
) -> None:
    far_side.answers(answer)
    with pytest.raises(TemporaryFailure, match=says):
        await link.send(delivery)


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "404 Not Found", "410 Gone", "422 No"])
async def test_a_refusal_is_final_and_says_why(
    far_side: FarSide, link: WebhookLink, delivery: Delivery, status: str
) -> None:
    far_side.answers(reply(status, "签名不对".encode()))
    with pytest.raises(PermanentFailure, match=f"^refused with HTTP {status[:3]}: 签名不对$"):
        await link.send(delivery)


async def test_a_link_that_hangs_is_given_up_in_time(far_side: FarSide, link: WebhookLink, delivery: Delivery) -> None:
    async def hang(posted: Posted, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    far_side.answers(hang)
    with pytest.raises(TemporaryFailure, match="no answer in time"):
        await asyncio.wait_for(link.send(delivery), 2)
    assert len(far_side.posted) == 1  # nothing was closed: whoever hangs is not asked twice in one try


async def test_a_link_that_drips_its_answer_is_given_up_by_the_courier(
    far_side: FarSide, link: WebhookLink, delivery: Delivery
) -> None:
    async def drip(posted: Posted, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    far_side.answers(drip)
    outcome = await asyncio.wait_for(Courier({"police": link}, timeout_s=0.5).carry(delivery), 3)
    assert (outcome.taken, outcome.permanent, outcome.error) == (False, False, "no answer within 0.5 s")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/?key=hush",
        "http://nowhere.invalid/?key=hush",
        "http://[bad?key=hush",
        "http://x:99999/?key=hush",
        "ftp://hush@x/?key=hush",
        "htp//x?key=hush",
    ],
)
async def test_an_address_where_nobody_answers_is_a_temporary_failure_of_the_courier(
    client: aiohttp.ClientSession, delivery: Delivery, url: str
) -> None:
    link = WebhookLink("police", SECRET, post=HttpPost(client, url.format(port=free_port())), clock=SetClock())
    outcome = await Courier({"police": link}).carry(delivery)
    assert (outcome.taken, outcome.permanent, outcome.attempts) == (False, False, 1)
    assert outcome.error
    assert "hush" not in outcome.error


async def test_no_error_names_the_address_for_it_may_hold_a_secret(
    far_side: FarSide, client: aiohttp.ClientSession, delivery: Delivery
) -> None:
    far_side.answers(b"BABBLE\r\n\r\n")
    link = WebhookLink("police", SECRET, post=HttpPost(client, f"{far_side.url}?key=hush"), clock=SetClock())
    outcome = await Courier({"police": link}).carry(delivery)
    assert (outcome.taken, outcome.permanent) == (False, False)
    assert outcome.error == "not reached: no answer over HTTP (ClientResponseError)"


async def test_the_courier_survives_an_answer_that_no_parser_likes(
    far_side: FarSide, link: WebhookLink, delivery: Delivery
) -> None:
    far_side.answers(reply("200 OK", DEEP))
    outcome = await Courier({"police": link}).carry(delivery)
    assert (outcome.taken, outcome.permanent) == (False, False)
