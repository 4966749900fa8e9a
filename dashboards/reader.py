"""Asking the database without ever hanging on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from domain.errors import StorageUnavailable
from storage.pool import Connection, KeptPool, wrapped_errors

T = TypeVar("T")

#: Seconds to wait for a free connection of the pool.
CONNECTION_TIMEOUT_S = 2.0


class Reader:
    """Runs reads on a connection of the pool and gives up on a database that does not answer.

    A connection whose server is frozen cannot even be cancelled in time, so what takes too long is left behind as a
    task of its own; the size of the pool bounds how many there can be.
    """

    def __init__(self, pool: KeptPool, *, timeout_s: float) -> None:
        self._pool = pool
        self._timeout_s = timeout_s
        self._left_behind: set[asyncio.Task[Any]] = set()

    async def read(self, query: Callable[[Connection], Awaitable[T]], *, timeout_s: float | None = None) -> T:
        """The answer of ``query``.

        :raises StorageUnavailable: the database is away, or did not answer in time.
        """
        return await self.within(self._run(query), timeout_s=timeout_s)

    async def within(self, work: Coroutine[Any, Any, T], *, timeout_s: float | None = None) -> T:
        """The result of ``work``, which speaks to the database itself; its errors as ours, its time bounded.

        :raises StorageUnavailable: the database is away, or did not answer in time.
        """
        task = asyncio.create_task(_wrapped(work), name="database work")
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            done, _ = await asyncio.wait({task}, timeout=limit_s)
        except asyncio.CancelledError:
            self._leave(task)
            raise
        if not done:
            self._leave(task)
            raise StorageUnavailable(f"the database did not answer within {limit_s:g} s")
        return task.result()

    async def _run(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        async with self._pool.connection(timeout=CONNECTION_TIMEOUT_S) as conn:
            return await query(conn)

    def _leave(self, task: asyncio.Task[Any]) -> None:
        self._left_behind.add(task)
        task.add_done_callback(self._forget)
        task.cancel()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._left_behind.discard(task)
        if not task.cancelled():
            task.exception()  # nobody waits for it any more; asked for, so that asyncio does not complain


async def _wrapped(work: Coroutine[Any, Any, T]) -> T:
    async with wrapped_errors():
        return await work
