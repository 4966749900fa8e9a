"""Viewers that take too little, come in too great a number, or from somewhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import Message
from websockets.exceptions import InvalidStatus

from dashboards.routes import stream
from tests.integration.dashboards.desks import web_settings
from tests.integration.dashboards.district import District
from tests.integration.dashboards.running import PATIENCE_S, application, running


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


class SlowViewer:
    """Speaks ASGI itself, so that it alone decides when a frame is taken."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._takes = asyncio.Event()
        self._takes.set()
        self._from_viewer: asyncio.Queue[Message] = asyncio.Queue()
        self.frames: list[dict[str, Any]] = []
        self._arrived = asyncio.Event()
        self.sending = asyncio.Event()

    async def run(self) -> None:
        self._from_viewer.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 40000),
            "root_path": "",
            "path": "/api/v1/stream",
            "raw_path": b"/api/v1/stream",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
            "subprotocols": [],
            "state": {},
            "extensions": {"websocket.http.response": {}},
        }
        await self._app(scope, self._from_viewer.get, self._send)

    async def _send(self, message: Message) -> None:
        if message["type"] == "websocket.send":
            self.sending.set()
            await self._takes.wait()
            self.frames.append(json.loads(message["text"]))
            self._arrived.set()

    def stall(self) -> None:
        self._takes.clear()
        self.sending.clear()

    def go_on(self) -> None:
        self._takes.set()

    def leave(self) -> None:
        self._from_viewer.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while not self.frames:
                self._arrived.clear()
                await self._arrived.wait()
        return self.frames.pop(0)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def live_app(database: str, district: District, registry: CollectorRegistry) -> AsyncIterator[FastAPI]:
    district.site()
    async with application(web_settings(database), registry) as app, app.router.lifespan_context(app):
        yield app


async def test_a_viewer_that_fell_behind_gets_the_wall_of_now_instead_of_all_it_missed(
    live_app: FastAPI, district: District, registry: CollectorRegistry
) -> None:
    viewer = SlowViewer(live_app)
    watching = asyncio.create_task(viewer.run())
    assert (await viewer.next())["type"] == "snapshot"
    viewer.stall()
    incidents = []
    async with asyncio.timeout(PATIENCE_S):
        while not registry.get_sample_value("campuswatch_web_viewer_drops_total", {"reason": "overflow"}):
            incidents.append(str(district.incident()))
            await asyncio.sleep(0.1)
    incidents.append(str(district.incident()))
    viewer.go_on()
    frames = [await viewer.next(), await viewer.next()]
    assert [frame["type"] for frame in frames] == ["delta", "snapshot"]  # the first was on its way already
    told = {incident["incident_id"] for incident in frames[1]["incidents"]}
    if incidents[-1] not in told:  # raised so late that it comes as a change
        last = await viewer.next()
        told |= {incident["incident_id"] for incident in last["incidents"]}
    assert told == set(incidents)
    viewer.leave()
    await watching


async def test_a_viewer_that_takes_nothing_for_long_is_cut_off(
    live_app: FastAPI, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SEND_TIMEOUT_S", 0.2)
    viewer = SlowViewer(live_app)
    watching = asyncio.create_task(viewer.run())
    await viewer.next()
    viewer.stall()
    async with asyncio.timeout(PATIENCE_S):
        await watching
    assert registry.get_sample_value("campuswatch_web_viewer_drops_total", {"reason": "slow"}) == 1
    assert registry.get_sample_value("campuswatch_web_viewers") == 0


async def test_a_slow_viewer_holds_up_nobody(live_app: FastAPI, district: District) -> None:
    slow, quick = SlowViewer(live_app), SlowViewer(live_app)
    tasks = [asyncio.create_task(slow.run()), asyncio.create_task(quick.run())]
    await slow.next()
    await quick.next()
    slow.stall()
    incident = str(district.incident())
    async with asyncio.timeout(5):
        while incident not in str(await quick.next()):
            pass
    for viewer in (slow, quick):
        viewer.leave()
    await asyncio.gather(*tasks)


async def test_more_viewers_than_the_limit_are_turned_away(database: str) -> None:
    async with running(replace(web_settings(database), max_viewers=1)) as server, server.watch() as first:
        await first.frame()
        with pytest.raises(InvalidStatus) as refused:
            async with server.watch():
                pass
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["retry-after"]
        assert server.metric("viewer_drops_total", reason="full") == 1


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
async def test_pages_of_another_origin_see_nothing(database: str, origin: str) -> None:
    async with running(web_settings(database)) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with server.watch(origin=origin):
                pass
        assert refused.value.response.status_code == 403


async def test_our_own_pages_may_watch(database: str) -> None:
    async with running(web_settings(database)) as server, server.watch(origin=server.base) as watcher:
        assert (await watcher.frame())["type"] == "snapshot"


async def test_a_name_that_is_not_ours_is_turned_away_from_the_stream(database: str) -> None:
    async with running(web_settings(database)) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with server.watch(additional_headers={"Host": "evil.example"}):
                pass
        assert refused.value.response.status_code == 400
