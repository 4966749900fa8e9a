"""Cameras for the benchmark of the patrol: pictures that were drawn before, over HTTP with digest, as cheap as can be.

``python -m benchmarks.rota_cameras PORT FOLDER``: ``/{camera}/{scene}/{mode}`` gives the next picture of a scene, or
misbehaves. It is a process of its own, so that its time is not the patrol's.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from aiohttp import web

from detectors.pictures.decoding import decoded
from detectors.pictures.diagnosis import step
from detectors.pictures.limits import SETTLED
from detectors.pictures.look import look
from detectors.pictures.memory import Memory
from simulators.pictures.camera import Camera
from simulators.pictures.scenery import drawn
from simulators.pictures.served import HUGE

USER, PASSWORD, REALM = "patrol", "bench-only", "camera"
FULL_HD = (1920, 1080)
#: Noon of the district.
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
#: Pictures of a scene, taken in turn: one that is the same as before would be called frozen.
MOMENTS = 4


def draw(folder: Path, scenes: int) -> list[bytes]:
    """Draw every scene's pictures into ``folder``; what a camera before each of them remembers once it is settled."""
    memories = []
    for scene in range(scenes):
        camera = Camera(number=scene, scenery=drawn(scene, FULL_HD), size=FULL_HD, begun=NOON, indoors=True)
        shown = [camera.picture(NOON + place * timedelta(minutes=7)) for place in range(MOMENTS)]
        for place, jpeg in enumerate(shown):
            (folder / f"{scene}-{place}.jpg").write_bytes(jpeg)
        memories.append(_settled([decoded(jpeg) for jpeg in shown]))
    return memories


def _settled(shown: list[np.ndarray]) -> bytes:
    memory, chance = Memory(), np.random.default_rng(7)
    for number in range(SETTLED + 4):
        pixels = shown[number % len(shown)]
        grain = chance.normal(0, 1.0, pixels.shape)
        seen = look(np.clip(pixels + grain, 0, 255).astype(np.uint8))
        memory = step(memory, seen, NOON - timedelta(hours=60 - number)).memory
    return memory.packed()


class _Cameras:
    def __init__(self, folder: Path) -> None:
        self._pictures: dict[str, list[bytes]] = {}
        for file in sorted(folder.glob("*.jpg")):
            self._pictures.setdefault(file.stem.partition("-")[0], []).append(file.read_bytes())
        self._asked: Counter[str] = Counter()

    async def answer(self, request: web.Request) -> web.Response:
        camera, scene, mode = (request.match_info[name] for name in ("camera", "scene", "mode"))
        if mode == "refuse" or not _may(request):
            return _who_are_you()
        if mode == "hang":
            await asyncio.sleep(3600)
        pictures = self._pictures[scene]
        self._asked[camera] += 1
        jpeg = pictures[self._asked[camera] % len(pictures)]
        body = {"garbage": b"<html>starting</html>" * 40, "huge": HUGE, "cut": jpeg[: len(jpeg) // 2]}.get(mode, jpeg)
        return web.Response(body=body, content_type="image/jpeg")


def _who_are_you() -> web.Response:
    challenge = f'Digest realm="{REALM}", nonce="0011223344", qop="auth", algorithm=MD5'
    return web.Response(status=401, headers={"www-authenticate": challenge})


def _may(request: web.Request) -> bool:
    given = request.headers.get("authorization", "")
    if not given.startswith("Digest "):
        return False
    parts = dict(re.findall(r'(\w+)="?([^",]+)"?', given))
    known, asked = _md5(f"{USER}:{REALM}:{PASSWORD}"), _md5(f"GET:{parts['uri']}")
    wanted = _md5(f"{known}:{parts['nonce']}:{parts['nc']}:{parts['cnonce']}:{parts['qop']}:{asked}")
    return parts.get("response") == wanted


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


async def _serve(port: int, folder: Path) -> None:
    app = web.Application()
    app.add_routes([web.get("/{camera}/{scene}/{mode}", _Cameras(folder).answer)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=512).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
