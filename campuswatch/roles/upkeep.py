"""What has to be tidied now and then: observations and records past their retention, old keys, a quarantine over its
bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import count as turns

import structlog

from domain.clock import Clock
from domain.errors import StorageError
from domain.retention import Kept
from storage.pool import Pool, wrapped_errors
from storage.quarantine import trim_quarantine
from storage.retention import sweep
from storage.upkeep import tidy

log = structlog.get_logger("campuswatch.upkeep")

EVERY_S = 600.0
#: The quarantine is looked at more often: junk comes by the thousand a second.
QUARANTINE_EVERY_S = 60.0


async def keep_up(pool: Pool, clock: Clock, kept_days: Mapping[Kept, int]) -> None:
    """Tidy at once and then every ten minutes, the quarantine every minute, until cancelled."""
    for turn in turns():
        try:
            async with wrapped_errors(), pool.connection() as conn:
                if turn % int(EVERY_S // QUARANTINE_EVERY_S):
                    removed = {"quarantine": await trim_quarantine(conn)}
                else:
                    removed = await tidy(conn, now=clock.now()) | await sweep(conn, kept_days, now=clock.now())
            if any(removed.values()):
                log.info("tidied", **{name: count for name, count in removed.items() if count})
        except StorageError as error:
            log.warning("not tidied", error=str(error))
        await asyncio.sleep(QUARANTINE_EVERY_S)
