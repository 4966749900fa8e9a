"""NOTIFY on a virtual clock: a notice is heard before time goes on, never «some milliseconds later»."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from campuswatch.rehearsal.loop import VirtualLoop
from campuswatch.roles.listening import Ear, Reaction
from domain.errors import StorageError
from storage.notices import NoticeChannel, listen
from storage.pool import Connection, connect, wrapped_errors


class _Listener(NamedTuple):
    reactions: Mapping[NoticeChannel, Reaction]
    ears: Mapping[NoticeChannel, Ear]


class Ears:
    """Stands in for `campuswatch.roles.listening`, with one connection for all who react. While the database is away
    it tries again every second.
    """

    def __init__(self, loop: VirtualLoop, dsn: str) -> None:
        self._loop = loop
        self._dsn = dsn
        self._listeners: list[_Listener] = []
        self._fresh: list[_Listener] = []  # of these no reaction has run yet
        self._look = asyncio.Event()

    async def react(self, reactions: Mapping[NoticeChannel, Reaction], ears: Mapping[NoticeChannel, Ear]) -> None:
        """Until cancelled."""
        listener = _Listener(reactions, ears)
        self._listeners.append(listener)
        self._fresh.append(listener)
        self._look.set()
        try:
            await asyncio.Event().wait()
        finally:
            self._listeners.remove(listener)

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
                self._fresh = list(self._listeners)
        finally:
            self._loop.before_jump = None

    async def _listen(self, conn: Connection) -> None:
        await listen(conn, *NoticeChannel)
        # What others do while this one waits for its round trip is news all the same: only its own answers are none.
        self._loop.no_news.add(conn.fileno())
        try:
            await self._look_on(conn)
        finally:
            self._loop.no_news.clear()

    async def _look_on(self, conn: Connection) -> None:
        while True:
            # A round trip: whatever was committed before it has been noticed after it.
            await conn.execute("SELECT 1")
            heard: set[NoticeChannel] = set()
            async for notice in conn.notifies(timeout=0):
                channel = NoticeChannel(notice.channel)
                heard.add(channel)
                for listener in self._listeners:
                    if channel in listener.ears:
                        listener.ears[channel](notice.payload)
            fresh, self._fresh = self._fresh, []
            for listener in [*self._listeners]:
                for channel, react in listener.reactions.items():
                    if channel in heard or listener in fresh:
                        await react(conn)
            if not heard and not fresh:
                await self._look.wait()
                self._look.clear()
