"""A request that is sent again under its idempotency key is done once, in whichever process it arrives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from dashboards.people import Who
from domain.clock import Clock
from storage.action_keys import done_before, keep_result
from storage.pool import Connection, Pool, wrapped_errors

T = TypeVar("T")


async def once(
    pool: Pool, clock: Clock, by: Who, work: Callable[[Connection], Awaitable[T]], kind: type[T] | None
) -> T:
    """Do the work in a transaction, unless the same request was done before under its key: then what came of it."""
    async with wrapped_errors(), pool.connection() as conn:
        if not by.key:
            return await work(conn)  # which has a transaction of its own
        async with conn.transaction():
            before = await done_before(conn, by.key, by.fingerprint, at=clock.now())
            if before is not None:
                return msgspec.json.decode(before or "null", type=kind)
            result = await work(conn)
            await keep_result(conn, by.key, msgspec.json.encode(result).decode())
            return result
