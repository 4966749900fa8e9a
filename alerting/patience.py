"""Patience: bookkeeping that gives way to what has just come in."""

from __future__ import annotations

import asyncio

#: How long one piece of bookkeeping gives way in all; a link that hangs holds it up no longer.
LONGEST_S = 0.5


class Patience:
    """``calm`` is set while every link has had its first try. Used for one transaction, between its steps."""

    def __init__(self, calm: asyncio.Event) -> None:
        self._calm = calm
        self._left_s = LONGEST_S

    async def give_way(self) -> None:
        """Wait until it is calm, as long as there is patience left."""
        if self._calm.is_set() or self._left_s <= 0:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._left_s):
                await self._calm.wait()
        except TimeoutError:
            pass
        self._left_s -= loop.time() - began
