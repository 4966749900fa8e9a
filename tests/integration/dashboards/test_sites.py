from __future__ import annotations

import httpx

from dashboards.schemas import PageReply
from dashboards.schemas.sites import DeviceReply, SiteReply
from domain.finding import Severity
from tests.integration.dashboards.district import NOW, District, ago


async def _devices(client: httpx.AsyncClient, query: str = "") -> PageReply[DeviceReply]:
    response = await client.get(f"/sites/s001/devices{query}")
    assert response.status_code == 200, response.text
    return PageReply[DeviceReply].model_validate_json(response.content)


async def test_sites_come_in_pages_by_their_id(client: httpx.AsyncClient, district: District) -> None:
    for site_id in ("s003", "s001", "s002"):
        district.site(site_id)
    first = PageReply[SiteReply].model_validate_json((await client.get("/sites?limit=2")).content)
    assert [site.site_id for site in first.items] == ["s001", "s002"]
    second = PageReply[SiteReply].model_validate_json(
        (await client.get("/sites", params={"limit": 2, "cursor": first.next_cursor})).content
    )
    assert [site.site_id for site in second.items] == ["s003"]
    assert second.next_cursor is None


async def test_a_site_shows_its_tile(client: httpx.AsyncClient, district: District) -> None:
    district.incident(site_no=district.site())
    site = SiteReply.model_validate_json((await client.get("/sites/s001")).content)
    assert (site.name, site.township, site.tile.state, site.tile.open) == ("前黄实验学校", "前黄镇", "alarm", 1)


async def test_an_unknown_site_is_not_found(client: httpx.AsyncClient) -> None:
    for path in ("/sites/s404", "/sites/s404/devices"):
        response = await client.get(path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


async def test_a_device_shows_what_it_last_said(client: httpx.AsyncClient, district: District) -> None:
    site_no = district.site()
    district.device("gw", kind="gateway")
    number = district.device("tmp", kind="temperature", parent_id="gw")
    district.heartbeat(number, ago(minutes=3), 90.0)
    district.heartbeat(number, ago(minutes=1), 87.5)
    district.reading(number, "temperature_c", 19.0, ago(minutes=5))
    district.reading(number, "temperature_c", 21.5, ago(minutes=2))
    district.reading(number, "humidity_pct", 40.0, ago(minutes=4))
    incident = district.incident(site_no=site_no, device_no=number, device_id="tmp")
    device = (await _devices(client)).items[1]
    assert (device.parent_id, device.connectivity, device.since) == ("gw", "online", ago(hours=3))
    assert (device.last_seen_at, device.battery_pct) == (ago(minutes=1), 87.5)
    assert {name: (r.value, r.at) for name, r in device.readings.items()} == {
        "humidity_pct": (40.0, ago(minutes=4)),
        "temperature_c": (21.5, ago(minutes=2)),
    }
    assert device.open_incident_id == incident


async def test_a_device_whose_clock_is_off_shows_by_how_much(client: httpx.AsyncClient, district: District) -> None:
    district.site()
    number = district.device("fast")
    district.device("right")
    district.execute("UPDATE device_state SET clock_offset_s = 720, clock_at = %s WHERE device_no = %s", NOW, number)
    reply = PageReply[DeviceReply].model_validate_json((await client.get("/sites/s001/devices")).content)
    assert {item.device_id: item.clock_offset_s for item in reply.items} == {"fast": 720.0, "right": None}


async def test_a_device_says_why_it_is_unknown_and_what_it_is_behind(
    client: httpx.AsyncClient, district: District
) -> None:
    district.site()
    gateway = district.device("gw", kind="gateway", state="offline")
    child = district.device("cam", kind="camera", parent_id="gw", state="unknown")
    district.device("new", state=None)
    district.execute("UPDATE device_state SET reason = 'behind', behind_no = %s WHERE device_no = %s", gateway, child)
    devices = {one.device_id: one for one in (await _devices(client)).items}
    assert (devices["cam"].connectivity, devices["cam"].reason, devices["cam"].behind_id) == ("unknown", "behind", "gw")
    assert (devices["gw"].reason, devices["new"].reason, devices["new"].behind_id) == ("", "", "")
    tile = SiteReply.model_validate_json((await client.get("/sites/s001")).content).tile
    assert (tile.offline, tile.unknown, tile.behind) == (1, 2, 1), "who was never heard is behind nothing"


async def test_an_alarm_alone_proves_that_a_device_was_seen(client: httpx.AsyncClient, district: District) -> None:
    district.site()
    number = district.device("btn", kind="one_key_alarm", state=None)
    district.execute(
        "INSERT INTO event (ts, uid, device_no, channel, kind, active, received_at)"
        " VALUES (%s, gen_random_uuid(), %s, 'alarm', 'panic', true, %s)",
        ago(seconds=9),
        number,
        ago(seconds=8),
    )
    device = (await _devices(client)).items[0]
    assert (device.last_seen_at, device.connectivity, device.since) == (ago(seconds=8), "unknown", None)


async def test_what_a_device_said_longer_ago_is_not_shown_as_its_reading(
    client: httpx.AsyncClient, district: District
) -> None:
    district.site()
    number = district.device("tmp", kind="temperature", state="offline")
    district.reading(number, "temperature_c", 19.0, ago(hours=25))
    device = (await _devices(client)).items[0]
    assert device.readings == {}
    assert device.last_seen_at == ago(hours=2)  # from its state, which is kept for ever


async def test_a_battery_that_is_told_as_a_reading_is_a_battery_too(
    client: httpx.AsyncClient, district: District
) -> None:
    district.site()
    district.reading(district.device("a"), "battery_pct", 12.0, NOW)
    assert (await _devices(client)).items[0].battery_pct == 12.0


async def test_the_worst_open_incident_of_a_device_is_named(client: httpx.AsyncClient, district: District) -> None:
    site_no = district.site()
    number = district.device("a")
    district.incident(site_no=site_no, device_no=number, severity=Severity.MINOR, raised_at=ago(minutes=1))
    worst = district.incident(site_no=site_no, device_no=number, raised_at=ago(hours=1))
    assert (await _devices(client)).items[0].open_incident_id == worst


async def test_devices_come_in_pages_without_retired_ones(client: httpx.AsyncClient, district: District) -> None:
    district.site()
    for name in ("c", "a", "B", "d"):
        district.device(name, retired=name == "d")
    seen: list[str] = []
    query = "?limit=1"
    for _ in range(3):
        page = await _devices(client, query)
        seen += [device.device_id for device in page.items]
        query = f"?limit=1&cursor={page.next_cursor}"
    assert page.next_cursor is None
    assert sorted(seen) == ["B", "a", "c"]
