"""What viewers of the live wall get."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dashboards.pace import FULL_S, WATCHED_S
from dashboards.schemas.stream import DeltaFrame, SnapshotFrame
from domain.finding import Severity
from domain.incident import IncidentState
from tests.integration.dashboards.desks import web_settings
from tests.integration.dashboards.district import NOW, District, ago
from tests.integration.dashboards.running import Running, Watcher, running


@pytest.fixture
async def server(database: str, district: District) -> AsyncIterator[Running]:
    district.site("s001")
    district.site("s002")
    district.device("a", site_id="s001")
    district.device("b", site_id="s002")
    async with running(web_settings(database)) as started:
        yield started


@pytest.fixture
async def watcher(server: Running) -> AsyncIterator[Watcher]:
    async with server.watch() as opened:
        # On a machine that is busy the first look may come too late, which is trouble until the next one.
        await opened.until(lambda frame: frame["type"] == "snapshot")
        yield opened


_MANY = (
    "INSERT INTO incident (incident_id, key, rule, category, severity, severity_rank, life_safety, test, drill,"
    " site_no, site_id, device_id, state, raised_at, last_event_at, detail, changed_at)"
    " SELECT gen_random_uuid(), n::text, 'smoke_alarm', 'fire', 'critical', 0, true, false, false, 1, 's001', '',"
    " 'raised', %s, %s, '{}', %s FROM generate_series(1, %s) AS n"
)


def _tells(*incidents: object) -> Any:
    wanted = {str(incident) for incident in incidents}
    return lambda frame: wanted <= {told["incident_id"] for told in frame["incidents"]}


def _has_tile(site_id: str) -> Any:
    return lambda frame: site_id in {tile["site_id"] for tile in frame.get("sites", ())}


async def test_the_first_frame_is_the_whole_wall_with_the_open_incidents(server: Running, district: District) -> None:
    answered = district.incident(state=IncidentState.ACKNOWLEDGED)
    raised = district.incident(severity=Severity.MINOR)
    district.incident(state=IncidentState.RESET)
    district.incident(state=IncidentState.CLOSED)
    async with server.watch() as early:  # may have come before the incidents were seen
        await early.until(lambda frame: frame["type"] == "delta")
        async with server.watch() as watcher:
            await watcher.frame()
    frame = SnapshotFrame.model_validate_json(watcher.last_text)
    assert [tile.site_id for tile in frame.wall.sites] == ["s001", "s002"]
    assert frame.wall.totals.open_incidents == 2
    assert [incident.incident_id for incident in frame.incidents] == [raised, answered]


async def test_a_new_incident_is_told_at_once_with_the_tile_of_its_site(watcher: Watcher, district: District) -> None:
    began = time.monotonic()
    (site_no,) = district.execute("SELECT site_no FROM site WHERE site_id = 's002'")[0]
    incident = district.incident(site_no=site_no, site_id="s002")
    await watcher.until(_tells(incident))
    assert time.monotonic() - began < 2
    frame = DeltaFrame.model_validate_json(watcher.last_text)
    assert [(tile.site_id, tile.state, tile.open) for tile in frame.sites] == [("s002", "alarm", 1)]
    assert frame.totals.open_incidents == 1
    assert frame.incidents[0].site_name == "前黄实验学校"


async def test_every_step_of_an_incident_is_told_until_it_is_closed(watcher: Watcher, district: District) -> None:
    incident = district.incident()
    await watcher.until(_tells(incident))
    for state in ("acknowledged", "normal", "reset", "closed"):
        district.execute("UPDATE incident SET state = %s WHERE incident_id = %s", state, incident)
        district.notice("campuswatch_incident", str(incident))
        frame = await watcher.until(_tells(incident))
        assert [told["state"] for told in frame["incidents"]] == [state]
        assert frame["totals"]["open_incidents"] == (1 if state in ("acknowledged", "normal") else 0)


async def test_a_change_without_a_notice_is_found_all_the_same(watcher: Watcher, district: District) -> None:
    incident = district.incident()
    await watcher.until(_tells(incident))
    district.execute("UPDATE incident SET occurrences = 7 WHERE incident_id = %s", incident)
    frame = await watcher.until(_tells(incident))
    assert frame["incidents"][0]["occurrences"] == 7


async def test_an_end_without_a_notice_is_found_all_the_same(watcher: Watcher, district: District) -> None:
    incident, stays = district.incident(), district.incident()
    await watcher.until(_tells(stays))
    district.execute("UPDATE incident SET state = 'closed' WHERE incident_id = %s", incident)
    frame = await watcher.until(_tells(incident))
    assert [told["state"] for told in frame["incidents"]] == ["closed"]
    assert frame["totals"]["open_incidents"] == 1


async def test_what_was_handled_under_another_is_told_when_that_ends(watcher: Watcher, district: District) -> None:
    main, under = district.incident(), district.incident()
    district.execute("UPDATE incident SET merged_into = %s WHERE incident_id = %s", main, under)
    await watcher.until(lambda frame: any(told["aside"] for told in frame["incidents"]))
    # Its own row stays as it was.
    district.execute("UPDATE incident SET state = 'reset' WHERE incident_id = %s", main)
    frame = await watcher.until(_tells(under))
    assert [told["aside"] for told in frame["incidents"] if told["incident_id"] == str(under)] == [False]


async def test_who_moves_up_into_the_head_of_the_queue_is_told(watcher: Watcher, district: District) -> None:
    lowest = district.incident(severity=Severity.ADVICE)
    await watcher.until(_tells(lowest))
    district.execute(_MANY, NOW, ago(seconds=1), NOW, 200)
    district.notice("campuswatch_incident")
    frame = await watcher.until(lambda frame: frame["totals"]["open_incidents"] == 201 and frame["incidents"])
    district.execute("UPDATE incident SET state = 'closed' WHERE key = '7'")
    district.notice("campuswatch_incident")
    frame = await watcher.until(_tells(lowest))
    assert len(frame["incidents"]) == 2


async def test_a_device_that_goes_offline_changes_its_tile_and_no_other(watcher: Watcher, district: District) -> None:
    district.execute(
        "UPDATE device_state SET connectivity = 'offline' FROM device WHERE device_id = 'b'"
        " AND device.device_no = device_state.device_no"
    )
    district.notice("campuswatch_device")
    frame = await watcher.until(_has_tile("s002"))
    assert [(tile["site_id"], tile["state"], tile["offline"]) for tile in frame["sites"]] == [("s002", "fault", 1)]
    assert frame["totals"]["offline"] == 1


async def test_a_link_that_begins_to_fail_is_told(watcher: Watcher, district: District) -> None:
    district.delivery(district.incident(), attempts=2)
    district.notice("campuswatch_delivery")
    frame = await watcher.until(lambda frame: frame["links"][0]["state"] == "failing")
    assert (frame["type"], frame["links"][0]["queued"]) == ("delta", 1)


async def test_a_new_site_is_told_by_a_new_snapshot(watcher: Watcher, district: District) -> None:
    district.site("s003")
    district.notice("campuswatch_registry")
    frame = await watcher.until(lambda frame: frame["type"] == "snapshot")
    assert [tile["site_id"] for tile in frame["wall"]["sites"]] == ["s001", "s002", "s003"]


async def test_a_site_that_was_renamed_is_told_with_its_incidents(watcher: Watcher, district: District) -> None:
    incident = district.incident()
    await watcher.until(_tells(incident))
    district.execute("UPDATE site SET name = '新名' WHERE site_id = 's001'")
    district.notice("campuswatch_registry")
    frame = await watcher.until(_has_tile("s001"))
    assert frame["sites"][0]["name"] == "新名"


async def test_more_changes_than_a_snapshot_holds_are_told_by_a_snapshot(watcher: Watcher, district: District) -> None:
    district.execute(_MANY, NOW, ago(seconds=1), NOW, 250)
    district.notice("campuswatch_incident")
    frame = await watcher.until(lambda frame: frame["type"] == "snapshot")
    assert len(frame["incidents"]) == 200
    assert frame["wall"]["totals"]["open_incidents"] == 250


async def test_all_viewers_get_the_very_same_text(server: Running, watcher: Watcher, district: District) -> None:
    async with server.watch() as other:
        await other.frame()
        incident = district.incident()
        await asyncio.gather(watcher.until(_tells(incident)), other.until(_tells(incident)))
        assert watcher.last_text == other.last_text


class TestPace:
    """The same on every database."""

    @pytest.fixture
    def database(self, plain_database: str) -> str:
        return plain_database

    async def test_a_quiet_wall_still_speaks_every_two_seconds(self, watcher: Watcher) -> None:
        await watcher.frame()
        heard = []
        for _ in range(2):
            began = time.monotonic()
            frame = await watcher.frame()
            heard.append(time.monotonic() - began)
            assert (frame["type"], frame["sites"], frame["incidents"]) == ("delta", [], [])
        assert max(heard) < 10 * WATCHED_S

    async def test_a_storm_of_device_notices_makes_two_frames_a_second(
        self, server: Running, watcher: Watcher, district: District
    ) -> None:
        await watcher.frame()
        before = server.metric("frames_total", kind="delta")
        began = time.monotonic()
        state, frames = True, 0.0
        while frames < 4 and time.monotonic() - began < 10 * 4 * FULL_S:
            state = not state
            district.execute("UPDATE device_state SET connectivity = %s", "online" if state else "offline")
            district.notice("campuswatch_device")
            await asyncio.sleep(0.04)
            frames = server.metric("frames_total", kind="delta") - before
        assert 4 <= frames <= (time.monotonic() - began) / FULL_S + 1

    async def test_viewers_are_counted_and_gone_when_they_leave(self, server: Running) -> None:
        async with server.watch() as one, server.watch() as two:
            await one.frame()
            await two.frame()
            assert server.metric("viewers") == 2
        async with asyncio.timeout(5):
            async with server.client() as client:
                while "campuswatch_web_viewers 0.0" not in (await client.get(f"{server.base}/metrics")).text:
                    pass

    async def test_whatever_a_viewer_says_is_ignored(self, watcher: Watcher, district: District) -> None:
        await watcher.connection.send("hello")
        await watcher.connection.send(b"\xff\x00")
        await watcher.until(_tells(district.incident()))
