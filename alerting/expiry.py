"""Expiry: the ends of maintenance windows and shelves, driven by time.

What a window held back and what still stands is raised at its end; what has cleared is not. Any number of processes may
run one: what is due is taken with its lock, once.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec
import structlog

from alerting.casework import Casework
from alerting.desk import SYSTEM, Desk
from alerting.rounds import OnFault, Rounds, unheard
from domain.clock import Clock
from domain.finding import Finding
from storage.casework import next_shelf_end, shelves_over
from storage.pool import Connection, Pool, wrapped_errors
from storage.windows import (
    Standing,
    covering_window,
    held_standing,
    leave_to,
    mark_raised,
    next_window_end,
    take_standing,
)

log = structlog.get_logger("alerting.expiry")

#: Held findings and shelves of one round.
BATCH = 100
#: NOTIFY is a hint; this is how late an end is noticed when the hint was missed.
POLL_S = 2.0


class Expiry:
    def __init__(
        self,
        *,
        pool: Pool,
        desk: Desk,
        casework: Casework,
        clock: Clock,
        wake: asyncio.Event,
        poll_s: float = POLL_S,
        on_fault: OnFault = unheard,
    ) -> None:
        self._pool = pool
        self._desk = desk
        self._casework = casework
        self._clock = clock
        self._poll_s = poll_s
        self._rounds: Rounds[int | UUID] = Rounds("expiry", wake=wake, on_fault=on_fault)

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        await self._rounds.run(self.once)

    async def once(self) -> float:
        """Do what is due; seconds until the next look.

        :raises StorageError: the database is away, or refused.
        """
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn:
            done = await self._raise_standing(conn) + await self._take_off_shelves(conn)
            if done:
                return 0.0
            ends = await next_window_end(conn, now), await next_shelf_end(conn)
        # What is over and was not done is another process's, or refused: it is not looked at a hundred times a second.
        due_s = min(
            ((end - now).total_seconds() for end in ends if end is not None and end > now), default=self._poll_s
        )
        return min(self._poll_s, max(0.01, due_s))

    async def _raise_standing(self, conn: Connection) -> int:
        now = self._clock.now()
        async with conn.transaction():
            aside = [key for key in self._rounds.aside(now) if isinstance(key, int)]
            standing = await take_standing(conn, now=now, limit=BATCH, but=aside)
            for held_no in standing:
                await self._rounds.row(conn, held_no, partial(self._settle, conn, held_no, now), now=now)
        return len(standing)

    async def _settle(self, conn: Connection, held_no: int, now: datetime) -> None:
        held = await held_standing(conn, held_no)
        other = await covering_window(conn, held.finding, now=now)
        if other is not None:
            await leave_to(conn, held.held_no, other)
            return
        await mark_raised(conn, held.held_no, at=now)
        case = await self._desk.take(conn, _late(held), now=now)
        log.info("held finding raised", window=held.window_no, key=held.finding.key, incident_id=str(case.incident_id))

    async def _take_off_shelves(self, conn: Connection) -> int:
        now = self._clock.now()
        aside = [key for key in self._rounds.aside(now) if isinstance(key, UUID)]
        over = await shelves_over(conn, now, limit=BATCH, but=aside)
        for incident_id in over:
            await self._rounds.row(conn, incident_id, partial(self._take_off, conn, incident_id, now), now=now)
        return len(over)

    async def _take_off(self, conn: Connection, incident_id: UUID, now: datetime) -> None:
        await self._casework.unshelve(conn, incident_id, actor=SYSTEM, note="", now=now)


def _late(held: Standing) -> Finding:
    """The finding as it was, and which window held it back. Its incident begins when the trouble did."""
    detail = held.finding.detail | {"held_by": held.window_no}
    return msgspec.structs.replace(held.finding, detail=detail)
