from __future__ import annotations

import asyncio
from uuid import uuid4

import msgspec
import pytest

from alerting.channels.duty_notice import DutyNotice
from alerting.directory import Reach
from domain.delivery import Delivery, DeliveryChannel, Notice
from domain.errors import TemporaryFailure
from tests.integration.alerting.far_side import FarSide, Posted, reply
from tests.unit.alerting.findings import NOW

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # imported by Apprise

NOTICE = Delivery(
    delivery_id=uuid4(),
    incident_id=uuid4(),
    channel=DeliveryChannel.APPRISE,
    recipient="王主任",
    notice=Notice.RAISED,
    body={"shift_no": 7, "title": "【紧急】一键报警 前黄实验学校 #12", "text": "时间：2026-03-02 09:30:00"},
    created_at=NOW,
    next_attempt_at=NOW,
)


def _duty(*urls: str, timeout_s: float = 10.0, link: str = "") -> DutyNotice:
    async def look(delivery: Delivery) -> Reach:
        assert delivery.body["shift_no"] == 7
        return Reach(addresses=tuple(url.replace("http://", "json://") for url in urls), link=link)

    return DutyNotice(look, timeout_s=timeout_s)


async def test_a_leader_gets_title_and_text_as_they_stand() -> None:
    async with FarSide().listen() as phone:
        phone.answers(reply("200 OK", b""))
        assert await _duty(phone.url).send(NOTICE) is None, "a service's yes is no receipt of a person"
        (posted,) = phone.posted
    told = msgspec.json.decode(posted.body)
    assert (told["title"], told["message"]) == (NOTICE.body["title"], NOTICE.body["text"])


async def test_the_link_to_answer_by_stands_below_the_text() -> None:
    async with FarSide().listen() as phone:
        phone.answers(reply("200 OK", b""))
        await _duty(phone.url, link="https://wall.example/answer/abc").send(NOTICE)
        (posted,) = phone.posted
    text = msgspec.json.decode(posted.body)["message"]
    assert text == f"{NOTICE.body['text']}\n我来处理 / 无法处理：https://wall.example/answer/abc"


async def test_one_of_two_services_is_enough() -> None:
    async with FarSide().listen() as broken, FarSide().listen() as phone:
        broken.answers(reply("500 Internal Server Error", b""))
        phone.answers(reply("200 OK", b""))
        await _duty(broken.url, phone.url).send(NOTICE)
        assert (len(broken.posted), len(phone.posted)) == (1, 1)


async def test_no_service_at_all_is_tried_again() -> None:
    async with FarSide().listen() as broken:
        broken.answers(reply("500 Internal Server Error", b""))
        with pytest.raises(TemporaryFailure):
            await _duty(broken.url).send(NOTICE)


async def test_a_service_that_hangs_is_given_up_in_time() -> None:
    over = asyncio.Event()

    async def hang(posted: Posted, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.write(reply("200 OK", b""))

    async with FarSide().listen() as phone:
        phone.answers(hang)
        with pytest.raises(TemporaryFailure, match=r"no answer within 0\.3 s"):
            await _duty(phone.url, timeout_s=0.3).send(NOTICE)
        over.set()
