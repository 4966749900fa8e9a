"""What has to be tidied now and then: observations past their retention, old keys, a quarantine over its bound."""

from __future__ import annotations

import asyncio

import structlog

from domain.clock import Clock
from domain.errors import StorageError
from storage.pool import Pool, wrapped_errors
from storage.upkeep import tidy

log = structlog.get_logger("campuswatch.upkeep")

EVERY_S = 600.0


async def keep_up(pool: Pool, clock: Clock) -> None:
    """Tidy at once and then every ten minutes, until cancelled."""
    while True:
        try:
            async with wrapped_errors(), pool.connection() as conn:
                removed = await tidy(conn, now=clock.now())
            if any(removed.values()):
                log.info("tidied", **{name: count for name, count in removed.items() if count})
        except StorageError as error:
            log.warning("not tidied", error=str(error))
        await asyncio.sleep(EVERY_S)
