"""What stands on local disk for a restart without the database: open cases, and what no link has taken yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import msgspec
import structlog

from domain.delivery import Delivery
from domain.incident import OpenCase

log = structlog.get_logger("alerting.standing")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Both of one moment: a case that is known and a delivery that is not would never be told."""

    cases: dict[str, OpenCase] = {}
    undelivered: list[Delivery] = []


class Keeper:
    """Puts what ``look`` sees on disk with ``put`` (blocking), one after the other, and only where it has changed."""

    def __init__(self, look: Callable[[], Standing], put: Callable[[Standing], None], tasks: asyncio.TaskGroup) -> None:
        self._look = look
        self._put = put
        self._tasks = tasks
        self._on_disk: Standing | None = None
        self._named: frozenset[UUID] = frozenset()
        self._asked = 0
        self._answered = 0
        self._turn = asyncio.Lock()
        self._soon: asyncio.Task[None] | None = None
        self._refused = False

    def found(self, standing: Standing) -> None:
        """This is on disk already."""
        self._on_disk = standing
        self._named = _named(standing)

    def names(self, delivery_id: UUID) -> bool:
        """Whether the disk has this one for undelivered."""
        return delivery_id in self._named

    def keep_soon(self) -> None:
        """For what may be a moment late: a restart would only send a copy that receivers recognise."""
        if self._soon is None or self._soon.done():
            self._soon = self._tasks.create_task(self.keep(), name="keep what stands")

    async def keep(self) -> None:
        """Wait until the disk has what stands now, or has refused it: then only a restart without the database would
        suffer. Who asks while it is being written waits for one more writing, together with all others.
        """
        self._asked += 1
        mine = self._asked
        async with self._turn:
            if self._answered >= mine:
                return
            self._answered = self._asked
            standing = self._look()
            if standing == self._on_disk:
                return
            self._named |= _named(standing)
            try:
                await asyncio.to_thread(self._put, standing)
            except OSError as error:
                if not self._refused:
                    log.warning("open cases not kept on disk", error=str(error))
                self._refused, self._on_disk = True, None
                return
            self._refused, self._on_disk = False, standing
            self._named = _named(standing)


def _named(standing: Standing) -> frozenset[UUID]:
    return frozenset(delivery.delivery_id for delivery in standing.undelivered)
