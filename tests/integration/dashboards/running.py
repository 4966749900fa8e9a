"""The application under a real uvicorn, and somebody who watches it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import ClientConnection, connect

from dashboards.app import create_app
from dashboards.server import serve
from dashboards.settings import WebSettings
from storage.pool import open_pool
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder
from tests.integration.dashboards.district import SetClock

PATIENCE_S = 20.0


class Watcher:
    """One viewer of the stream."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.last_text = ""

    async def frame(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            text = await self.connection.recv()
        assert isinstance(text, str)
        self.last_text = text
        parsed: dict[str, Any] = json.loads(text)
        return parsed

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next frame that is ``wanted``."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = await self.frame()
                if wanted(frame):
                    return frame


@dataclass(frozen=True)
class Running:
    """``base`` is the URL of the server, without a path."""

    base: str
    registry: CollectorRegistry
    task: asyncio.Task[None]

    @asynccontextmanager
    async def watch(self, **options: Any) -> AsyncIterator[Watcher]:
        url = self.base.replace("http", "ws", 1) + "/api/v1/stream"
        async with connect(url, compression=None, proxy=None, **options) as connection:
            yield Watcher(connection)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(base_url=f"{self.base}/api/v1", timeout=PATIENCE_S, trust_env=False) as opened:
            yield opened

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"campuswatch_web_{name}", labels) or 0.0


@asynccontextmanager
async def application(settings: WebSettings, registry: CollectorRegistry) -> AsyncIterator[FastAPI]:
    clock = SetClock()
    async with open_pool(settings.dsn, name="web") as pool:
        yield create_app(
            pool=pool,
            desk=Desk(pool, clock),
            registrar=Registrar(pool, clock),
            replayer=Replayer(),
            assessor=assessor(pool, clock),
            responder=responder(pool, clock),
            settings=settings,
            clock=clock,
            version="0.1.0",
            registry=registry,
        )


@asynccontextmanager
async def running(settings: WebSettings) -> AsyncIterator[Running]:
    registry = CollectorRegistry()
    async with application(settings, registry) as app:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serve(app, "127.0.0.1", 0, on_listening=port.set_result))
        try:
            async with asyncio.timeout(PATIENCE_S):
                number = await port
            yield Running(f"http://127.0.0.1:{number}", registry, task)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
