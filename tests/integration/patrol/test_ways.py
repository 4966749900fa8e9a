"""The ways in which pictures come: HTTP with digest, a frame of a stream, pushed over MQTT; and helpers that die."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from campuswatch.patrol.helpers import HelperLost, Helpers
from campuswatch.patrol.jobs import Examine, Unreadable
from campuswatch.patrol.takers import Takers
from domain.camera import CameraSource, Way
from domain.clock import SystemClock
from ingest.pictures.pushed import PushedPictures
from ingest.pictures.snapshot import Snapshots
from ingest.pictures.taken import NoPicture
from ingest.session import BrokerAddress
from simulators.pictures.served import Behaviour, ServedCameras
from simulators.pictures.streamed import StreamedCameras

CLOCK = SystemClock()
KEY = "s001/cam-01"
USER, PASSWORD = "patrol", "a:b@c/ü"


@asynccontextmanager
async def _takers(timeout_s: float) -> AsyncIterator[Takers]:
    async with Snapshots(CLOCK, timeout_s=timeout_s) as snapshots, Helpers(1) as helpers:
        yield Takers(snapshots, helpers, CLOCK, timeout_s=timeout_s)


async def _why(takers: Takers, source: CameraSource) -> tuple[str, bool]:
    with pytest.raises(NoPicture) as refused:
        await takers.take(source)
    return refused.value.reason, refused.value.answered


async def test_a_frame_of_a_stream_and_a_stream_that_hangs() -> None:
    cameras = ServedCameras()
    async with (
        StreamedCameras(cameras, username=USER, password=PASSWORD) as streams,
        _takers(30.0) as patient,
        _takers(3.0) as hasty,
    ):
        url = f"rtsp://127.0.0.1:{streams.port}/{KEY}"
        source = CameraSource(way=Way.STREAM, url=url, username=USER, password=PASSWORD)
        assert (await patient.take(source)).jpeg[:2] == b"\xff\xd8"
        wrong = CameraSource(way=Way.STREAM, url=url, username=USER, password="wrong")
        assert await _why(patient, wrong) == ("no_stream", True)

        cameras.behave(Behaviour(camera=KEY, mode="hang"))
        began = time.monotonic()
        reason, answered = await _why(hasty, source)
        assert reason in ("timeout", "no_frame", "no_stream")  # who gives up first: the helper, or we with it
        assert answered
        assert time.monotonic() - began < 60
    assert await _why(hasty, CameraSource(way=Way.STREAM, url="rtsp://127.0.0.1:9/x")) == ("refused", False)


async def test_a_password_goes_by_digest_where_the_camera_asks_for_it() -> None:
    def digest(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        given = request.headers.get("authorization", "")
        seen.append(given)
        parts = dict(re.findall(r'(\w+)="?([^",]+)"?', given))
        if given.startswith("Digest "):
            known = digest(f"{USER}:camera:{PASSWORD}")
            asked = digest(f"GET:{parts['uri']}")
            middle = f"{parts['nonce']}:{parts['nc']}:{parts['cnonce']}:{parts['qop']}"
            if parts["response"] == digest(f"{known}:{middle}:{asked}"):
                return web.Response(body=b"\xff\xd8 picture")
        challenge = 'Digest realm="camera", nonce="abcdef", qop="auth", algorithm=MD5'
        return web.Response(status=401, headers={"www-authenticate": challenge})

    async with _served(answer) as url, _takers(10.0) as takers:
        source = CameraSource(way=Way.SNAPSHOT, url=url, username=USER, password=PASSWORD)
        assert (await takers.take(source)).jpeg == b"\xff\xd8 picture"
        assert not any(PASSWORD in given or "Basic" in given for given in seen)
        seen.clear()
        assert (await takers.take(source)).jpeg == b"\xff\xd8 picture"
        assert len(seen) == 1  # how it wants the password is known now
        wrong = CameraSource(way=Way.SNAPSHOT, url=url, username=USER, password="wrong")
        assert await _why(takers, wrong) == ("unauthorized", True)


async def test_nobody_is_sent_on_and_nothing_endless_is_read() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/moved":
            raise web.HTTPFound("/picture")
        endless = web.StreamResponse()
        await endless.prepare(request)
        while True:
            await endless.write(b"\xff" * 2**20)

    async with _served(answer) as url, _takers(30.0) as takers:
        assert await _why(takers, CameraSource(way=Way.SNAPSHOT, url=f"{url}moved")) == ("http", True)
        assert await _why(takers, CameraSource(way=Way.SNAPSHOT, url=f"{url}endless")) == ("too_large", True)


@asynccontextmanager
async def _served(answer: object) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/{path:.*}", answer)  # type: ignore[arg-type]
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_pictures_are_pushed_and_of_each_camera_the_newest_waits(mosquitto: str) -> None:
    address = BrokerAddress.parse(mosquitto)
    camera = Client(CallbackAPIVersion.VERSION2, client_id="test-pushing-camera")
    camera.connect(address.host, address.port)
    camera.loop_start()
    try:
        async with PushedPictures(address, CLOCK, client_id="test-patrol") as pushed, asyncio.timeout(60):

            def push(device: str, jpeg: bytes) -> None:
                camera.publish(f"campus/v1/s-push/{device}/picture", jpeg, qos=1).wait_for_publish(10)

            # Until it listens.
            first = asyncio.create_task(pushed.next())
            while not first.done():
                await asyncio.to_thread(push, "cam-00", b"\xff\xd8 0")
                await asyncio.sleep(0.05)
            site, device, picture = await first
            assert (site, device, picture.jpeg) == ("s-push", "cam-00", b"\xff\xd8 0")

            for jpeg in (b"\xff\xd8 1", b"\xff\xd8 2"):
                await asyncio.to_thread(push, "cam-01", jpeg)
            await asyncio.to_thread(push, "cam@02", b"no such name")
            await asyncio.to_thread(push, "cam-03", b"\xff\xd8 3")
            waiting = [await pushed.next()]
            while waiting[-1][1] != "cam-03":
                waiting.append(await pushed.next())
            # Where both had come before anybody asked, the newest alone.
            assert waiting[-2][1:] == ("cam-01", waiting[-2][2])
            assert waiting[-2][2].jpeg == b"\xff\xd8 2"
            assert pushed.refused == 1
    finally:
        camera.disconnect()
        camera.loop_stop()


async def test_a_helper_that_dies_or_hangs_is_replaced() -> None:
    speaks = "import sys; sys.stdout.buffer.write(bytes(4)); sys.stdout.flush(); "
    job = Examine(jpeg=b"garbage", memory=b"", at=datetime.now(UTC))
    async with Helpers(1, command=(sys.executable, "-c", speaks + "sys.stdin.buffer.read(1)")) as dying:
        for lost in (1, 2):
            with pytest.raises(HelperLost, match="died"):
                await dying.ask(job, timeout_s=30)
            assert dying.lost == lost
    async with Helpers(1, command=(sys.executable, "-c", speaks + "import time; time.sleep(600)")) as hanging:
        with pytest.raises(HelperLost, match="too long"):
            await hanging.ask(job, timeout_s=0.2)
    async with Helpers(1) as real:
        assert await real.ask(job, timeout_s=30) == Unreadable(reason="not_jpeg")
        assert real.lost == 0
