"""The lanes' journals as the wall shows them: read from this machine's disk, so also while the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from domain.journal import JournalState

#: A lane that has said nothing of its journal for so long is not at work.
SILENT_AFTER = timedelta(seconds=20)
#: A disk that hangs must not hold up the wall.
DISK_PATIENCE_S = 0.5


class JournalView(msgspec.Struct, frozen=True, gc=False):
    """``fill``: 0 to 1 of what it may hold. ``at``: when its lane said so; ``working``: that was just now."""

    lane: str
    at: datetime
    messages: int
    fill: float
    working: bool


def journal_view(state: JournalState, now: datetime) -> JournalView:
    return JournalView(state.lane, state.at, state.messages, round(state.fill, 3), now - state.at <= SILENT_AFTER)


class Journals:
    """:param read: gives the states; may block."""

    def __init__(self, read: Callable[[], Sequence[JournalState]]) -> None:
        self._read = read
        self._reading: asyncio.Task[Sequence[JournalState]] | None = None
        self._known: Sequence[JournalState] = ()

    async def states(self) -> Sequence[JournalState]:
        """As of now; of the last time where the disk does not answer."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(asyncio.to_thread(self._read), name="journals")
        reading = self._reading  # others may wait for it too
        done, _ = await asyncio.wait({reading}, timeout=DISK_PATIENCE_S)
        if done:
            self._known = reading.result()
        return self._known

    async def views(self, now: datetime) -> list[JournalView]:
        return [journal_view(state, now) for state in await self.states()]
