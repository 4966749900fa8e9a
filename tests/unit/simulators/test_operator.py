"""A duty leader who acknowledges, in front of a control room that is played here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiohttp import web

from simulators.errors import WallRefused
from simulators.operator import Operator
from simulators.receivers import Receivers, listen, serving

SECRET = "whsec_cG9saWNlLXBvbGljZS1wb2xpY2U="


def incident(number: int, site: str, place: str) -> dict[str, Any]:
    return {
        "incident_id": f"00000000-0000-0000-0000-{number:012d}",
        "number": number,
        "rule": "one_key_alarm",
        "severity": "critical",
        "test": False,
        "drill": False,
        "raised_at": "2026-11-22T01:30:00+00:00",
        "last_event_at": "2026-11-22T01:30:00+00:00",
        "site_id": "s001",
        "site_name": site,
        "device_id": "s001-btn-01",
        "device_name": "一键报警",
        "place": place,
        "state": "raised",
    }


class Wall:
    """Two pages of a queue, and a note of what was done to whom."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []
        self.pages = [
            [incident(1, "明德小学", "食堂"), incident(2, "明德小学", "门卫室")],
            [incident(3, "前黄幼儿园", "门卫室"), incident(4, "明德小学", "食堂")],
        ]

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/api/v1/incidents", self._queue),
                web.post("/api/v1/incidents/{id}/{action}", self._act),
                web.post("/n/{token}", self._tapped),
            ]
        )
        return app

    async def _queue(self, request: web.Request) -> web.Response:
        if request.query["state"] != "raised":
            return web.json_response({"items": []})
        second = request.query.get("cursor") == "more"
        return web.json_response({"items": self.pages[second], "next_cursor": None if second else "more"})

    async def _act(self, request: web.Request) -> web.Response:
        number, action = int(request.match_info["id"][-2:]), request.match_info["action"]
        if action == "close":
            return web.json_response({"detail": "not reset yet"}, status=409)
        self.done.append((action, f"{number} {(await request.json())['actor']}"))
        return web.json_response({})

    async def _tapped(self, request: web.Request) -> web.Response:
        self.done.append(("tapped", request.match_info["token"]))
        return web.json_response({})


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def url(wall: Wall) -> AsyncIterator[str]:
    listening = listen("127.0.0.1", 0)
    async with serving(wall.application(), listening):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def ring(phone: httpx.AsyncClient, title: str, message: str = "") -> None:
    assert (await phone.post("/phone", json={"title": title, "message": message})).status_code == 200


async def acknowledge(url: str, title: str, message: str = "") -> httpx.Response:
    """The receivers with a leader, one notice, and the leader's thumb."""
    listening = listen("127.0.0.1", 0)
    async with Operator(url) as operator:
        receivers = Receivers(police_secret=SECRET, education_secret=SECRET, operator=operator)
        async with (
            serving(receivers.application(), listening),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", trust_env=False) as phone,
        ):
            await ring(phone, title, message)
            return await phone.post("/phone/acknowledge")


async def test_a_leader_acknowledges_the_newest_incident_of_the_site_and_place(wall: Wall, url: str) -> None:
    answer = await acknowledge(url, "【紧急】一键报警 明德小学 食堂")
    assert answer.status_code == 200
    assert answer.json()["done"] == "incident 4 acknowledged"
    assert answer.json()["acknowledged_at"]
    assert wall.done == [("acknowledge", "4 带班领导（模拟）")]


async def test_a_number_in_the_notice_says_which_incident_it_is(wall: Wall, url: str) -> None:
    answer = await acknowledge(url, "【紧急】一键报警 明德小学 食堂 #1")
    assert answer.status_code == 200
    assert wall.done == [("acknowledge", "1 带班领导（模拟）")]
    assert (await acknowledge(url, "【紧急】一键报警 明德小学 食堂 #99")).status_code == 502
    assert len(wall.done) == 1


async def test_a_notice_that_fits_nothing_stays_unacknowledged(wall: Wall, url: str) -> None:
    answer = await acknowledge(url, "一键报警 别的学校")
    assert answer.status_code == 502
    assert "别的学校" in answer.json()["detail"]
    assert wall.done == []


async def test_a_link_in_the_notice_is_tapped_instead(wall: Wall, url: str) -> None:
    answer = await acknowledge(url, "一键报警 明德小学", f"确认：{url}/n/abc")
    assert answer.status_code == 200
    assert wall.done == [("tapped", "abc")]


async def test_a_link_to_another_machine_is_not_followed(url: str) -> None:
    answer = await acknowledge(url, "一键报警 明德小学", "http://192.0.2.1/n/abc")
    assert answer.status_code == 502
    assert "192.0.2.1" in answer.json()["detail"]


async def test_what_the_control_room_refuses_is_told(url: str) -> None:
    async with Operator(url) as operator:
        with pytest.raises(WallRefused, match="not reset yet"):
            await operator.act("00000000-0000-0000-0000-000000000001", "close", actor="张伟")


async def test_a_wall_that_is_not_there_is_named() -> None:
    with listen("127.0.0.1", 0) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    async with Operator(url) as operator:
        with pytest.raises(WallRefused, match=url):
            await operator.queue()
