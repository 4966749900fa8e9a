from __future__ import annotations

import httpx

from dashboards.schemas.deliveries import DeliveriesReply
from tests.integration.dashboards.district import District, ago


async def _list(client: httpx.AsyncClient, **choice: str | int) -> DeliveriesReply:
    response = await client.get("/deliveries", params=choice)
    assert response.status_code == 200, response.text
    return DeliveriesReply.model_validate_json(response.content)


async def test_deliveries_are_listed_by_how_they_stand(client: httpx.AsyncClient, district: District) -> None:
    district.site()
    incident = district.incident()
    waits = district.delivery(incident, created_at=ago(minutes=1))
    tried = district.delivery(incident, attempts=3, created_at=ago(minutes=2), last_error="timed out")
    dead = district.delivery(incident, state="failed", created_at=ago(minutes=3))
    district.delivery(incident, "education", state="received", created_at=ago(minutes=4), received_at=ago(minutes=4))
    everything = await _list(client)
    assert len(everything.items) == 4
    assert everything.counts.model_dump() == {"waiting": 2, "retried": 1, "failed": 1}
    assert [one.delivery_id for one in (await _list(client, which="waiting")).items] == [waits, tried]
    (retried,) = (await _list(client, which="retried")).items
    assert (retried.attempts, retried.last_error, retried.next_attempt_at) == (3, "timed out", ago(minutes=2))
    assert [one.delivery_id for one in (await _list(client, which="failed")).items] == [dead]
    assert [one.recipient for one in (await _list(client, recipient="education")).items] == ["education"]


async def test_deliveries_come_in_pages(client: httpx.AsyncClient, district: District) -> None:
    district.site()
    incident = district.incident()
    made = [district.delivery(incident, created_at=ago(minutes=minutes)) for minutes in (1, 2, 3)]
    first = await _list(client, limit=2)
    assert first.next_cursor is not None
    second = await _list(client, limit=2, cursor=first.next_cursor)
    assert [one.delivery_id for one in (*first.items, *second.items)] == made


async def test_no_address_is_shown(client: httpx.AsyncClient, district: District) -> None:
    district.site()
    district.delivery(district.incident(), "json://user:secret@example.test/x", channel="apprise")
    (line,) = (await _list(client)).items
    assert "secret" not in line.model_dump_json()
