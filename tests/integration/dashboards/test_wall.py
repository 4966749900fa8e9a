from __future__ import annotations

import httpx

from dashboards.schemas.wall import WallReply
from domain.finding import Severity
from domain.incident import IncidentState
from tests.integration.dashboards.district import NOW, District, ago


async def _wall(client: httpx.AsyncClient) -> WallReply:
    response = await client.get("/wall")
    assert response.status_code == 200, response.text
    return WallReply.model_validate_json(response.content)


async def test_an_empty_district_has_an_empty_wall(client: httpx.AsyncClient) -> None:
    wall = await _wall(client)
    assert wall.at == NOW
    assert wall.sites == []
    assert [link.state for link in wall.links] == ["unknown", "unknown"]
    assert (wall.ingest.messages_per_s, wall.ingest.last_received_at) == (0, None)


async def test_devices_are_counted_by_what_was_proved_and_retired_ones_not_at_all(
    client: httpx.AsyncClient, district: District
) -> None:
    district.site("s001")
    district.site("s002")
    district.device("a", state="online")
    district.device("b", state="offline")
    district.device("c", state="unknown")
    district.device("d", state=None)
    district.device("e", state="online", retired=True)
    wall = await _wall(client)
    first, second = wall.sites
    assert (first.devices, first.online, first.offline, first.unknown) == (4, 1, 1, 2)
    assert first.state == "fault"
    assert (second.devices, second.state) == (0, "unknown")
    assert (wall.totals.sites, wall.totals.devices) == (2, 4)


async def test_a_tile_says_where_its_site_is(client: httpx.AsyncClient, district: District) -> None:
    district.site("s001")
    district.site("s002")
    district.execute("UPDATE site SET longitude = 119.9, latitude = 31.6 WHERE site_id = 's002' RETURNING 1")
    unknown, known = (await _wall(client)).sites
    assert (unknown.longitude, unknown.latitude) == (None, None)
    assert (known.longitude, known.latitude) == (119.9, 31.6)


async def test_open_incidents_colour_the_tile_of_their_site(client: httpx.AsyncClient, district: District) -> None:
    quiet, loud = district.site("s001"), district.site("s002")
    district.device("a", site_id="s001")
    critical = district.incident(site_no=loud, site_id="s002", state=IncidentState.ACKNOWLEDGED)
    district.incident(site_no=loud, site_id="s002", severity=Severity.MAJOR, state=IncidentState.RETURNED)
    district.incident(site_no=quiet, state=IncidentState.CLOSED)
    district.incident(site_no=quiet, state=IncidentState.RESET)
    wall = await _wall(client)
    assert [tile.state for tile in wall.sites] == ["ok", "alarm"]
    tile = wall.sites[1]
    assert tile.worst is not None
    assert (tile.worst.incident_id, tile.open, tile.unacknowledged) == (critical, 2, 1)
    assert (wall.totals.open_incidents, wall.totals.unacknowledged) == (2, 1)


async def test_a_link_is_ok_after_its_receipt(client: httpx.AsyncClient, district: District) -> None:
    incident = district.incident()
    district.delivery(incident, state="failed", created_at=ago(hours=2))
    district.delivery(incident, state="received", created_at=ago(hours=1), received_at=ago(minutes=59))
    district.delivery(incident, state="queued", created_at=ago(seconds=1))
    link = (await _wall(client)).links[0]
    assert (link.link_id, link.state, link.last_receipt_at, link.queued) == ("police", "ok", ago(minutes=59), 1)


async def test_a_link_fails_while_something_that_was_tried_still_waits(
    client: httpx.AsyncClient, district: District
) -> None:
    incident = district.incident()
    district.delivery(incident, state="received", created_at=ago(hours=1), received_at=ago(hours=1))
    district.delivery(incident, state="queued", attempts=3)
    link = (await _wall(client)).links[0]
    assert (link.state, link.queued) == ("failing", 1)


async def test_a_link_fails_after_its_newest_delivery_was_given_up(
    client: httpx.AsyncClient, district: District
) -> None:
    incident = district.incident()
    district.delivery(incident, "education", state="received", created_at=ago(hours=1), received_at=ago(hours=1))
    district.delivery(incident, "education", state="failed", attempts=9, created_at=ago(minutes=1))
    district.delivery(incident, "education", state="cancelled")
    police, education = (await _wall(client)).links
    assert (police.state, education.state) == ("unknown", "failing")


async def test_notices_to_leaders_say_nothing_about_a_link(client: httpx.AsyncClient, district: District) -> None:
    district.delivery(district.incident(), "police", channel="apprise", state="failed", attempts=3)
    assert (await _wall(client)).links[0].state == "unknown"


async def test_the_rate_is_what_the_ledger_received_in_the_last_ten_seconds(
    client: httpx.AsyncClient, district: District
) -> None:
    for at, received in ((ago(seconds=11), [1000]), (ago(seconds=9), [30, 12]), (ago(seconds=1), [8])):
        zeros = [0] * len(received)
        district.execute(
            "INSERT INTO ledger_entry VALUES (%s, 'bulk', %s, %s, %s, %s, %s)", at, zeros, received, zeros, zeros, zeros
        )
    district.quarantined(at=ago(minutes=59))
    district.quarantined(at=ago(minutes=61))
    ingest = (await _wall(client)).ingest
    assert (ingest.messages_per_s, ingest.last_received_at, ingest.quarantined_1h) == (5.0, ago(seconds=1), 1)


async def test_times_are_utc_whatever_the_zone_of_the_database(client: httpx.AsyncClient, district: District) -> None:
    (name,) = district.execute("SELECT current_database()")[0]
    district.execute(f"ALTER DATABASE \"{name}\" SET TimeZone = 'Asia/Shanghai'")
    district.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'campuswatch web%%'"
    )
    district.delivery(district.incident(), state="received", received_at=NOW)
    for _ in range(2):  # the first may meet the connection that was ended
        text = (await client.get("/wall")).text
    assert '"last_receipt_at":"2026-03-02T01:30:00Z"' in text
    assert "+08:00" not in (await client.get("/incidents")).text
