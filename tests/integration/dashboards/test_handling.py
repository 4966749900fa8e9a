"""What people find out about incidents and do with them, over HTTP: refused by field, done once for its key."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from dashboards.schemas import PageReply
from dashboards.schemas.actions import VerificationReasonsReply
from dashboards.schemas.incidents import AttachmentReply, IncidentDetailReply, IncidentReply
from dashboards.schemas.windows import HeldReply, WindowReply
from domain.finding import Severity
from domain.incident import IncidentState
from domain.verification import Verification
from tests.integration.dashboards.district import NOW, District

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
TOMORROW = (NOW + timedelta(hours=20)).isoformat()


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


async def _post(client: httpx.AsyncClient, path: str, *, key: str = "", **body: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post(path, json={"actor": "张伟", **body}, headers=headers)


async def _detail(client: httpx.AsyncClient, incident: UUID) -> IncidentDetailReply:
    return IncidentDetailReply.model_validate_json((await client.get(f"/incidents/{incident}")).content)


async def _queue(client: httpx.AsyncClient, state: str = "open") -> list[UUID]:
    response = await client.get(f"/incidents?state={state}")
    assert response.status_code == 200, response.text
    return [item.incident_id for item in PageReply[IncidentReply].model_validate_json(response.content).items]


async def test_a_verification_is_shown_and_ends_nothing(client: httpx.AsyncClient, district: District) -> None:
    incident = district.incident()
    response = await _post(
        client, f"/incidents/{incident}/verify", verification="false", reason="works", workstation="席位 3"
    )
    shown = IncidentReply.model_validate_json(response.content)
    assert (shown.verification, shown.verification_reason, shown.verified_by) == (Verification.FALSE, "works", "张伟")
    assert shown.state is IncidentState.RAISED
    (entry,) = (await _detail(client, incident)).timeline
    assert (entry.kind, entry.detail["origin"]) == ("verified", "127.0.0.1 席位 3")
    audited = (await client.get(f"/audit?subject={incident}")).json()["items"]
    assert [(one["action"], one["origin"]) for one in audited] == [("incident.verified", "127.0.0.1 席位 3")]


async def test_a_reason_that_is_none_is_refused_by_field(client: httpx.AsyncClient, district: District) -> None:
    response = await _post(client, f"/incidents/{district.incident()}/verify", verification="true", reason="prank")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "reason")
    reasons = VerificationReasonsReply.model_validate_json((await client.get("/verification-reasons")).content).reasons
    assert "seen_on_site" in {one.code for one in reasons if Verification.TRUE in one.of}


async def test_the_same_request_again_under_its_key_is_done_once(client: httpx.AsyncClient, district: District) -> None:
    incident = district.incident()
    for _ in range(2):
        response = await _post(client, f"/incidents/{incident}/notes", key="k-12345678", note="民警已到场")
        assert response.status_code == 200
    assert [entry.kind for entry in (await _detail(client, incident)).timeline] == ["noted"]
    other = await _post(client, f"/incidents/{incident}/notes", key="k-12345678", note="另一件事")
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "idempotency-key")
    assert (await _post(client, f"/incidents/{incident}/notes", key="short", note="x")).status_code == 422


async def test_the_same_request_at_the_same_time_is_done_once(client: httpx.AsyncClient, district: District) -> None:
    incident = district.incident()
    path = f"/incidents/{incident}/notes"
    answers = await asyncio.gather(*(_post(client, path, key="k-12345678", note="民警已到场") for _ in range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert [entry.kind for entry in (await _detail(client, incident)).timeline] == ["noted"]


async def test_a_refused_request_does_not_use_up_its_key(client: httpx.AsyncClient, district: District) -> None:
    incident = district.incident()
    assert (await _post(client, f"/incidents/{incident}/reset", key="k-12345678")).status_code == 409
    assert (await _post(client, f"/incidents/{incident}/acknowledge")).status_code == 200
    assert (await _post(client, f"/incidents/{incident}/reset", key="k-12345678")).status_code == 200
    # Without the key it would be refused now: the incident is reset.
    assert (await _post(client, f"/incidents/{incident}/reset", key="k-12345678")).status_code == 200
    assert (await _post(client, f"/incidents/{incident}/reset")).status_code == 409


async def test_merged_incidents_leave_the_queue_and_are_acknowledged_with_their_main_one(
    client: httpx.AsyncClient, district: District
) -> None:
    main, child = district.incident(device_id="a"), district.incident(device_id="b")
    response = await _post(client, f"/incidents/{child}/merge", into=str(main))
    shown = IncidentReply.model_validate_json(response.content)
    assert (shown.merged_into, shown.aside) == (main, True)
    assert await _queue(client) == [main]
    assert len(await _queue(client, "raised")) == 2
    assert [one.incident_id for one in (await _detail(client, main)).related] == [child]
    await _post(client, f"/incidents/{main}/acknowledge")
    assert (await _detail(client, child)).state is IncidentState.ACKNOWLEDGED
    # What calls again under a main one that does not is seen.
    district.execute("UPDATE incident SET state = 'raised' WHERE incident_id = %s", child)
    assert await _queue(client) == [child, main]
    district.execute("UPDATE incident SET state = 'acknowledged' WHERE incident_id = %s", child)
    assert await _queue(client) == [main]
    # Nothing is lost with a main one that is over.
    await _post(client, f"/incidents/{main}/reset")
    assert await _queue(client) == [child]
    assert (await _post(client, f"/incidents/{child}/split")).status_code == 200
    refused = await _post(client, f"/incidents/{child}/split")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:campuswatch:problem:illegal-transition")
    assert (await _post(client, f"/incidents/{child}/merge", into=str(uuid4()))).status_code == 404


async def test_a_shelved_incident_is_in_the_queue_of_the_shelved_only(
    client: httpx.AsyncClient, district: District
) -> None:
    fault = district.incident(life_safety=False, severity=Severity.MINOR)
    response = await _post(client, f"/incidents/{fault}/shelve", until=TOMORROW, reason="等备件")
    assert IncidentReply.model_validate_json(response.content).shelved_by == "张伟"
    assert (await _queue(client), await _queue(client, "shelved")) == ([], [fault])
    assert (await _post(client, f"/incidents/{fault}/unshelve")).status_code == 200
    assert (await _queue(client), await _queue(client, "shelved")) == ([fault], [])
    fire = district.incident()
    refused = await _post(client, f"/incidents/{fire}/shelve", until=TOMORROW, reason="噪声")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:campuswatch:problem:window-refused")


async def test_a_severity_is_changed_by_hand(client: httpx.AsyncClient, district: District) -> None:
    fault = district.incident(life_safety=False, severity=Severity.MINOR)
    response = await _post(client, f"/incidents/{fault}/severity", severity="major")
    assert IncidentReply.model_validate_json(response.content).severity is Severity.MAJOR
    assert (await _post(client, f"/incidents/{district.incident()}/severity", severity="minor")).status_code == 409


async def test_a_window_is_opened_once_for_its_key_listed_and_ended(
    client: httpx.AsyncClient, district: District
) -> None:
    district.site()
    first, again = [
        WindowReply.model_validate_json(
            (await _post(client, "/windows", key="w-12345678", site_id="s001", ends_at=TOMORROW, reason="更换")).content
        )
        for _ in range(2)
    ]
    assert first == again
    assert (first.author, first.starts_at, first.scope.site_id) == ("张伟", NOW, "s001")
    listed = PageReply[WindowReply].model_validate_json((await client.get("/windows?site_id=s001")).content)
    assert listed.items == [first]
    assert (await client.get("/wall")).json()["sites"][0]["maintenance"] == 1
    district.execute(
        "INSERT INTO held_finding (window_no, key, rule, severity, life_safety, site_id, device_id, first_at, last_at,"
        " finding) VALUES (%s, 'k', 'tamper', 'major', false, 's001', 'x', now(), now(), '{}')",
        first.window_no,
    )
    held = PageReply[HeldReply].model_validate_json((await client.get("/held?state=standing")).content)
    assert [(one.window_no, one.rule) for one in held.items] == [(first.window_no, "tamper")]
    ended = await _post(client, f"/windows/{first.window_no}/end")
    assert WindowReply.model_validate_json(ended.content).ended_by == "张伟"
    assert (await _post(client, f"/windows/{first.window_no}/end")).status_code == 409
    assert (await _post(client, "/windows/4711/end")).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"rule": "smoke_alarm"}, 409),
        ({}, 409),
        ({"site_id": "s999"}, 404),
        ({"rule": "tamper", "reason": " "}, 422),
        ({"rule": "tamper", "ends_at": "2027-03-02T00:00:00Z"}, 409),
        ({"rule": "tamper", "ends_at": "tomorrow"}, 422),
    ],
)
async def test_a_window_that_may_not_be_is_refused(
    client: httpx.AsyncClient, body: dict[str, str], status: int
) -> None:
    response = await _post(client, "/windows", **({"ends_at": TOMORROW, "reason": "更换"} | body))
    assert response.status_code == status, response.text


async def test_an_attachment_goes_in_bounded_and_comes_out_as_what_it_is(
    client: httpx.AsyncClient, district: District
) -> None:
    incident = district.incident()
    where = f"/incidents/{incident}/attachments"
    response = await client.post(where, params={"actor": "张伟", "name": "现场.html"}, content=PNG)
    kept = AttachmentReply.model_validate_json(response.content)
    assert (kept.media_type, kept.name) == ("image/png", "现场.html")
    assert (await _detail(client, incident)).attachments == [kept]
    got = await client.get(f"{where}/{kept.attachment_no}")
    assert (got.content, got.headers["content-type"]) == (PNG, "image/png")
    assert got.headers["content-disposition"].startswith("attachment;")
    assert "%E7%8E%B0%E5%9C%BA.html" in got.headers["content-disposition"]
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("sandbox")
    text = await client.post(where, params={"actor": "张伟", "name": "x"}, content=b"<script>alert(1)</script>")
    assert text.json()["media_type"] == "text/plain; charset=utf-8"
    refused = await client.post(where, params={"actor": "张伟", "name": "x.png"}, content=b"MZ\x00\x01")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body")
    large = await client.post(where, params={"actor": "张伟", "name": "x.png"}, content=PNG.ljust(5 * 1024 * 1024 + 1))
    assert large.status_code == 413
    assert (await client.get(f"{where}/4711")).status_code == 404


async def test_an_incident_is_given_to_somebody_of_the_list_and_to_oneself(
    client: httpx.AsyncClient, district: District
) -> None:
    district.execute("INSERT INTO person (person_id, name, language) VALUES ('p-007', '李明', 'zh')")
    incident = district.incident()
    path = f"/incidents/{incident}/assign"
    for _ in range(2):
        response = await _post(client, path, key="k-12345678", person_id="p-007")
        shown = IncidentReply.model_validate_json(response.content)
        assert (shown.assigned_to, shown.assigned_by, shown.state) == ("李明", "张伟", IncidentState.RAISED)
    assert (await _post(client, path, person_id="p-007")).status_code == 409
    assert (await _post(client, path, person_id="p-008")).status_code == 409
    ((shift,),) = district.execute(
        "INSERT INTO duty_shift (leader, contacts, starts_at, ends_at) VALUES ('王主任', '{json://x/y}', %s, %s)"
        " RETURNING shift_no",
        NOW,
        NOW + timedelta(hours=8),
    )
    assert (await _post(client, path, person_id=f"shift-{shift}")).json()["assigned_to"] == "王主任"
    assert (await _post(client, path)).json()["assigned_to"] == "张伟"
    assert (await _post(client, f"/incidents/{incident}/unassign")).json()["assigned_to"] is None
    assert (await _post(client, f"/incidents/{incident}/unassign")).status_code == 409
    told = [(entry.kind, entry.detail.get("to")) for entry in (await _detail(client, incident)).timeline]
    assert told == [("assigned", "李明"), ("assigned", "王主任"), ("assigned", "张伟"), ("unassigned", None)]
    audited = [one["action"] for one in (await client.get(f"/audit?subject={incident}")).json()["items"]]
    assert sorted(audited) == ["incident.assigned"] * 3 + ["incident.unassigned"]
