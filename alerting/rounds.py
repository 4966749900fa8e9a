"""Rounds: how a part of the alerting role works, one look after the other, until cancelled.

::

    look ──► what is due ──► sleep until the next is, or until woken ──► look …
     │            └─ a row that fails is put aside for a while; the others go on
     └─ database away: waited for.  Any other fault: said, counted, and looked again

A part that ended by a fault would be missed by nobody until somebody is not called. So a fault of the data or of our
own ends neither the part nor the role, and `on_fault` has it counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import structlog

from domain.errors import StorageError, StorageUnavailable
from storage.pool import Connection, wrapped_errors

log = structlog.get_logger("alerting.rounds")

#: How soon a database that is away is tried again, and how long a part rests after a fault.
AWAY_S, FAULT_S = 1.0, 1.0
#: What fails waits so long before it is tried again.
ASIDE_FOR = timedelta(seconds=30)
#: Rows that are put aside at once; of more the oldest are tried again.
MOST_ASIDE = 10_000

#: Hears which part has failed, and by what. Whoever wants to know at once raises it.
OnFault = Callable[[str, Exception], None]


def unheard(part: str, error: Exception) -> None:
    """Faults stand in the log alone."""


Key = TypeVar("Key", bound=Hashable)


class Rounds(Generic[Key]):
    """Of one ``part``; ``Key`` names its rows. ``wake`` is set by whoever learns that something is due."""

    def __init__(self, part: str, *, wake: asyncio.Event | None = None, on_fault: OnFault = unheard) -> None:
        self._part = part
        self._wake = wake or asyncio.Event()
        self._on_fault = on_fault
        self._aside: dict[Key, datetime] = {}
        self._known: dict[Key, str] = {}  # what was said of rows already
        self._away = False
        self._said = ""  # of the fault that lasts

    async def run(self, look: Callable[[], Awaitable[float]]) -> None:
        """Look, and again after as many seconds as ``look`` answers or when woken; until cancelled."""
        while True:
            self._wake.clear()
            try:
                sleep_s = await look()
            except StorageUnavailable as error:
                if not self._away:
                    log.warning("database away", component=self._part, error=str(error))
                self._away, sleep_s = True, AWAY_S
            except Exception as error:
                self.failed(error)
                await asyncio.sleep(FAULT_S)  # woken or not: what fails at each look must not be all that is done
                continue
            else:
                self._well()
            if sleep_s <= 0:
                await asyncio.sleep(0)
                continue
            try:
                async with asyncio.timeout(sleep_s):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def failed(self, error: Exception) -> None:
        """Something failed that is no row: it is said once while it lasts."""
        if self._said != repr(error):
            log.error("failed", component=self._part, error=str(error), exc_info=_slip(error))
        self._said = repr(error)
        self._on_fault(self._part, error)

    def _well(self) -> None:
        if self._away:
            log.info("database back", component=self._part)
        if self._said:
            log.info("works again", component=self._part)
        self._away, self._said = False, ""

    def aside(self, now: datetime) -> list[Key]:
        """The rows that are left alone at ``now``."""
        self._aside = {key: until for key, until in self._aside.items() if until > now}
        return list(self._aside)

    async def row(self, conn: Connection, key: Key, work: Callable[[], Awaitable[None]], *, now: datetime) -> bool:
        """Do the ``work`` of one row in a transaction of its own inside the caller's. False where it failed: it is put
        aside, and stops no other.

        :raises StorageUnavailable: the database is away.
        """
        try:
            async with wrapped_errors(), conn.transaction():
                await work()
        except StorageUnavailable:
            raise
        except Exception as error:
            self.put_aside(key, error, now=now)
            return False
        return True

    def put_aside(self, key: Key, error: Exception, *, now: datetime) -> None:
        """Leave this row alone for a while. It is said once, however often it is tried again."""
        if self._known.get(key) != repr(error):
            log.error("put aside", component=self._part, key=str(key), error=str(error), exc_info=_slip(error))
        self._aside[key], self._known[key] = now + ASIDE_FOR, repr(error)
        for many in (self._aside, self._known):
            while len(many) > MOST_ASIDE:
                del many[next(iter(many))]
        self._on_fault(self._part, error)


def _slip(error: Exception) -> bool:
    """Whether it is a fault of ours, whose place in the code is wanted."""
    return not isinstance(error, StorageError)


async def kept(part: str, work: Callable[[], Awaitable[None]], *, on_fault: OnFault = unheard) -> None:
    """Do ``work``, which goes on for ever, and begin it anew whenever it has ended by a fault."""
    while True:
        try:
            await work()
            return
        except Exception as error:
            log.exception("ended; it is begun anew", component=part)
            on_fault(part, error)
        await asyncio.sleep(FAULT_S)
