"""The connections of a fleet or of a load, run together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from simulators.progress import Progress
from simulators.uplink import Uplink

#: While they come up, the progress is looked at so often.
_LOOK_S = 0.2


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """``published`` = ``acknowledged`` + ``in_flight`` always; ``dropped`` never left, nor did ``waiting``."""

    published: int
    acknowledged: int
    in_flight: int
    waiting: int
    dropped: int
    reconnects: int


class Uplinks:
    """Run with `standing`, which begins when all of them are up."""

    def __init__(self, links: Sequence[Uplink]) -> None:
        self.links = links

    @property
    def connected(self) -> int:
        """How many stand."""
        return sum(link.connected.is_set() for link in self.links)

    @property
    def trouble(self) -> str:
        """Why one of those that do not stand does not."""
        return next((link.trouble for link in self.links if link.trouble and not link.connected.is_set()), "")

    def counters(self) -> Counters:
        links = self.links
        return Counters(
            published=sum(link.published for link in links),
            acknowledged=sum(link.acknowledged for link in links),
            in_flight=sum(link.in_flight for link in links),
            waiting=sum(link.waiting for link in links),
            dropped=sum(link.dropped for link in links),
            reconnects=sum(link.reconnects for link in links),
        )

    async def drain(self, timeout_s: float) -> None:
        """Wait for what waits to be sent and for its PUBACKs, at most so long."""
        await asyncio.gather(*(link.drain(timeout_s) for link in self.links if link.waiting or link.in_flight))

    @asynccontextmanager
    async def standing(self, *, patience_s: float = 0.0, progress: Progress | None = None) -> AsyncIterator[None]:
        """They are up inside, and connect again by themselves when the broker goes away for a while.

        :raises BrokerUnreachable: one did not come up within ``patience_s``. :raises BrokerRefused: one was refused.
        """
        tasks = [asyncio.create_task(link.run(patience_s=patience_s), name=link.client_id) for link in self.links]
        try:
            await self._all_up(tasks, progress)
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _all_up(self, tasks: Sequence[asyncio.Task[None]], progress: Progress | None) -> None:
        up = asyncio.create_task(self._everyone(), name="uplinks-up")
        try:
            done: set[asyncio.Task[None]] = set()
            while not done:
                await asyncio.wait([up], timeout=_LOOK_S)
                done = {task for task in (up, *tasks) if task.done()}
                if progress is not None and progress.due(time.monotonic()):
                    progress.show(f"{self.connected:,}/{len(self.links):,} connected  {self.trouble}".rstrip())
            for task in done:
                task.result()
        finally:
            up.cancel()

    async def _everyone(self) -> None:
        for link in self.links:
            await link.connected.wait()
