from __future__ import annotations

import httpx

from dashboards.schemas import DeviceReply, PageReply, QuarantineReply, UnregisteredReply
from tests.integration.dashboards.district import NOW, District, ago

ADOPTION = {"kind": "smoke", "name": "三楼烟感", "place": "教学楼三楼", "actor": "张伟"}


async def _quarantine(client: httpx.AsyncClient, query: str = "") -> PageReply[QuarantineReply]:
    response = await client.get(f"/quarantine{query}")
    assert response.status_code == 200, response.text
    return PageReply[QuarantineReply].model_validate_json(response.content)


async def test_the_newest_message_that_was_put_aside_comes_first(client: httpx.AsyncClient, district: District) -> None:
    for name in ("a", "b", "c"):
        district.quarantined(device_id=name)
    first = await _quarantine(client, "?limit=2")
    assert [item.device_id for item in first.items] == ["c", "b"]
    second = await _quarantine(client, f"?limit=2&cursor={first.next_cursor}")
    assert [item.device_id for item in second.items] == ["a"]
    assert second.next_cursor is None


async def test_messages_are_chosen_by_reason(client: httpx.AsyncClient, district: District) -> None:
    district.quarantined(reason="bad_json")
    district.quarantined(reason="too_old")
    assert [item.reason for item in (await _quarantine(client, "?reason=too_old")).items] == ["too_old"]


async def test_a_payload_is_shown_as_text_and_cut(client: httpx.AsyncClient, district: District) -> None:
    district.quarantined(payload=b"\xff\x00" + b"x" * 5000)
    (item,) = (await _quarantine(client)).items
    assert item.payload.startswith("\ufffd\x00xxx")
    assert len(item.payload) == 2048
    assert item.size == 5002


async def test_devices_that_nobody_registered_are_listed_once_each(
    client: httpx.AsyncClient, district: District
) -> None:
    district.site()
    district.device("known")
    district.quarantined(reason="unknown_device", device_id="new", channel="reading", at=ago(minutes=9))
    district.quarantined(reason="unknown_device", device_id="new", channel="heartbeat", at=NOW)
    district.quarantined(reason="unknown_device", device_id="known")
    district.quarantined(reason="bad_json", device_id="babbler")
    district.quarantined(reason="unknown_device", device_id="another")
    first = PageReply[UnregisteredReply].model_validate_json((await client.get("/unregistered?limit=1")).content)
    second = PageReply[UnregisteredReply].model_validate_json(
        (await client.get(f"/unregistered?limit=1&cursor={first.next_cursor}")).content
    )
    assert [item.device_id for item in (*first.items, *second.items)] == ["another", "new"]
    assert second.next_cursor is None
    (item,) = second.items
    assert (item.channels, item.count, item.first_seen_at, item.last_seen_at) == (
        ["heartbeat", "reading"],
        2,
        ago(minutes=9),
        NOW,
    )


async def test_an_adopted_device_is_answered_and_no_longer_offered(
    client: httpx.AsyncClient, district: District
) -> None:
    district.site()
    district.quarantined(reason="unknown_device", device_id="new")
    response = await client.post("/unregistered/s001/new/adopt", json=ADOPTION)
    assert response.status_code == 200, response.text
    device = DeviceReply.model_validate_json(response.content)
    assert (device.device_id, device.kind, device.name, device.connectivity) == ("new", "smoke", "三楼烟感", "unknown")
    assert (await client.get("/unregistered")).json()["items"] == []


async def test_adopting_at_an_unknown_site_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.post("/unregistered/s404/new/adopt", json=ADOPTION)).status_code == 404


async def test_adopting_what_is_registered_is_refused(client: httpx.AsyncClient, district: District) -> None:
    district.site()
    district.device("known")
    response = await client.post("/unregistered/s001/known/adopt", json=ADOPTION)
    assert response.status_code == 409
    assert "registered already" in response.json()["detail"]
