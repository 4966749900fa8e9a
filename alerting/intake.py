"""Takes over the bulk lane's findings: each becomes part of an incident in the transaction that marks it handled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from alerting.desk import Desk
from alerting.rounds import OnFault, Rounds, unheard
from domain.clock import Clock
from domain.finding import Finding
from storage.findings import Waiting, claim_waiting, mark_handled
from storage.pool import Connection, Pool, wrapped_errors

#: Findings of one transaction.
BATCH = 200
#: NOTIFY is a hint; this is how late a finding is noticed when the hint was missed.
POLL_S = 2.0


class Intake:
    def __init__(
        self,
        *,
        pool: Pool,
        desk: Desk,
        clock: Clock,
        wake: asyncio.Event,
        on_finding: Callable[[Finding], None] = lambda finding: None,
        poll_s: float = POLL_S,
        on_fault: OnFault = unheard,
    ) -> None:
        self._pool = pool
        self._desk = desk
        self._clock = clock
        self._on_finding = on_finding
        self._poll_s = poll_s
        self._rounds: Rounds[str] = Rounds("intake", wake=wake, on_fault=on_fault)

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        await self._rounds.run(self._round)

    async def _round(self) -> float:
        return 0.0 if await self.take_over() == BATCH else self._poll_s

    async def take_over(self) -> int:
        """Handle one batch; how many findings there were. One that fails stops no other: it waits, and is tried again.
        So does what follows it under its key: an end that overtook its beginning would find nothing to end.
        """
        now, handled = self._clock.now(), list[Finding]()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            for waiting in await claim_waiting(conn, limit=BATCH, but=self._rounds.aside(now)):
                if waiting.key not in self._rounds.aside(now):
                    await self._rounds.row(conn, waiting.key, partial(self._take, conn, waiting, now, handled), now=now)
            await mark_handled(conn, [f.finding_id for f in handled], now)
        for finding in handled:
            self._on_finding(finding)
        return len(handled)

    async def _take(self, conn: Connection, waiting: Waiting, now: datetime, handled: list[Finding]) -> None:
        finding = waiting.read()
        await self._desk.take(conn, finding, now=now)
        handled.append(finding)
