"""Four hundred who have signed in watch the stream, which has news twice a second; one of them stops reading.

The web role's CPU with all of them, beside that with one; how long after the first of them each gets a frame, without
and with one that takes nothing; and how soon all have a whole wall again when all come back in the same moment.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import psycopg
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.control_room import ControlRoom
from benchmarks.processes import used
from benchmarks.screen.house import full_room, url
from benchmarks.sheet import Plan, Sheet
from benchmarks.stage import Spread
from campuswatch.demo_accounts import ACCOUNT, password_file, read_secret
from storage.notices import NoticeChannel

VIEWERS, QUICK_VIEWERS = 400, 40
WATCH_S, QUICK_WATCH_S = 20.0, 5.0
EVERY_S = 0.5
MOST_CORES, MOST_BACK_S, LEAST_FRAMES_S = 0.10, 2.0, 1.9

#: An incident is told anew without being another: its time of the last event.
_NEWS = """
WITH one AS (
    UPDATE incident SET last_event_at = now(), changed_at = now() WHERE incident_id = (
        SELECT incident_id FROM incident WHERE state = 'acknowledged' ORDER BY number DESC LIMIT 1)
    RETURNING incident_id
)
SELECT pg_notify(%s, incident_id::text) FROM one
"""


class Viewer:
    """``heard``: when each frame came, on this process's clock."""

    def __init__(self, stream: ClientConnection) -> None:
        self.heard: list[float] = []
        self._stream = stream

    async def watch(self) -> None:
        async for _ in self._stream:
            self.heard.append(time.perf_counter())


def measure(plan: Plan) -> Sheet:
    return asyncio.run(_measure(plan))


async def _measure(plan: Plan) -> Sheet:
    many = QUICK_VIEWERS if plan.quick else VIEWERS
    seconds = QUICK_WATCH_S if plan.quick else WATCH_S
    async with full_room(plan) as room:
        cookie = await _sign_in(room)
        async with _watching(room, cookie, 1) as few:
            one = await _news(room, few, seconds)
        async with _watching(room, cookie, many) as all_of_them:
            plain = await _news(room, all_of_them, seconds)
            with socket.create_connection(("127.0.0.1", room.port)) as stuck:
                await asyncio.to_thread(_begin_and_never_read, stuck, room, cookie)
                beside = await _news(room, all_of_them, seconds)
        back_s = await _come_back(room, cookie, many)
    sheet = Sheet(
        columns=("viewers", "frames a second", "cores of the web role", "lag p50 ms", "lag p99 ms", "most ms")
    )
    for name, found in (("1", one), (f"{many}", plain), (f"{many}, one more reads nothing", beside)):
        lag = Spread.of(found.lags_s, unit=1e-3)
        sheet.rows.append((name, found.frames_s, found.cores, lag.p50, lag.p99, lag.most))
    back = Spread.of(back_s, unit=1e-3)
    sheet.notes = [
        f"{many} viewers : one viewer = {plain.cores / one.cores:.2f} (CPU of the web role)",
        f"all {many} back at once: a whole wall after {back.p50:.0f} ms (p50), the last one after {back.most:.0f} ms",
        "lag: behind the viewer that had the same frame first",
    ]
    sheet.figures = {"cores": [one.cores, plain.cores, beside.cores], "back_s": back_s}
    if not plan.quick:
        if max(plain.cores, beside.cores) > MOST_CORES:
            sheet.faults.append(
                f"the web role took {max(plain.cores, beside.cores):.3f} cores; {MOST_CORES} are allowed"
            )
        if (fewest := min(one.frames_s, plain.frames_s, beside.frames_s)) < LEAST_FRAMES_S:
            sheet.faults.append(f"only {fewest:.2f} frames came a second")
        if max(back_s) > MOST_BACK_S:
            sheet.faults.append(f"the last one was back after {max(back_s):.1f} s; {MOST_BACK_S:.0f} are allowed")
    return sheet


async def _sign_in(room: ControlRoom) -> str:
    """The cookie of a session."""
    said = {"account": ACCOUNT, "password": read_secret(password_file(room.data))}
    async with httpx.AsyncClient(base_url=url(room), trust_env=False, timeout=30) as client:
        answer = await client.post("/api/v1/session", json=said)
        answer.raise_for_status()
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


@asynccontextmanager
async def _watching(room: ControlRoom, cookie: str, count: int) -> AsyncIterator[Sequence[Viewer]]:
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        viewers = [Viewer(await stack.enter_async_context(_stream(room, cookie))) for _ in range(count)]
        tasks = [group.create_task(one.watch(), name="viewer") for one in viewers]
        await asyncio.sleep(2)
        yield viewers
        for task in tasks:
            task.cancel()


def _stream(room: ControlRoom, cookie: str) -> connect:
    return connect(
        f"ws://127.0.0.1:{room.port}/api/v1/stream",
        max_size=None,
        compression=None,
        open_timeout=30,
        additional_headers={"cookie": cookie, "origin": url(room)},
    )


class Found:
    """``lags_s``: of each frame at each viewer, behind the one that had it first."""

    def __init__(self, viewers: Sequence[Viewer], cores: float, seconds: float) -> None:
        self.cores = cores
        frames = min(len(one.heard) for one in viewers)
        self.frames_s = frames / seconds
        firsts = [min(one.heard[place] for one in viewers) for place in range(frames)]
        self.lags_s = [one.heard[place] - first for one in viewers for place, first in enumerate(firsts)]


async def _news(room: ControlRoom, viewers: Sequence[Viewer], seconds: float) -> Found:
    """News twice a second for ``seconds``."""
    for one in viewers:
        one.heard.clear()
    async with await psycopg.AsyncConnection.connect(room.dsn, autocommit=True) as conn:
        before, began = used(room.pid)["web"].cpu_s, time.monotonic()
        while (spent_s := time.monotonic() - began) < seconds:
            await conn.execute(_NEWS, (NoticeChannel.INCIDENT.value,))
            await asyncio.sleep(EVERY_S - (time.monotonic() - began) % EVERY_S)
        await asyncio.sleep(0.3)
        return Found(viewers, (used(room.pid)["web"].cpu_s - before) / spent_s, spent_s)


def _begin_and_never_read(stuck: socket.socket, room: ControlRoom, cookie: str) -> None:
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lines = (
        "GET /api/v1/stream HTTP/1.1",
        f"Host: 127.0.0.1:{room.port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: bm9ib2R5IHJlYWRzIGl0IQ==",
        f"Origin: {url(room)}",
        f"Cookie: {cookie}",
    )
    stuck.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())


async def _come_back(room: ControlRoom, cookie: str, count: int) -> list[float]:
    """All in the same moment: the seconds until each has a whole wall."""
    began = time.perf_counter()

    async def one() -> float:
        async with _stream(room, cookie) as stream:
            await stream.recv()
            return time.perf_counter() - began

    return list(await asyncio.gather(*(one() for _ in range(count))))
