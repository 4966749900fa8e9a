"""The database goes away: nothing old is shown as fresh, and all goes on when it is back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest

from dashboards.schemas.stream import TroubleFrame
from tests.integration.dashboards.desks import web_settings
from tests.integration.dashboards.district import District
from tests.integration.dashboards.line import Line
from tests.integration.dashboards.running import PATIENCE_S, Running, Watcher, running


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


@pytest.fixture
async def line(database: str) -> AsyncIterator[Line]:
    async with Line(database).open() as opened:
        yield opened


@pytest.fixture
async def server(line: Line, district: District) -> AsyncIterator[Running]:
    district.site()
    settings = replace(web_settings(line.dsn), database_timeout_s=1.5, stream_timeout_s=1.0)
    async with running(settings) as started:
        yield started


async def _live(watcher: Watcher) -> None:
    """Until the wall is shown: with limits as short as these, the first look of a busy machine may fail."""
    frame = await watcher.until(lambda frame: frame["type"] != "trouble")
    assert frame["type"] == "snapshot"


async def test_viewers_are_told_of_trouble_and_get_a_snapshot_when_it_is_over(
    server: Running, line: Line, district: District
) -> None:
    async with server.watch() as watcher:
        await _live(watcher)
        line.cut()
        frame = TroubleFrame.model_validate(await watcher.until(lambda frame: frame["type"] == "trouble"))
        assert frame.what == "database"
        assert server.metric("database_up") == 0
        again = await watcher.frame()  # told again and again, and nothing else in between
        assert again["type"] == "trouble"
        incident = district.incident()
        line.mend()
        back = await watcher.until(lambda frame: frame["type"] != "trouble")
        assert back["type"] == "snapshot"
        assert [told["incident_id"] for told in back["incidents"]] == [str(incident)]
        assert server.metric("database_up") == 1


async def test_notices_are_listened_for_again_after_the_outage(
    server: Running, line: Line, database: str, district: District
) -> None:
    async with server.watch() as watcher:
        await _live(watcher)
        line.cut()
        await watcher.until(lambda frame: frame["type"] == "trouble")
        line.mend()
        await watcher.until(lambda frame: frame["type"] == "snapshot")
        with psycopg.connect(database, autocommit=True) as admin:
            deadline = time.monotonic() + PATIENCE_S
            listening = False
            while not listening and time.monotonic() < deadline:
                await watcher.frame()
                listening = bool(
                    admin.execute(
                        "SELECT FROM pg_stat_activity WHERE application_name = 'campuswatch web stream'"
                        " AND datname = current_database()"
                    ).fetchall()
                )
        assert listening
        incident = district.incident()
        await watcher.until(lambda frame: str(incident) in str(frame))


async def test_who_comes_during_an_outage_is_told_of_it_and_of_nothing_older(server: Running, line: Line) -> None:
    async with server.watch() as watcher:
        await _live(watcher)
        line.cut()
        await watcher.until(lambda frame: frame["type"] == "trouble")
        async with server.watch() as late:
            assert (await late.frame())["type"] == "trouble"
            line.mend()
            assert (await late.until(lambda frame: frame["type"] != "trouble"))["type"] == "snapshot"


async def test_a_frozen_database_is_trouble_too(server: Running, line: Line) -> None:
    async with server.watch() as watcher:
        await _live(watcher)
        line.hold()
        began = time.monotonic()
        await watcher.until(lambda frame: frame["type"] == "trouble")
        assert time.monotonic() - began < 10
        line.mend()
        assert (await watcher.until(lambda frame: frame["type"] != "trouble"))["type"] == "snapshot"


@pytest.mark.parametrize("fault", ["cut", "hold"])
async def test_requests_are_answered_with_503_and_when_to_come_back(server: Running, line: Line, fault: str) -> None:
    async with server.client() as client:
        deadline = time.monotonic() + PATIENCE_S
        while (await client.get("/wall")).status_code != 200:
            assert time.monotonic() < deadline
        line.cut() if fault == "cut" else line.hold()
        for path in ("/wall", "/sites", f"/incidents/{uuid4()}", "/quarantine", "/unregistered"):
            began = time.monotonic()
            response = await client.get(path)
            assert response.status_code == 503, path
            assert response.headers["content-type"] == "application/problem+json"
            assert response.headers["retry-after"] == "2"
            assert "127.0.0.1" not in response.text
            assert "connection" not in response.text.lower()
            assert time.monotonic() - began < 15
        response = await client.post(f"/incidents/{uuid4()}/acknowledge", json={"actor": "张伟"})
        assert response.status_code == 503


async def test_health_says_that_the_database_is_away_and_then_that_it_is_back(server: Running, line: Line) -> None:
    async with server.client() as client:
        line.cut()
        response = await client.get("/health")
        assert response.status_code == 200
        assert (response.json()["status"], response.json()["database"]) == ("degraded", "away")
        line.mend()
        deadline = time.monotonic() + PATIENCE_S
        while (await client.get("/health")).json()["status"] != "ok" or (await client.get("/wall")).status_code != 200:
            assert time.monotonic() < deadline


async def test_it_starts_while_the_database_is_away(line: Line, district: District) -> None:
    district.site()
    line.cut()
    async with running(web_settings(line.dsn)) as server, server.watch() as watcher:
        assert (await watcher.frame())["type"] == "trouble"
        line.mend()
        assert (await watcher.until(lambda frame: frame["type"] != "trouble"))["type"] == "snapshot"
