"""Police, education and the duty leader's telephone, in a process of their own.

Receipts are timed there by the clock that all processes of a machine share (`time.perf_counter` on Linux).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from time import perf_counter

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from campuswatch.secrets import webhook_secret
from simulators.far_ends import LinkName
from simulators.receipts import Received
from simulators.receivers import Receivers, listen, serving

COPIES = "copies"


class FarEnd:
    """`expect` is answered with when (`time.perf_counter`) the police link had answered a device's alarm;
    ``answered_at`` holds the same of every device.
    """

    def __init__(self) -> None:
        self._secret = webhook_secret()
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_play, args=(self._secret, theirs), daemon=True)
        self._waiting: dict[str, asyncio.Future[float]] = {}
        self.answered_at: dict[str, float] = {}
        self._copies: asyncio.Future[int] | None = None
        self._process.start()
        self.port: int = self._pipe.recv()

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

    async def copies(self) -> int:
        """Deliveries to the police that had been taken before."""
        self._copies = asyncio.get_running_loop().create_future()
        self._pipe.send(COPIES)
        return await self._copies

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pipe.fileno(), self._hear)
        try:
            yield
        finally:
            loop.remove_reader(self._pipe.fileno())
            self._process.terminate()
            await asyncio.to_thread(self._process.join, 5)

    def _hear(self) -> None:
        while self._pipe.poll():
            heard = self._pipe.recv()
            if isinstance(heard, int):
                if self._copies is not None:
                    self._copies.set_result(heard)
                continue
            device_id, at = heard
            self.answered_at.setdefault(device_id, at)
            waiting = self._waiting.pop(device_id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(at)


def _play(secret: str, pipe: Pipe) -> None:
    with suppress(KeyboardInterrupt):
        asyncio.run(_Player(secret, pipe).run())


class _Player:
    """The far end's own process."""

    def __init__(self, secret: str, pipe: Pipe) -> None:
        self._receivers = Receivers(police_secret=secret, education_secret=secret)
        self._pipe = pipe

    async def run(self) -> None:
        application = self._receivers.application()
        application.middlewares.insert(0, self._timed())
        listening = listen("127.0.0.1", 0)
        async with serving(application, listening):
            self._pipe.send(listening.getsockname()[1])
            while True:
                await asyncio.sleep(0.05)
                while self._pipe.poll():
                    if self._pipe.recv() == COPIES:
                        book = self._receivers.far_ends.books[LinkName.POLICE]
                        self._pipe.send(sum(entry.copies - 1 for entry in book.received))

    def _timed(self) -> Middleware:
        @web.middleware
        async def timed(request: web.Request, handler: Handler) -> web.StreamResponse:
            answer = await handler(request)
            if request.path == "/police":
                await answer.prepare(request)
                await answer.write_eof()
                self._note(request.headers.get("webhook-id", ""), perf_counter())
            return answer

        return timed

    def _note(self, webhook_id: str, at: float) -> None:
        entry = self._entry(webhook_id)
        if entry is not None and entry.type == "incident.raised" and entry.copies == 1:
            device = entry.data.get("device") or {}
            self._pipe.send((str(device.get("device_id")), at))

    def _entry(self, webhook_id: str) -> Received | None:
        newest_first = reversed(self._receivers.far_ends.books[LinkName.POLICE].received)
        return next((entry for entry in newest_first if entry.webhook_id == webhook_id), None)
