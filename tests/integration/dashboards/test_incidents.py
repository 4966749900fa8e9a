from __future__ import annotations

from uuid import UUID, uuid4

import httpx
import pytest

from dashboards.schemas import PageReply
from dashboards.schemas.incidents import IncidentDetailReply, IncidentReply
from domain.finding import Severity
from domain.incident import IncidentState
from tests.integration.dashboards.district import NOW, District, ago


async def _queue(client: httpx.AsyncClient, **query: object) -> PageReply[IncidentReply]:
    response = await client.get("/incidents", params={k: str(v) for k, v in query.items()})
    assert response.status_code == 200, response.text
    return PageReply[IncidentReply].model_validate_json(response.content)


async def _all_pages(client: httpx.AsyncClient, **query: object) -> list[UUID]:
    seen: list[UUID] = []
    page = await _queue(client, **query)
    seen += [incident.incident_id for incident in page.items]
    while page.next_cursor is not None:
        page = await _queue(client, cursor=page.next_cursor, **query)
        seen += [incident.incident_id for incident in page.items]
    return seen


async def test_the_queue_is_unacknowledged_then_worst_then_newest(
    client: httpx.AsyncClient, district: District
) -> None:
    answered = district.incident(state=IncidentState.ACKNOWLEDGED)
    normal = district.incident(state=IncidentState.NORMAL, severity=Severity.ADVICE)
    minor = district.incident(severity=Severity.MINOR)
    older = district.incident(severity=Severity.MAJOR, raised_at=ago(minutes=2))
    newer = district.incident(severity=Severity.MAJOR, raised_at=ago(minutes=1))
    returned = district.incident(state=IncidentState.RETURNED, severity=Severity.CRITICAL, raised_at=ago(hours=9))
    district.incident(state=IncidentState.CLOSED)
    district.incident(state=IncidentState.RESET)
    assert await _all_pages(client, limit=500) == [returned, newer, older, minor, answered, normal]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_over_ties_show_each_incident_once(
    client: httpx.AsyncClient, district: District, limit: int
) -> None:
    tied = [district.incident(raised_at=NOW) for _ in range(7)]
    answered = [district.incident(raised_at=NOW, state=IncidentState.ACKNOWLEDGED) for _ in range(4)]
    assert await _all_pages(client, limit=limit) == tied[::-1] + answered[::-1]


async def test_microseconds_are_told_apart_by_a_cursor(client: httpx.AsyncClient, district: District) -> None:
    ids = [district.incident(raised_at=NOW.replace(microsecond=n)) for n in (123456, 123457, 123458)]
    assert await _all_pages(client, limit=1) == ids[::-1]


async def test_incidents_are_chosen_by_state_site_and_severity(client: httpx.AsyncClient, district: District) -> None:
    first, second = district.site("s001"), district.site("s002")
    closed = district.incident(site_no=first, state=IncidentState.CLOSED)
    minor = district.incident(site_no=first, severity=Severity.MINOR)
    elsewhere = district.incident(site_no=second, site_id="s002", state=IncidentState.RETURNED)
    assert await _all_pages(client, state="closed") == [closed]
    assert await _all_pages(client, state="all") == [elsewhere, minor, closed]
    assert await _all_pages(client, site_id="s002") == [elsewhere]
    assert await _all_pages(client, severity="minor") == [minor]
    assert await _all_pages(client, site_id="s001", severity="critical", state="open") == []


async def test_an_incident_carries_the_names_of_its_site_and_device(
    client: httpx.AsyncClient, district: District
) -> None:
    site_no = district.site()
    number = district.device("smk")
    district.incident(site_no=site_no, device_no=number, device_id="smk")
    (shown,) = (await _queue(client)).items
    assert (shown.site_name, shown.site_name_en, shown.device_name, shown.place) == (
        "前黄实验学校",
        "Qianhuang",
        "烟感",
        "三楼",
    )
    assert shown.detail == {"value": 3.5}


async def test_an_incident_of_no_site_is_shown_without_names(client: httpx.AsyncClient, district: District) -> None:
    district.incident(site_no=0, site_id="")
    (shown,) = (await _queue(client)).items
    assert (shown.site_id, shown.site_name, shown.device_id, shown.device_name) == ("", "", "", "")


async def test_one_incident_shows_its_timeline_and_deliveries_oldest_first(
    client: httpx.AsyncClient, district: District
) -> None:
    incident = district.incident()
    for minute, kind in ((3, "raised"), (2, "acknowledge")):
        district.execute(
            "INSERT INTO incident_entry (incident_id, at, kind, actor, detail)"
            " VALUES (%s, %s, %s, '张伟', '{\"n\": 1}')",
            incident,
            ago(minutes=minute),
            kind,
        )
    late = district.delivery(incident, created_at=ago(minutes=1))
    early = district.delivery(incident, state="received", created_at=ago(minutes=3), received_at=ago(minutes=2))
    response = await client.get(f"/incidents/{incident}")
    shown = IncidentDetailReply.model_validate_json(response.content)
    assert [(entry.kind, entry.actor, entry.detail) for entry in shown.timeline] == [
        ("raised", "张伟", {"n": 1}),
        ("acknowledge", "张伟", {"n": 1}),
    ]
    assert [delivery.delivery_id for delivery in shown.deliveries] == [early, late]


async def test_contacts_and_addresses_of_a_delivery_are_not_shown(
    client: httpx.AsyncClient, district: District
) -> None:
    incident = district.incident()
    district.delivery(
        incident, "tgram://bot-token/chat", channel="apprise", last_error="POST https://user:secret@host/x: refused"
    )
    (shown,) = IncidentDetailReply.model_validate_json((await client.get(f"/incidents/{incident}")).content).deliveries
    assert shown.recipient == "tgram://…"
    assert shown.last_error == "POST https://… refused"


async def test_an_unknown_incident_is_not_found(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/incidents/{uuid4()}")
    assert response.status_code == 404
    assert response.json()["type"] == "urn:campuswatch:problem:unknown"
