from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from simulators.alarm_lines import Language
from simulators.errors import SimulatorError
from simulators.receipts import KEPT, ReceiptBook
from simulators.receivers import Receivers, listen, serving

POLICE_SECRET = "whsec_cG9saWNlLXBvbGljZS1wb2xpY2U="
EDUCATION_SECRET = "whsec_ZWR1Y2F0aW9uLWVkdWNhdGlvbg=="
NOW = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
ALARM = {
    "type": "incident.raised",
    "timestamp": "2026-11-22T01:29:59+00:00",
    "data": {
        "incident_id": "i1",
        "rule": "panic",
        "test": False,
        "drill": True,
        "site": {"site_id": "s001", "name": "明德小学", "name_en": "Mingde Primary School", "address": "学府路1号"},
        "device": {"device_id": "s001-btn-01", "name": "一键报警", "place": "门卫室"},
        "text": {"zh": "一键报警", "en": "One-key alarm"},
    },
}


class StandingClock:
    def now(self) -> datetime:
        return NOW


class FarEnds:
    """The receivers with a client in front of them and the lines that they printed."""

    def __init__(self, client: httpx.AsyncClient, lines: list[str]) -> None:
        self.client = client
        self.lines = lines

    async def deliver(
        self,
        link: str = "police",
        *,
        webhook_id: str = "msg_1",
        secret: str = POLICE_SECRET,
        sent: str | None = None,
        at: datetime | None = None,
        **headers: str,
    ) -> httpx.Response:
        body = json.dumps(ALARM, ensure_ascii=False)
        moment = at or NOW
        signed = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign(webhook_id, moment, body),
        }
        content = (sent if sent is not None else body).encode()
        return await self.client.post(
            f"/{link}", content=content, headers=signed | {name.replace("_", "-"): v for name, v in headers.items()}
        )

    async def behave(self, link: str, mode: str, seconds: float = 0.0) -> None:
        answer = await self.client.post("/behaviour", json={"link": link, "mode": mode, "seconds": seconds})
        assert answer.status_code == 200

    async def received(self, link: str) -> list[dict[str, Any]]:
        taken: list[dict[str, Any]] = (await self.client.get("/received")).json()[link]
        return taken


@pytest.fixture
async def far_ends() -> AsyncIterator[FarEnds]:
    lines: list[str] = []
    receivers = Receivers(
        police_secret=POLICE_SECRET, education_secret=EDUCATION_SECRET, clock=StandingClock(), say=lines.append
    )
    async with _reached(receivers) as client:
        yield FarEnds(client, lines)


