"""People answer: by the link of a message, by the gateway's keys, on the page; the roster is seen and changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

from alerting.desk import Desk
from alerting.notice_link import make_token
from domain.delivery import DeliveryChannel
from domain.duty import DutyRole
from domain.response import USUAL
from storage.duty import put_contacts, put_person, put_shift
from storage.pool import KeptPool
from storage.responses import signing_key
from tests.integration.alerting.ledgers import deliveries, escalate
from tests.integration.dashboards.desks import VOICE_SECRET
from tests.integration.dashboards.district import NOW, District, SetClock
from tests.unit.alerting.findings import finding


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


class Called:
    """One incident, of which 王主任 was told by telephone and by voice."""

    def __init__(self, incident_id: UUID, token: str, call_id: str) -> None:
        self.incident_id = incident_id
        self.token = token
        self.call_id = call_id


@pytest.fixture
async def called(pool: KeptPool, district: District, clock: SetClock) -> Called:
    from zoneinfo import ZoneInfo

    from tests.unit.alerting.findings import SmallGazetteer

    desk = Desk(gazetteer=SmallGazetteer(), link_ids=("police",), zone=ZoneInfo("Asia/Shanghai"))
    async with pool.connection() as conn:
        number = await put_person(conn, "w1", "王主任")
        ways = [(DeliveryChannel.APPRISE, "json://geheim/1"), (DeliveryChannel.VOICE, "tel:+8613800000000")]
        await put_contacts(conn, number, ways)
        until = NOW + timedelta(days=2)
        await put_shift(conn, number, site_id="", role=DutyRole.LEADER, starts_at=NOW, ends_at=until)
        async with conn.transaction():
            case = await desk.take(conn, finding("intrusion_alarm", at=NOW), now=NOW)
        await escalate(conn, desk, at=NOW)
        told = {d["channel"]: d["delivery_id"] for d in await deliveries(conn)}
        token = make_token(await signing_key(conn), told["apprise"], until=NOW + timedelta(hours=1))
    return Called(case.incident_id, token, f"msg_{told['voice'].hex}")


async def _state(client: httpx.AsyncClient, called: Called) -> dict[str, Any]:
    response = await client.get(f"/incidents/{called.incident_id}/response")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def _page(client: httpx.AsyncClient, path: str) -> str:
    return str(client.base_url.copy_with(path=path))


async def test_looking_at_a_link_changes_nothing_and_its_button_takes_the_incident_once(
    client: httpx.AsyncClient, called: Called
) -> None:
    page = _page(client, f"/answer/{called.token}")
    for _ in range(3):
        shown = await client.get(page)
        assert shown.status_code == 200
        assert "我来处理" in shown.text
        assert "王主任" in shown.text
    # Without it browsers would send «Origin: null» with the form, and the door is shut to that.
    assert shown.headers["referrer-policy"] == "same-origin"
    assert "<script" not in shown.text
    assert (await _state(client, called))["state"] == "running"
    taken = await client.post(f"{page}/take", headers={"origin": "http://localhost"})
    assert taken.status_code == 200
    assert "由您处理" in taken.text
    state = await _state(client, called)
    assert (state["state"], state["taken_by"], state["grade"]) == ("taken", "王主任", 3)
    again = await client.post(f"{page}/decline")
    assert again.status_code == 410
    assert "used already" in again.text
    assert "已使用过" in (await client.get(page)).text


async def test_a_link_of_another_key_another_day_or_no_link_at_all_is_refused(
    client: httpx.AsyncClient, called: Called, clock: SetClock
) -> None:
    flipped = ("B" if called.token[0] == "A" else "A") + called.token[1:]
    assert (await client.get(_page(client, f"/answer/{flipped}"))).status_code == 410
    assert (await client.post(_page(client, f"/answer/{flipped}/take"))).status_code == 410
    assert (await client.get(_page(client, "/answer/short"))).status_code == 422
    clock.at = NOW + timedelta(hours=2)
    assert (await client.get(_page(client, f"/answer/{called.token}"))).status_code == 410
    assert (await _state(client, called))["state"] == "running"


async def test_a_page_of_another_origin_cannot_press_the_button(client: httpx.AsyncClient, called: Called) -> None:
    page = _page(client, f"/answer/{called.token}/take")
    assert (await client.post(page, headers={"origin": "https://evil.example"})).status_code == 403
    assert (await _state(client, called))["state"] == "running"


async def test_i_cant_brings_the_next_step_at_once(client: httpx.AsyncClient, called: Called, clock: SetClock) -> None:
    clock.at = NOW + timedelta(seconds=7)
    response = await client.post(_page(client, f"/answer/{called.token}/decline"))
    assert "无法处理" in response.text
    state = await _state(client, called)
    assert (state["state"], state["next_at"]) == ("running", "2026-03-02T01:30:07Z")


async def test_whoever_comes_after_somebody_has_taken_it_is_told_so(client: httpx.AsyncClient, called: Called) -> None:
    taken = await client.post(f"/incidents/{called.incident_id}/take", json={"actor": "值班员"})
    assert taken.json()["taken_by"] == "值班员"
    late = await client.post(_page(client, f"/answer/{called.token}/take"))
    assert late.status_code == 409
    assert "已有人处理" in late.text


def _signed(body: bytes, secret: str = VOICE_SECRET) -> dict[str, str]:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", now, body.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


async def test_a_key_pressed_in_a_call_takes_the_incident_and_a_forged_one_does_not(
    client: httpx.AsyncClient, called: Called
) -> None:
    body = msgspec.json.encode({"call_id": called.call_id, "key": "1"})
    forged = _signed(body, "whsec_" + "QUFB" * 8)
    assert (await client.post("/voice/keys", content=body, headers=forged)).status_code == 410
    wrong = msgspec.json.encode({"call_id": called.call_id, "key": "9"})
    assert (await client.post("/voice/keys", content=wrong, headers=_signed(wrong))).status_code == 410
    assert (await _state(client, called))["state"] == "running"
    assert (await client.post("/voice/keys", content=body, headers=_signed(body))).status_code == 204
    assert (await _state(client, called))["taken_by"] == "王主任"
    assert (await client.post("/voice/keys", content=body, headers=_signed(body))).status_code == 410


async def test_the_check_list_and_the_grade_by_hand(client: httpx.AsyncClient, called: Called) -> None:
    path = f"/incidents/{called.incident_id}"
    done = await client.post(f"{path}/checklist", json={"actor": "张伟", "item": "verify", "note": "视频核实"})
    assert [(one["item"], one["done"] and one["done"]["actor"]) for one in done.json()["checklist"]] == [
        *(("verify", "张伟"), ("call-site", None), ("repair", None)),
    ]
    assert (await client.post(f"{path}/checklist", json={"actor": "张伟", "item": "verify"})).status_code == 409
    assert (await client.post(f"{path}/checklist", json={"actor": "张伟", "item": "nothing"})).status_code == 409
    upgraded = await client.post(f"{path}/grade", json={"actor": "科长", "grade": 1, "note": "持刀"})
    assert upgraded.json()["grade"] == 1
    assert (await client.post(f"{path}/grade", json={"actor": "科长", "grade": 5})).status_code == 422


async def test_people_are_shown_without_their_addresses(client: httpx.AsyncClient, called: Called) -> None:
    shown = await client.get("/duty/people")
    assert [(one["name"], len(one["contacts"])) for one in shown.json()["items"]] == [("王主任", 2)]
    for path in ("/duty/people", "/duty/who", "/duty/shifts", "/duty/audit"):
        text = (await client.get(path)).text
        assert "geheim" not in text
        assert "13800000000" not in text


async def test_a_stand_in_a_swap_and_a_hand_over_change_who_is_on_duty(
    client: httpx.AsyncClient, called: Called, pool: KeptPool, clock: SetClock
) -> None:
    async with pool.connection() as conn:
        other = await put_person(conn, "l2", "李主任")
        begin, end = NOW + timedelta(days=3), NOW + timedelta(days=4)
        await put_shift(conn, other, site_id="", role=DutyRole.LEADER, starts_at=begin, ends_at=end)

    async def who(at: str = "") -> list[str]:
        found = (await client.get("/duty/who", params={"at": at} if at else {})).json()["items"]
        return [one["name"] for one in found]

    assert await who() == ["王主任"]
    body = {
        "actor": "科长",
        "person_id": "l2",
        "instead_of": "w1",
        "starts_at": NOW.isoformat(),
        "ends_at": (NOW + timedelta(hours=1)).isoformat(),
    }
    assert (await client.post("/duty/overrides", json=body)).status_code == 200
    assert await who() == ["李主任"]
    clock.at = NOW + timedelta(hours=2)
    assert await who() == ["王主任"]
    over = {"actor": "王主任", "from_id": "w1", "to_id": "l2", "note": "早退"}
    handed = await client.post("/duty/handovers", json=over)
    assert handed.json() == {"stands_in_until": "2026-03-04T01:30:00Z"}
    assert await who() == ["李主任"]
    refused = await client.post("/duty/handovers", json=over)
    assert (refused.status_code, "not on duty" in refused.text) == (409, True)
    numbers = [one["shift_no"] for one in (await client.get("/duty/shifts")).json()["items"]]
    assert len(numbers) == 2
    swap = {"actor": "科长", "shift_no": numbers[0], "other_no": numbers[1]}
    assert (await client.post("/duty/swaps", json=swap)).status_code == 200
    assert await who((NOW + timedelta(days=3, hours=1)).isoformat()) == ["王主任"]
    assert (await client.post("/duty/swaps", json={**swap, "other_no": 999})).status_code == 409
    actions = [one["action"] for one in (await client.get("/audit")).json()["items"]]
    assert actions[:3] == ["duty.swapped", "duty.handed_over", "duty.overridden"]


async def test_a_test_message_is_kept_with_its_contact_and_the_audit_names_what_failed(
    client: httpx.AsyncClient, called: Called
) -> None:
    (person,) = (await client.get("/duty/people")).json()["items"]
    results = {}
    for contact in person["contacts"]:
        answer = await client.post(f"/duty/contacts/{contact['contact_no']}/test", json={"actor": "张伟"})
        results[contact["channel"]] = answer.json()
    assert results["apprise"] == {"ok": True, "error": ""}
    assert results["voice"]["ok"] is False
    (person,) = (await client.get("/duty/people")).json()["items"]
    assert {one["channel"]: one["test_ok"] for one in person["contacts"]} == {"apprise": True, "voice": False}
    faults = (await client.get("/duty/audit")).json()["items"]
    assert [fault["kind"] for fault in faults] == ["gap", "test_failed"]
    assert "无带班领导" in faults[0]["zh"]
    assert (await client.post("/duty/contacts/999/test", json={"actor": "张伟"})).status_code == 409


async def test_a_plan_has_versions_and_a_wrong_one_is_refused(client: httpx.AsyncClient) -> None:
    usual = (await client.get("/response/plan")).json()
    assert (usual["version"], len(usual["plan"]["grades"])) == (0, len(USUAL.grades))
    made = await client.post("/response/plan", json={"actor": "科长", "plan": usual["plan"], "note": "照旧"})
    assert made.json() == {"version": 1}
    now = (await client.get("/response/plan")).json()
    assert (now["version"], now["made_by"], now["plan"]) == (1, "科长", usual["plan"])
    usual["plan"]["grades"]["1"]["steps"][1]["after_s"] = 3
    refused = await client.post("/response/plan", json={"actor": "科长", "plan": usual["plan"]})
    assert (refused.status_code, "at least 10 s" in refused.text) == (409, True)


async def test_templates_can_be_looked_at_in_both_languages(client: httpx.AsyncClient) -> None:
    for language, word in (("zh", "无人应答，再次通知（第2次）"), ("en", "Nobody has answered (call 2)")):
        shown = (await client.get("/response/templates", params={"lang": language})).json()
        assert word in shown["again"]["title"]
        assert "{" not in str([list(one.values()) for one in shown.values()])


@pytest.mark.parametrize(
    ("route", "body", "kind"),
    [("take", {}, "acknowledged"), ("decline", {}, "declined"), ("grade", {"grade": 1}, "regraded")],
)
async def test_the_same_answer_again_under_its_key_is_given_once_and_from_where_stands_in_the_timeline(
    client: httpx.AsyncClient, called: Called, route: str, body: dict[str, Any], kind: str
) -> None:
    whole = {"actor": "值班员", "workstation": "席位3", **body}
    url, key = f"/incidents/{called.incident_id}/{route}", {"idempotency-key": f"key-of-{route}"}
    first, again = [await client.post(url, json=whole, headers=key) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200), again.text
    (entry,) = [
        entry
        for entry in (await client.get(f"/incidents/{called.incident_id}")).json()["timeline"]
        if entry["kind"] == kind
    ]
    assert "席位3" in entry["detail"]["origin"]
