"""Links, clocks and early warnings over HTTP, with the desks as the program passes them in."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

from campuswatch.roles.web_liaison import liaison
from campuswatch.settings import Settings
from dashboards.app import create_app
from domain.clock import SystemClock
from domain.delivery import Delivery, DeliveryChannel, Notice
from domain.site import Site
from storage.deliveries import cancel_notices, queue_deliveries
from storage.links import record_alive, watch_links
from storage.pool import KeptPool, Pool, connect
from storage.sites import upsert_sites
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder, web_settings
from tests.integration.dashboards.district import District, SetClock
from tests.unit.alerting.findings import SmallGazetteer

SECRET = f"whsec_{b64encode(b'a secret of tests, nothing else.').decode()}"


@pytest.fixture
async def client(database: str, pool: KeptPool) -> AsyncIterator[httpx.AsyncClient]:
    """The API of an installation with both links and one site; its clock is the machine's."""
    link = {"url": "http://127.0.0.1:1/x", "secret": SECRET}
    settings = Settings(links={"police": link, "education": link})
    clock, set_clock = SystemClock(), SetClock(datetime.now(UTC))
    conn = await connect(database, name="test")
    await upsert_sites(conn, [Site(site_id="s001", name="前黄实验学校")], actor="test", at=clock.now())
    await conn.close()
    app = create_app(
        pool=pool,
        desk=Desk(pool, set_clock),
        registrar=Registrar(pool, set_clock),
        replayer=Replayer(),
        responder=responder(pool, set_clock),
        assessor=assessor(pool, set_clock),
        settings=web_settings(database),
        clock=clock,
        version="0.1.0",
        liaison=liaison(pool, settings, SmallGazetteer(), clock),
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as opened:
        yield opened


def _signed(body: bytes) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "webhook-id": "msg_answer",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_answer", now, body.decode()),
    }


async def test_links_show_their_proof_and_take_signed_answers_alone(client: httpx.AsyncClient, pool: Pool) -> None:
    now = datetime.now(UTC)
    given = Delivery(
        delivery_id=uuid4(),
        incident_id=None,
        channel=DeliveryChannel.WEBHOOK,
        recipient="police",
        notice=Notice.RAISED,
        body={},
        created_at=now,
        next_attempt_at=now,
    )
    async with pool.connection() as conn:
        await watch_links(conn, ["police"], at=now, first_test_at=now)
        await record_alive(conn, "police", at=now)
        await queue_deliveries(conn, [given], life_safety=True)
    police, education = (await client.get("/links")).json()
    assert (police["link_id"], police["alive_since"] is not None, police["queued"]) == ("police", True, 1)
    assert (education["watched_since"], education["queued"]) == (None, 0)

    body = msgspec.json.encode(
        {"type": "delivery.answered", "data": {"webhook_id": given.webhook_id, "answer": "accepted", "by": "接警员"}}
    )
    answers = "/links/police/answers"
    taken = await client.post(answers, content=body, headers=_signed(body))
    assert (taken.status_code, taken.json()) == (200, {"taken": True, "news": True})
    assert (await client.post(answers, content=body, headers=_signed(body))).json()["news"] is False
    assert (await client.post(answers, content=body)).status_code == 401
    assert (await client.post(answers, content=body + b" ", headers=_signed(body))).status_code == 401
    assert (await client.post("/links/nobody/answers", content=body, headers=_signed(body))).status_code == 404
    assert (await client.post("/links/education/answers", content=body, headers=_signed(body))).status_code == 404
    nonsense = b'{"data": {}}'
    assert (await client.post(answers, content=nonsense, headers=_signed(nonsense))).status_code == 422


