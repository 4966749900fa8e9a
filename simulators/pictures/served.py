"""Simulated cameras on HTTP: a snapshot for each at ``/{site}/{device}.jpg``, with faults and misbehaviour on order.

``POST /behaviour`` with ``{"camera": "s001/s001-cam-01", "mode": "covered"}`` makes one faulty, from then on; modes are
the faults of `simulators.pictures.faults`, and what a camera's server may do: ``ok``, ``hang``, ``garbage``, ``refuse``
(401), ``error`` (500), ``huge`` (the header of a picture of 100 megapixels), ``cut`` (half a picture).
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zlib import crc32

import msgspec
from aiohttp import web

from domain.clock import Clock, SystemClock
from simulators.pictures.camera import Camera
from simulators.pictures.faults import Fault, FaultKind
from simulators.pictures.scenery import drawn, indoors

MISBEHAVIOUR = ("ok", "hang", "garbage", "refuse", "error", "huge", "cut")
MODES = (*MISBEHAVIOUR, *(kind.value for kind in FaultKind))
#: A JPEG whose header says 10,000 by 10,000.
HUGE = (
    bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0001108") + (10_000).to_bytes(2, "big") * 2
    + bytes.fromhex("03012200021101031101ffda000c03010002110311003f00") + b"\0" * 64 + b"\xff\xd9"
)  # fmt: skip


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``camera``: ``site/device``. ``strength`` of a fault from 0 to 1."""

    camera: str
    mode: str = "ok"
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class _Since:
    behaviour: Behaviour
    at: datetime


class ServedCameras:
    """``username`` empty = who asks gets pictures."""

    def __init__(self, *, clock: Clock | None = None, username: str = "", password: str = "") -> None:
        self._clock = clock or SystemClock()
        self._wanted = b"Basic " + base64.b64encode(f"{username}:{password}".encode()) if username else b""
        self._behaviours: dict[str, _Since] = {}
        self._begun = self._clock.now()
        self._camera = lru_cache(maxsize=512)(self._made)
        self._drawing = asyncio.Semaphore(1)

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.get("/{site}/{device}.jpg", self._answer), web.post("/behaviour", self._behave)])
        return app

    def behave(self, behaviour: Behaviour) -> None:
        """From now on."""
        if behaviour.mode not in MODES:
            raise ValueError(f"mode: expected one of {', '.join(MODES)}")
        self._behaviours[behaviour.camera] = _Since(behaviour, self._clock.now())

    def mode(self, key: str) -> str:
        since = self._behaviours.get(key)
        return "ok" if since is None else since.behaviour.mode

    def picture(self, key: str, at: datetime) -> bytes:
        """The JPEG of a moment. Blocking: some twenty milliseconds."""
        since = self._behaviours.get(key)
        if since is None or since.behaviour.mode in MISBEHAVIOUR:
            return self._camera(key).picture(at)
        fault = Fault(kind=FaultKind(since.behaviour.mode), strength=since.behaviour.strength, seed=crc32(key.encode()))
        return self._camera(key).picture(at, fault, since=since.at)

    def _made(self, key: str) -> Camera:
        number = crc32(key.encode()) % 100_000
        return Camera(number=number, scenery=drawn(number), begun=self._begun, indoors=indoors(number))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self._wanted and not hmac.compare_digest(request.headers.get("authorization", "").encode(), self._wanted):
            return web.Response(status=401, headers={"www-authenticate": 'Basic realm="camera"'})
        key = f"{request.match_info['site']}/{request.match_info['device']}"
        since = self._behaviours.get(key)
        match since.behaviour.mode if since else "ok":
            case "hang":
                await asyncio.sleep(3600)
            case "garbage":
                return web.Response(body=b"<html>camera is starting</html>" * 40, content_type="image/jpeg")
            case "refuse":
                return web.Response(status=401, headers={"www-authenticate": 'Basic realm="camera"'})
            case "error":
                return web.Response(status=500)
            case "huge":
                return web.Response(body=HUGE, content_type="image/jpeg")
        async with self._drawing:
            jpeg = await asyncio.to_thread(self.picture, key, self._clock.now())
        if since and since.behaviour.mode == "cut":
            jpeg = jpeg[: len(jpeg) // 2]
        return web.Response(body=jpeg, content_type="image/jpeg")

    async def _behave(self, request: web.Request) -> web.Response:
        try:
            self.behave(msgspec.json.decode(await request.read(), type=Behaviour))
        except (msgspec.DecodeError, ValueError) as error:
            return web.Response(status=422, text=str(error))
        return web.Response(status=204)
