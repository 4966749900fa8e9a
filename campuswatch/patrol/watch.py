"""That one process patrols and no other: a lock in the database, held by a connection of its own."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from domain.errors import StorageError
from storage.pool import connect, wrapped_errors
from storage.session_lock import try_hold

log = structlog.get_logger("campuswatch.patrol")

TRY_EVERY_S = 5.0


class Watch:
    """`on` is set while this process patrols."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.on = asyncio.Event()

    async def keep(self) -> None:
        """Get the lock, hold it, get it again after the database was away. Until cancelled."""
        while True:
            try:
                conn = await connect(self._dsn, name="patrol watch")
            except StorageError:
                await asyncio.sleep(TRY_EVERY_S)
                continue
            try:
                async with wrapped_errors():
                    while True:
                        if await try_hold(conn):
                            if not self.on.is_set():
                                log.info("patrol begins")
                            self.on.set()
                        await asyncio.sleep(TRY_EVERY_S)
            except StorageError as error:
                log.warning("patrol waits", error=str(error))
            finally:
                self.on.clear()
                with suppress(Exception):
                    await conn.close()
            await asyncio.sleep(TRY_EVERY_S)
