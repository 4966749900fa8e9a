"""Police, education and the duty leader's telephone, played in this process: receipts are timed on our own clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from campuswatch.secrets import webhook_secret
from simulators.receipts import Received
from simulators.receivers import LinkName, Receivers, listen


class FarEnd:
    """``answered`` of a device is when (`time.perf_counter`) the police link had answered its alarm."""

    def __init__(self) -> None:
        self._secret = webhook_secret()
        self._receivers = Receivers(police_secret=self._secret, education_secret=self._secret)
        self._listening = listen("127.0.0.1", 0)
        self._waiting: dict[str, asyncio.Future[float]] = {}
        self.port: int = self._listening.getsockname()[1]

    @property
    def environment(self) -> dict[str, str]:
        """What makes a control room's links lead here."""
        settings = {}
        for link in ("police", "education"):
            settings[f"CAMPUSWATCH_LINKS__{link.upper()}__URL"] = f"http://127.0.0.1:{self.port}/{link}"
            settings[f"CAMPUSWATCH_LINKS__{link.upper()}__SECRET"] = self._secret
        return settings

    @property
    def phone(self) -> str:
        return f"json://127.0.0.1:{self.port}/phone"

    def expect(self, device_id: str) -> asyncio.Future[float]:
        """Done with the time at which the answer to this device's alarm was on its way."""
        self._waiting[device_id] = asyncio.get_running_loop().create_future()
        return self._waiting[device_id]

    def copies(self) -> int:
        """Deliveries to the police that had been taken before."""
        return sum(entry.copies - 1 for entry in self._receivers.books[LinkName.POLICE].received)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        application = self._timed(self._receivers.application())
        server = uvicorn.Server(
            uvicorn.Config(application, log_level="critical", access_log=False, timeout_graceful_shutdown=1)
        )
        serving = asyncio.create_task(server.serve(sockets=[self._listening]), name="far end")
        try:
            yield
        finally:
            server.should_exit = True
            await serving

    def _timed(self, application: ASGIApp) -> ASGIApp:
        async def timed(scope: Scope, receive: Receive, send: Send) -> None:
            await application(scope, receive, send)
            at = perf_counter()
            if scope["type"] == "http" and scope["path"] == "/police":
                headers = dict(scope["headers"])
                self._note(headers.get(b"webhook-id", b"").decode(), at)

        return timed

    def _note(self, webhook_id: str, at: float) -> None:
        entry = self._entry(webhook_id)
        if entry is None or entry.type != "incident.raised":
            return
        device = entry.data.get("device") or {}
        waiting = self._waiting.pop(str(device.get("device_id")), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(at)

    def _entry(self, webhook_id: str) -> Received | None:
        newest_first = reversed(self._receivers.books[LinkName.POLICE].received)
        return next((entry for entry in newest_first if entry.webhook_id == webhook_id), None)
