"""Keeps the head of the audit trail on disk and in the log, and holds the chain against the one kept before."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Gauge

from campuswatch.audit_heads import keep_head, kept_heads
from domain.audit import AuditHead
from domain.clock import Clock
from domain.errors import StorageError
from storage.audit_trail import audit_head, hash_at
from storage.pool import Pool, wrapped_errors

log = structlog.get_logger("campuswatch.audit")

EVERY_S = 60.0


class AuditWatch:
    """`run` it, or `once` by hand."""

    def __init__(self, pool: Pool, clock: Clock, metrics: CollectorRegistry, file: Path) -> None:
        self._pool = pool
        self._clock = clock
        self._file = file
        self._known: AuditHead | None = None
        self._read = False
        self._broken = Gauge(
            "campuswatch_audit_cut",
            "1 while the audit trail does not hold the head that was kept before",
            registry=metrics,
        )

    async def run(self) -> None:
        """Every `EVERY_S`, until cancelled."""
        said = False
        while True:
            try:
                await self.once()
                said = False
            except (StorageError, OSError) as error:
                if not said:
                    log.warning("audit head not kept", error=str(error))
                said = True
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """:raises StorageError: the database is away. :raises OSError: the disk did not take the head."""
        if not self._read:
            kept = await asyncio.to_thread(kept_heads, self._file)
            self._known, self._read = (kept[-1].head if kept else None), True
        async with wrapped_errors(), self._pool.connection() as conn:
            head = await audit_head(conn)
            there = None if self._known is None else await hash_at(conn, self._known.position)
        if self._known is not None and there != self._known.hash:
            self._broken.set(1)
            log.error(
                "audit trail was cut or made anew", kept_position=self._known.position, kept_hash=self._known.hash
            )
            return
        self._broken.set(0)
        if head is None or head == self._known:
            return
        await asyncio.to_thread(keep_head, self._file, head, self._clock.now())
        self._known = head
        log.info("audit head", position=head.position, hash=head.hash)
