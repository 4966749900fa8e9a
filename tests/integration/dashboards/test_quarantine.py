from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from dashboards.schemas import PageReply
from dashboards.schemas.quarantine import QuarantineReply, ReplayReply, UnregisteredReply
from dashboards.schemas.sites import DeviceReply
from domain.quarantine import Reason
from domain.replay import ReplayedAlarm, ReplayReport
from tests.integration.dashboards.desks import Replayer
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


async def test_messages_are_chosen_by_site_and_device(client: httpx.AsyncClient, district: District) -> None:
    district.quarantined(device_id="a")
    district.quarantined(device_id="b")
    assert [item.device_id for item in (await _quarantine(client, "?device_id=a&site_id=s001")).items] == ["a"]
    assert not (await _quarantine(client, "?site_id=s999")).items


async def test_a_message_says_whether_it_is_whole_and_was_replayed(
    client: httpx.AsyncClient, district: District
) -> None:
    district.quarantined(payload=b"{")
    (item,) = (await _quarantine(client)).items
    assert (item.cut, item.replayed_at) == (False, None)


async def test_a_replay_is_handed_on_as_it_was_asked_for(client: httpx.AsyncClient, replayer: Replayer) -> None:
    replayer.report = ReplayReport(
        examined=5,
        replayed=2,
        stored=3,
        duplicate=1,
        cut=1,
        refused={Reason.BAD_JSON: 2},
        alarms=[ReplayedAlarm("s001", "btn", "panic", NOW, NOW, False, True)],
        next=77,
    )
    asked = {
        "reason": "unknown_device",
        "site_id": "s001",
        "since": "2026-03-01T08:00:00+08:00",
        "after": 6,
        "limit": 9,
    }
    response = await client.post("/quarantine/replay", json={**asked, "dry_run": True, "actor": "张伟"})
    assert response.status_code == 200, response.text
    reply = ReplayReply.model_validate_json(response.content)
    assert (reply.stored, reply.refused, reply.next) == (3, {Reason.BAD_JSON: 2}, 77)
    assert (reply.alarms[0].device_id, reply.alarms[0].drill) == ("btn", True)
    ((only, after, limit, dry_run, actor),) = replayer.asked
    assert (only.reason, only.site_id, only.device_id) == (Reason.UNKNOWN_DEVICE, "s001", None)
    assert only.since == datetime(2026, 3, 1, tzinfo=UTC)
    assert (after, limit, dry_run, actor) == (6, 9, True, "张伟")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reason", "because"),
        ("since", "2026-03-01T08:00:00"),
        ("after", -1),
        ("limit", 1001),
        ("actor", ""),
        ("site_id", "a\x00b"),
    ],
)
async def test_a_replay_of_nonsense_is_refused(
    client: httpx.AsyncClient, replayer: Replayer, field: str, value: object
) -> None:
    response = await client.post("/quarantine/replay", json={"actor": "张伟", field: value})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == field
    assert not replayer.asked


async def test_a_replay_is_none_of_another_pages_business(client: httpx.AsyncClient, replayer: Replayer) -> None:
    response = await client.post(
        "/quarantine/replay", json={"actor": "张伟"}, headers={"origin": "https://elsewhere.example"}
    )
    assert response.status_code == 403
    assert not replayer.asked
