"""Takes over the bulk lane's findings: each becomes part of an incident in the transaction that marks it handled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog

from alerting.desk import Desk
from domain.clock import Clock
from domain.errors import StorageError, StorageUnavailable
from domain.finding import Finding
from storage.findings import claim_findings, mark_handled
from storage.pool import Connection, Pool, wrapped_errors

log = structlog.get_logger("alerting.intake")

#: Findings of one transaction.
BATCH = 200
#: NOTIFY is a hint; this is how late a finding is noticed when the hint was missed.
POLL_S = 2.0
#: How soon a database that is away is tried again.
AGAIN_S = 1.0


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
    ) -> None:
        self._pool = pool
        self._desk = desk
        self._clock = clock
        self._wake = wake
        self._on_finding = on_finding
        self._poll_s = poll_s
        self._refused: set[UUID] = set()  # the last one, so that it is said once and not for every try

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        away = False
        while True:
            self._wake.clear()
            try:
                handled = await self.take_over()
                if away:
                    log.info("database back", component="intake")
                away = False
            except StorageError as error:
                if not away:
                    log.warning("database away", component="intake", error=str(error))
                away, handled = True, 0
            if handled == BATCH:
                continue
            try:
                async with asyncio.timeout(AGAIN_S if away else self._poll_s):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def take_over(self) -> int:
        """Handle one batch; how many findings there were."""
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            findings = await claim_findings(conn, limit=BATCH)
            handled = [finding for finding in findings if await self._take(conn, finding, now)]
            await mark_handled(conn, [f.finding_id for f in handled], now)
        for finding in handled:
            self._on_finding(finding)
        return len(handled)

    async def _take(self, conn: Connection, finding: Finding, now: datetime) -> bool:
        """One finding that the database refuses stops no other; it waits, and is tried again."""
        try:
            async with wrapped_errors(), conn.transaction():
                await self._desk.take(conn, finding, now=now)
        except StorageUnavailable:
            raise
        except StorageError as error:
            if finding.finding_id not in self._refused:
                log.error("database refused an incident", key=finding.key, error=str(error))
            self._refused = {finding.finding_id}
            return False
        return True