async def test_a_link_is_tested_paused_and_resumed_by_hand(client: httpx.AsyncClient, pool: Pool) -> None:
    now = datetime.now(UTC)
    assert (await client.post("/links/police/test", json={"actor": "张伟"})).status_code == 409  # nobody supervises it
    async with pool.connection() as conn:
        await watch_links(conn, ["police"], at=now, first_test_at=now + timedelta(days=1))
    assert (await client.post("/links/police/test", json={"actor": "张伟"})).status_code == 200
    async with pool.connection() as conn:
        cursor = await conn.execute("SELECT next_test_at < now() + interval '1 hour' FROM link_state")
        assert await cursor.fetchone() == (True,)
    pause = {"actor": "张伟", "hours": 2, "reason": "对端升级"}
    paused = await client.post("/links/police/pause", json=pause)
    assert (paused.status_code, paused.json()["pause_reason"]) == (200, "对端升级")
    assert (await client.post("/links/police/test", json={"actor": "张伟"})).status_code == 409
    assert (await client.post("/links/police/pause", json=pause | {"hours": 100})).status_code == 422
    assert (await client.post("/links/police/pause", json=pause | {"reason": " "})).status_code == 422
    assert (await client.post("/links/nobody/pause", json=pause)).status_code == 404
    assert (await client.post("/links/police/resume", json={"actor": "张伟"})).status_code == 200
    assert (await client.post("/links/police/resume", json={"actor": "张伟"})).status_code == 409
    audited = (await client.get("/audit?subject=police")).json()["items"]
    assert {one["action"]: one["actor"] for one in audited} == dict.fromkeys(
        ("link.test_asked", "link.paused", "link.resumed"), "张伟"
    )
    assert all(one["origin"] for one in audited)


async def test_what_was_given_up_is_sent_again_once_and_says_why(client: httpx.AsyncClient, pool: Pool) -> None:
    now = datetime.now(UTC)
    given = Delivery(
        delivery_id=uuid4(),
        incident_id=None,
        channel=DeliveryChannel.WEBHOOK,
        recipient="police",
        notice=Notice.REPORT,
        body={},
        created_at=now,
        next_attempt_at=now,
    )
    resend, said = f"/deliveries/{given.delivery_id}/resend", {"actor": "张伟", "reason": "对端已恢复"}
    assert (await client.post(resend, json=said)).status_code == 404
    async with pool.connection() as conn:
        await queue_deliveries(conn, [given], life_safety=False)
    refused = await client.post(resend, json=said)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:campuswatch:problem:illegal-transition")
    async with pool.connection() as conn:
        await conn.execute("UPDATE delivery SET state = 'failed', attempts = 3, last_error = 'no'")
    for _ in range(2):
        sent = await client.post(resend, json=said, headers={"Idempotency-Key": "k-12345678"})
        assert (sent.status_code, sent.json()["state"]) == (200, "queued")
    (line,) = (await client.get("/deliveries?which=retried")).json()["items"]
    assert (line["delivery_id"], line["attempts"]) == (str(given.delivery_id), 3)
    (audited,) = (await client.get(f"/audit?subject={given.delivery_id}")).json()["items"]
    assert (audited["action"], audited["detail"]["reason"]) == ("delivery.resent", "对端已恢复")
    assert (await client.post(resend, json=said | {"reason": ""})).status_code == 422


async def test_nobody_is_disturbed_again_for_what_somebody_has_taken(
    client: httpx.AsyncClient, district: District
) -> None:
    incident = district.incident()
    notice = district.delivery(incident, "李明", channel="apprise", state="failed")
    district.execute("UPDATE incident SET state = 'acknowledged' WHERE incident_id = %s", incident)
    refused = await client.post(f"/deliveries/{notice}/resend", json={"actor": "张伟", "reason": "再试"})
    assert (refused.status_code, "nobody is called" in refused.json()["detail"]) == (409, True)
    district.execute("UPDATE incident SET state = 'raised' WHERE incident_id = %s", incident)
    assert (
        await client.post(f"/deliveries/{notice}/resend", json={"actor": "张伟", "reason": "再试"})
    ).status_code == 200
    timeline = (await client.get(f"/incidents/{incident}")).json()["timeline"]
    assert [(entry["kind"], entry["actor"], entry["detail"]["reason"]) for entry in timeline] == [
        ("resent", "张伟", "再试")
    ]


