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
#: How long one may try again and again once the broker has let another in.
PATIENCE_S = 60.0


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
        """They are up inside, and connect again by themselves when the broker goes away for a while. The first one goes
        ahead; where it was let in, the others may try more than once: there may be a crowd at the door.

        :raises BrokerUnreachable: the first did not come up within ``patience_s``, or another not at all.
        :raises BrokerRefused: one was refused.
        """
        first, others = self.links[0], self.links[1:]
        tasks = [asyncio.create_task(first.run(patience_s=patience_s), name=first.client_id)]
        try:
            await self._up([first], tasks, progress)
            crowd_s = max(patience_s, PATIENCE_S)
            tasks += [asyncio.create_task(link.run(patience_s=crowd_s), name=link.client_id) for link in others]
            await self._up(self.links, tasks, progress)
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _up(
        self, links: Sequence[Uplink], tasks: Sequence[asyncio.Task[None]], progress: Progress | None
    ) -> None:
        up = asyncio.create_task(_connected(links), name="uplinks-up")
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


async def _connected(links: Sequence[Uplink]) -> None:
    for link in links:
        await link.connected.wait()
