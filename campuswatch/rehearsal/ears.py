"""NOTIFY on a virtual clock: a notice is heard before time goes on, never «some milliseconds later»."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from campuswatch.rehearsal.loop import VirtualLoop
from domain.errors import StorageError
from storage.notices import NoticeChannel, listen
from storage.pool import Connection, connect, wrapped_errors

#: Given the payloads of the notices that came in one moment.
Heard = Callable[[Connection, list[str]], Awaitable[None]]


class Ears:
    """Stands in for `campuswatch.roles.listening`. While the database is away it tries again every second."""

    def __init__(self, loop: VirtualLoop, dsn: str, reactions: Mapping[NoticeChannel, Heard]) -> None:
        self._loop = loop
        self._dsn = dsn
        self._reactions = reactions
        self._look = asyncio.Event()
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        self._loop.before_jump = self._look.set
        try:
            while True:
                with suppress(StorageError):
                    conn = await connect(self._dsn, name="rehearsal")
                    try:
                        async with wrapped_errors():
                            await self._listen(conn)
                    finally:
                        await conn.close()
                await asyncio.sleep(1.0)
        finally:
            self._loop.before_jump = None

    async def _listen(self, conn: Connection) -> None:
        await listen(conn, *self._reactions)
        for react in self._reactions.values():
            await react(conn, [])
        self.listening.set()
        while True:
            # A round trip: whatever was committed before it has been noticed after it.
            await conn.execute("SELECT 1")
            heard: dict[NoticeChannel, list[str]] = {}
            async for notice in conn.notifies(timeout=0):
                heard.setdefault(NoticeChannel(notice.channel), []).append(notice.payload)
            for channel, payloads in heard.items():
                await self._reactions[channel](conn, payloads)
            if not heard:
                self._loop.touched = False
                await self._look.wait()
            self._look.clear()
