"""NOTIFY on a virtual clock: a notice is heard before time goes on, never «some milliseconds later»."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from campuswatch.rehearsal.loop import VirtualLoop
from campuswatch.roles.listening import Reaction
from domain.errors import StorageError
from storage.notices import NoticeChannel, listen
from storage.pool import Connection, connect, wrapped_errors


class Ears:
    """Stands in for `campuswatch.roles.listening`, with one connection for all who react. While the database is away
    it tries again every second.
    """

    def __init__(self, loop: VirtualLoop, dsn: str) -> None:
        self._loop = loop
        self._dsn = dsn
        self._reactions: list[Mapping[NoticeChannel, Reaction]] = []
        self._fresh: list[Mapping[NoticeChannel, Reaction]] = []  # of these none has run yet
        self._look = asyncio.Event()

    async def react(self, reactions: Mapping[NoticeChannel, Reaction]) -> None:
        """Until cancelled."""
        self._reactions.append(reactions)
        self._fresh.append(reactions)
        self._look.set()
        try:
            await asyncio.Event().wait()
        finally:
            self._reactions.remove(reactions)
            if reactions in self._fresh:
                self._fresh.remove(reactions)

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
                self._fresh = list(self._reactions)
        finally:
            self._loop.before_jump = None

    async def _listen(self, conn: Connection) -> None:
        await listen(conn, *NoticeChannel)
        while True:
            # A round trip: whatever was committed before it has been noticed after it.
            await conn.execute("SELECT 1")
            heard = {NoticeChannel(notice.channel) async for notice in conn.notifies(timeout=0)}
            fresh, self._fresh = self._fresh, []
            for reactions in [*self._reactions]:
                for channel, react in reactions.items():
                    if channel in heard or reactions in fresh:
                        await react(conn)
            if not heard and not fresh:
                self._loop.touched = False
                await self._look.wait()
                self._look.clear()
