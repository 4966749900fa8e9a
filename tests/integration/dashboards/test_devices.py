from __future__ import annotations

from datetime import timedelta

import httpx

from dashboards.schemas.devices import DeviceLinesReply, DevicePastReply
from tests.integration.dashboards.district import NOW, District, ago


async def _lines(client: httpx.AsyncClient, **choice: str | int) -> DeviceLinesReply:
    response = await client.get("/devices", params=choice)
    assert response.status_code == 200, response.text
    return DeviceLinesReply.model_validate_json(response.content)


def _three(district: District) -> int:
    district.site("s001")
    district.site("s002", name="湖塘小学")
    district.device("smk-1", site_id="s001")
    district.device("cam-1", site_id="s002", kind="camera", state="offline")
    district.device("old-1", site_id="s002", retired=True)
    return district.device("tmp-1", site_id="s002", kind="temperature", state=None)


async def test_all_devices_stand_in_one_table_without_the_retired(
    client: httpx.AsyncClient, district: District
) -> None:
    _three(district)
    found = await _lines(client)
    assert [one.device_id for one in found.items] == ["smk-1", "cam-1", "tmp-1"]
    assert (found.total, found.counts.model_dump()) == (3, {"online": 1, "offline": 1, "unknown": 1})


async def test_a_stretch_of_the_table_is_named_by_its_offset(client: httpx.AsyncClient, district: District) -> None:
    _three(district)
    found = await _lines(client, offset=1, limit=1)
    assert ([one.device_id for one in found.items], found.total) == (["cam-1"], 3)


async def test_the_table_is_filtered_by_words_kind_and_connectivity(
    client: httpx.AsyncClient, district: District
) -> None:
    _three(district)
    assert [one.device_id for one in (await _lines(client, text="湖塘")).items] == ["cam-1", "tmp-1"]
    assert [one.device_id for one in (await _lines(client, kind="camera")).items] == ["cam-1"]
    offline = await _lines(client, text="湖塘", connectivity="offline")
    assert ([one.device_id for one in offline.items], offline.total) == (["cam-1"], 1)
    assert offline.counts.model_dump() == {"online": 0, "offline": 1, "unknown": 1}, "what other choices would show"
    assert (await _lines(client, text="%")).total == 0, "no pattern of SQL"


async def test_trouble_comes_first_where_that_is_asked_for(client: httpx.AsyncClient, district: District) -> None:
    _three(district)
    found = await _lines(client, order="trouble")
    assert [one.device_id for one in found.items] == ["cam-1", "tmp-1", "smk-1"]


async def test_a_row_leads_to_the_worst_open_incident(client: httpx.AsyncClient, district: District) -> None:
    number = _three(district)
    incident = district.incident(site_no=2, site_id="s002", device_no=number, device_id="tmp-1")
    (line,) = (await _lines(client, kind="temperature")).items
    assert line.open_incident_id == incident


async def test_the_past_of_a_device_is_folded_into_steps(client: httpx.AsyncClient, district: District) -> None:
    number = _three(district)
    for minutes, value in ((31, 20.0), (31.2, 24.0), (10, 30.0)):
        district.reading(number, "temperature_c", value, ago(minutes=minutes))
    district.heartbeat(number, ago(minutes=31))
    district.heartbeat(number, ago(minutes=31.5))
    incident = district.incident(site_no=2, site_id="s002", device_no=number, raised_at=ago(minutes=9))
    response = await client.get("/sites/s002/devices/tmp-1/past")
    assert response.status_code == 200, response.text
    past = DevicePastReply.model_validate_json(response.content)
    assert (past.since, past.until, past.step_s, past.heartbeat_s) == (NOW - timedelta(days=1), NOW, 300, 30)
    first, second = past.metrics["temperature_c"]
    assert first[1:] == (20.0, 22.0, 24.0)
    assert second[1:] == (30.0, 30.0, 30.0)
    assert [count for _, count in past.heartbeats] == [2]
    assert [one.incident_id for one in past.incidents] == [incident]


async def test_a_long_past_is_read_from_the_hours(client: httpx.AsyncClient, district: District) -> None:
    number = _three(district)
    for hours, value in ((50, 10.0), (49.99, 20.0), (2, 30.0)):
        district.reading(number, "temperature_c", value, ago(hours=hours))
    response = await client.get(
        "/sites/s002/devices/tmp-1/past", params={"since": (NOW - timedelta(days=10)).isoformat()}
    )
    past = DevicePastReply.model_validate_json(response.content)
    assert past.step_s == 3600
    assert [point[1:] for point in past.metrics["temperature_c"]] == [(10.0, 15.0, 20.0), (30.0, 30.0, 30.0)]


async def test_an_unknown_device_is_not_found(client: httpx.AsyncClient, district: District) -> None:
    district.site()
    for path in ("/sites/s001/devices/none", "/sites/s001/devices/none/past"):
        assert (await client.get(path)).status_code == 404


async def test_a_past_that_ends_before_it_begins_is_refused(client: httpx.AsyncClient, district: District) -> None:
    _three(district)
    response = await client.get(
        "/sites/s001/devices/smk-1/past", params={"since": (NOW + timedelta(days=1)).isoformat()}
    )
    assert response.status_code == 422
