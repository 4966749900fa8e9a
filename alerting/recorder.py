"""The recorder: writes down how tries went, as many in one transaction as there are.

Fifty buttons pressed at once are a hundred receipts; a transaction for each would keep the alarm lane's process and the
database busy when the next press comes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import structlog

from alerting.courier import Outcome
from alerting.dispatcher import write_outcome
from alerting.patience import Patience
from domain.clock import Clock
from domain.errors import StorageError, StorageUnavailable
from storage.pool import Pool, wrapped_errors
from storage.pool import patience as within

log = structlog.get_logger("alerting.recorder")

MOST_AT_ONCE = 100
#: A database that takes longer is away; what waits here must not wait for it for ever.
WRITE_S = 8.0


class _Entry(NamedTuple):
    outcome: Outcome
    lease: timedelta | None


class Recorder:
    """`record` from any number of tasks; the writing is a task of ``tasks`` while there is something to write. It gives
    way while it is not ``calm``.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        calm: asyncio.Event,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._tasks = tasks
        self._calm = calm
        self._chance = chance
        self._waiting: list[tuple[_Entry, asyncio.Future[bool]]] = []
        self._writing = False

    async def record(self, outcome: Outcome, *, lease: timedelta | None = None) -> bool:
        """Whether it is written down; else try again later. ``lease``: after a failure the caller goes on trying, and
        nobody else takes the delivery so long.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((_Entry(outcome, lease), done))
        if not self._writing:
            self._writing = True
            self._tasks.create_task(self._write_all(), name="bring outcomes to the database")
        return await done

    async def _write_all(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                await self._write([entry for entry, _ in taken])
                written = [True] * len(taken)
            except StorageUnavailable as error:
                log.debug("outcomes not recorded yet", error=str(error))
                written = [False] * len(taken)
            except StorageError:
                written = [await self._alone(entry) for entry, _ in taken]
            for (_, done), so in zip(taken, written, strict=True):
                if not done.done():
                    done.set_result(so)
        self._writing = False

    async def _alone(self, entry: _Entry) -> bool:
        """One that the database refuses takes no other with it."""
        try:
            await self._write([entry])
        except StorageError as error:
            log.warning("outcome not recorded", delivery_id=str(entry.outcome.delivery.delivery_id), error=str(error))
            return False
        return True

    async def _write(self, entries: list[_Entry]) -> None:
        now, patience = self._clock.now(), Patience(self._calm)
        await patience.give_way()
        async with wrapped_errors(), within(WRITE_S), self._pool.connection() as conn, conn.transaction():
            for outcome, lease in entries:
                await patience.give_way()
                lease_until = None if lease is None else now + lease
                await write_outcome(conn, outcome, now=now, jitter=self._chance(), lease_until=lease_until)