async def test_nobody_is_disturbed_again_by_who_sends_again_in_the_moment_of_the_acknowledgement(
    client: httpx.AsyncClient, pool: Pool, district: District
) -> None:
    incident = district.incident()
    notice = district.delivery(incident, "李明", channel="apprise", state="failed")
    said = {"actor": "张伟", "reason": "再试"}
    async with pool.connection() as conn, conn.transaction():
        await conn.execute("UPDATE incident SET state = 'acknowledged' WHERE incident_id = %s", (incident,))
        await cancel_notices(conn, incident)
        resending = asyncio.create_task(client.post(f"/deliveries/{notice}/resend", json=said), name="resending")
        await asyncio.wait([resending], timeout=0.5)
    assert (await resending).status_code == 409
    assert district.execute("SELECT state FROM delivery") == [("failed",)]


async def test_a_clock_from_its_start_to_its_report(client: httpx.AsyncClient) -> None:
    began = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    started = await client.post(
        "/report-clocks", json={"actor": "甲", "site_id": "s001", "subject": "疑似食物中毒", "began_at": began}
    )
    assert started.status_code == 200, started.text
    clock = started.json()
    assert (clock["state"], clock["site_id"], clock["events"][0]["kind"]) == ("running", "s001", "started")
    way = f"/report-clocks/{clock['clock_id']}"
    assert (await client.post(f"{way}/drafts", json={"actor": "甲", "kind": "final"})).status_code == 409
    drafted = (await client.post(f"{way}/drafts", json={"actor": "甲", "kind": "first"})).json()
    (report,) = drafted["reports"]
    assert "疑似食物中毒" in report["text"]
    edited = await client.put(f"{way}/drafts/{report['report_id']}", json={"actor": "乙", "text": "初报全文"})
    assert edited.json()["reports"][0]["text"] == "初报全文"
    approved = await client.post(f"{way}/drafts/{report['report_id']}/approve", json={"actor": "丙"})
    assert (approved.json()["reports"][0]["state"], approved.json()["reports"][0]["delivery_state"]) == (
        "approved",
        "queued",
    )
    assert [one["clock_id"] for one in (await client.get("/report-clocks?state=running")).json()] == [clock["clock_id"]]
    assert (await client.post(f"{way}/waive", json={"actor": "甲", "reason": "无需上报"})).json()["state"] == "waived"
    assert (await client.get(f"/report-clocks?incident_id={uuid4()}")).json() == []
    assert (await client.get(f"/report-clocks/{uuid4()}")).status_code == 404


async def test_a_warning_is_issued_read_and_lifted(client: httpx.AsyncClient) -> None:
    wanted = {
        "actor": "甲",
        "kind": "rainstorm",
        "level": "orange",
        "title_zh": "暴雨",
        "text_zh": "停止户外活动",
        "valid_until": (datetime.now(UTC) + timedelta(hours=3)).isoformat(),
    }
    issued = await client.post("/warnings", json=wanted)
    assert issued.status_code == 200, issued.text
    warning = issued.json()
    assert (warning["tally"]["sites"], warning["receipts"][0]["read_at"]) == (1, None)
    way = f"/warnings/{warning['warning_id']}"
    read = {"actor": "李老师", "site_id": "s001"}
    assert [(await client.post(f"{way}/read", json=read)).json()["news"] for _ in range(2)] == [True, False]
    assert (await client.post(f"{way}/read", json={"actor": "x", "site_id": "s999"})).status_code == 404
    (listed,) = (await client.get("/warnings?in_force=true")).json()
    assert (listed["tally"]["read"], listed["tally"]["unread"]) == (1, 0)
    assert (await client.post(f"{way}/cancel", json={"actor": "甲", "reason": "雨停"})).json()[
        "cancel_reason"
    ] == "雨停"
    assert (await client.post(f"{way}/cancel", json={"actor": "甲", "reason": "雨停"})).status_code == 409
    assert (await client.get("/warnings?in_force=true")).json() == []
    assert (await client.post("/warnings", json={**wanted, "townships": ["无"]})).status_code == 409
    assert (await client.post("/warnings", json={**wanted, "level": "purple"})).status_code == 422
