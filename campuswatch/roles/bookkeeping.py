"""The ledger is summed up, held against the tables, and every difference becomes an incident of the house."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry, Gauge

from detectors.house import ledger_differences
from domain.clock import Clock
from domain.errors import StorageError
from storage.audit import LOOK_BACK, audit_hour, differences, hours_due
from storage.findings import store_findings
from storage.ledger import fold
from storage.pool import Pool, wrapped_errors

log = structlog.get_logger("campuswatch.bookkeeping")

EVERY_S = 20.0


class Bookkeeping:
    """Run `run` once, or `once` by hand."""

    def __init__(self, pool: Pool, clock: Clock, metrics: CollectorRegistry) -> None:
        self._pool = pool
        self._clock = clock
        self._given_up: set[datetime] = set()
        self._told: set[tuple[datetime, int, int, int]] = set()
        self._unaccounted = Gauge(
            "campuswatch_ledger_difference",
            "Observations of the last 24 h that were received and cannot be accounted for",
            registry=metrics,
        )
        self._missing = Gauge(
            "campuswatch_ledger_missing_rows",
            "Rows of the last 24 h that the ledger has as written and the audit found otherwise, both ways",
            registry=metrics,
        )

    async def run(self) -> None:
        """Every `EVERY_S`, until cancelled."""
        said = False
        while True:
            try:
                await self.once()
                said = False
            except StorageError as error:
                if not said:
                    log.warning("books not kept", error=str(error))
                said = True
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """:raises StorageError: the database is away, or refused."""
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn:
            await fold(conn, now=now)
            due = await hours_due(conn, now=now, given_up=self._given_up)
        for hour in due:
            await self._audit(hour, now)
        async with wrapped_errors(), self._pool.connection() as conn:
            found = await differences(conn, now=now)
            if found:
                async with conn.transaction():
                    await store_findings(conn, ledger_differences(found, now))
        self._unaccounted.set(sum(abs(one.unaccounted) for one in found))
        self._missing.set(sum(abs(one.missing_rows) for one in found))
        seen = {(one.hour, one.site_no, one.unaccounted, one.missing_rows) for one in found}
        for one in found:
            if (one.hour, one.site_no, one.unaccounted, one.missing_rows) not in self._told:
                log.error(
                    "ledger does not balance",
                    hour=one.hour.isoformat(),
                    site=one.site_id,
                    unaccounted=one.unaccounted,
                    missing_rows=one.missing_rows,
                )
        self._told = seen

    async def _audit(self, hour: datetime, now: datetime) -> None:
        try:
            async with wrapped_errors(), self._pool.connection() as conn:
                await audit_hour(conn, hour, now=now)
        except StorageError as error:
            # Not again and again: it is the dearest thing that this role asks for.
            log.warning("hour not audited", hour=hour.isoformat(), error=str(error))
            self._given_up = {known for known in self._given_up if known > now - 2 * LOOK_BACK} | {hour}