@asynccontextmanager
async def _reached(receivers: Receivers) -> AsyncIterator[httpx.AsyncClient]:
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    async with (
        serving(receivers.application(), listening),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        yield client


async def test_a_signed_alarm_is_answered_with_a_receipt(far_ends: FarEnds) -> None:
    answer = await far_ends.deliver()
    assert answer.status_code == 200
    assert answer.json() == {
        "webhook_id": "msg_1",
        "receipt_id": "JJ-20261122-0001",
        "received_at": "2026-11-22T01:30:00+00:00",
    }
    (taken,) = await far_ends.received("police")
    assert taken["data"] == ALARM["data"]
    assert taken["type"] == "incident.raised"
    assert await far_ends.received("education") == []


async def test_a_copy_gets_the_same_receipt_and_is_not_a_second_alarm(far_ends: FarEnds) -> None:
    first, second, other = [await far_ends.deliver(webhook_id=name) for name in ("msg_1", "msg_1", "msg_2")]
    assert second.json() == first.json()
    assert other.json()["receipt_id"] == "JJ-20261122-0002"
    taken = await far_ends.received("police")
    assert [(entry["webhook_id"], entry["copies"]) for entry in taken] == [("msg_1", 2), ("msg_2", 1)]


async def test_each_link_has_its_own_secret_and_numbers(far_ends: FarEnds) -> None:
    assert (await far_ends.deliver("education")).status_code == 401
    answer = await far_ends.deliver("education", secret=EDUCATION_SECRET)
    assert answer.json()["receipt_id"] == "JY-20261122-0001"


@pytest.mark.parametrize(
    "tampered",
    [
        {"sent": json.dumps({**ALARM, "type": "incident.reset"})},
        {"sent": "\x00"},
        {"webhook_signature": "v1,AAAA"},
        {"webhook_signature": "nonsense"},
        {"webhook_signature": ""},
        {"webhook_id": "msg_other", "webhook_signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
        {"webhook_timestamp": "yesterday"},
        {"at": NOW - timedelta(minutes=6)},
        {"at": NOW + timedelta(minutes=6)},
        {"webhook_timestamp": "9" * 30},
    ],
)
async def test_a_bad_signature_is_refused_and_nothing_is_taken(far_ends: FarEnds, tampered: dict[str, Any]) -> None:
    assert (await far_ends.deliver(**tampered)).status_code == 401
    assert await far_ends.received("police") == []
    assert far_ends.lines == []


async def test_a_body_that_is_not_utf8_is_refused(far_ends: FarEnds) -> None:
    headers = {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
    answer = await far_ends.client.post("/police", content=b"\xff\xfe", headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize(("mode", "status"), [("refuse", 403), ("error500", 500), ("hang", 503)])
async def test_a_link_that_refuses_takes_nothing_until_it_behaves_again(
    far_ends: FarEnds, mode: str, status: int
) -> None:
    await far_ends.behave("police", mode)
    assert (await far_ends.deliver()).status_code == status
    assert await far_ends.received("police") == []
    await far_ends.behave("police", "ok")
    assert (await far_ends.deliver()).status_code == 200


async def test_one_link_misbehaves_alone(far_ends: FarEnds) -> None:
    await far_ends.behave("police", "error500")
    assert (await far_ends.deliver("education", secret=EDUCATION_SECRET)).status_code == 200


async def test_a_slow_link_still_answers_its_receipt(far_ends: FarEnds) -> None:
    await far_ends.behave("police", "slow", seconds=0.01)
    assert (await far_ends.deliver()).json()["webhook_id"] == "msg_1"


async def test_a_wrong_receipt_names_another_alarm_and_the_right_one_comes_on_the_next_try(far_ends: FarEnds) -> None:
    await far_ends.behave("police", "wrong_receipt")
    wrong = await far_ends.deliver()
    assert wrong.status_code == 200
    assert wrong.json()["webhook_id"] != "msg_1"
    await far_ends.behave("police", "ok")
    right = await far_ends.deliver()
    assert right.json()["webhook_id"] == "msg_1"
    assert right.json()["receipt_id"] == wrong.json()["receipt_id"]


async def test_a_lost_answer_breaks_off_and_the_alarm_was_taken(far_ends: FarEnds) -> None:
    await far_ends.behave("police", "lose")
    with pytest.raises(httpx.RemoteProtocolError):
        await far_ends.deliver()
    assert len(await far_ends.received("police")) == 1


async def test_what_is_too_large_is_refused_in_words(far_ends: FarEnds) -> None:
    answer = await far_ends.client.post("/police", content=b"x" * 1_000_001)
    assert answer.status_code == 413
    assert "too large" in answer.json()["detail"].lower()


async def test_behaviour_is_shown_with_its_counters_and_nonsense_is_refused(far_ends: FarEnds) -> None:
    await far_ends.behave("phone", "slow", seconds=2)
    await far_ends.deliver(webhook_signature="v1,AAAA")
    shown = (await far_ends.client.get("/behaviour")).json()
    assert shown["phone"]["mode"] == "slow"
    assert shown["police"] == {
        "mode": "ok",
        "seconds": 5.0,
        "attempts": 1,
        "bad_signatures": 1,
        "person": "silent",
        "heartbeats": 0,
        "tests": 0,
    }
    answer = await far_ends.client.post("/behaviour", json={"link": "police", "mode": "explode"})
    assert answer.status_code == 422


async def test_the_phone_keeps_what_apprise_sends(far_ends: FarEnds) -> None:
    notice = {"version": "1.0", "title": "一键报警", "message": "明德小学 门卫室", "attachments": [], "type": "failure"}
    assert (await far_ends.client.post("/phone", json=notice)).status_code == 200
    (taken,) = await far_ends.received("phone")
    assert taken["message"] == "明德小学 门卫室"
    assert far_ends.lines == ["09:30:00 | 带班领导手机 | 一键报警 | 明德小学 门卫室"]
    assert (await far_ends.client.post("/phone", content=b"{")).status_code == 400


async def test_a_line_says_who_what_where_and_that_it_is_a_drill(far_ends: FarEnds) -> None:
    await far_ends.deliver()
    await far_ends.deliver()
    expected = "09:30:00 | 公安接警 | JJ-20261122-0001 | 【演练】报警 | 一键报警 | 明德小学 门卫室 一键报警 | 学府路1号"
    assert far_ends.lines == [expected, expected + "（重复投递）"]


async def test_lines_can_be_english() -> None:
    lines: list[str] = []
    receivers = Receivers(
        police_secret=POLICE_SECRET,
        education_secret=EDUCATION_SECRET,
        clock=StandingClock(),
        language=Language.EN,
        say=lines.append,
    )
    async with _reached(receivers) as client:
        await FarEnds(client, lines).deliver()
    (line,) = lines
    assert "POLICE | JJ-20261122-0001 | [DRILL] raised | One-key alarm | Mingde Primary School" in line


async def test_a_senders_line_breaks_do_not_forge_lines(far_ends: FarEnds) -> None:
    await far_ends.client.post("/phone", json={"title": "a\n09:00:00 | 公安接警", "message": "\x1b[2J"})
    (line,) = far_ends.lines
    assert "\n" not in line
    assert "\x1b" not in line


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_a"])
def test_a_useless_secret_is_refused(secret: str) -> None:
    with pytest.raises(SimulatorError, match="whsec_"):
        Receivers(police_secret=secret, education_secret=EDUCATION_SECRET)


def test_numbers_begin_anew_each_day_of_china() -> None:
    book = ReceiptBook("JJ")
    late = datetime(2026, 11, 22, 15, 59, tzinfo=UTC)
    numbers = [book.take(f"m{n}", {}, late + timedelta(minutes=n))[0].receipt_id for n in range(3)]
    assert numbers == ["JJ-20261122-0001", "JJ-20261123-0001", "JJ-20261123-0002"]


def test_a_book_is_bounded_and_still_knows_what_it_no_longer_shows() -> None:
    book = ReceiptBook("JJ")
    for number in range(KEPT + 5):
        book.take(f"m{number}", {}, NOW)
    assert len(book.received) == KEPT
    receipt, new = book.take("m0", {}, NOW)
    assert not new
    assert receipt.receipt_id == "JJ-20261122-0001"
