"""Load on operators for Prometheus: the last ten minutes and the last day, by EEMUA 191."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from prometheus_client import CollectorRegistry, Gauge

from domain.clock import Clock
from domain.errors import StorageError
from domain.operator_load import SLOT, load_of
from storage import operator_load as load
from storage.pool import Pool, patience, wrapped_errors

log = structlog.get_logger("campuswatch.load")

EVERY_S = 60.0
DAY = timedelta(hours=24)
#: A look that takes longer is given up: figures must not cost the house its database.
LOOK_S = 10.0


class LoadWatch:
    """`run` it, or `once` by hand."""

    def __init__(self, pool: Pool, clock: Clock, metrics: CollectorRegistry) -> None:
        self._pool = pool
        self._clock = clock

        def gauge(name: str, words: str) -> Gauge:
            return Gauge(f"campuswatch_operator_{name}", words, registry=metrics)

        self._now = gauge("calls_10m", "Calls of the last ten minutes, of all operators together")
        self._mean = gauge("calls_10m_mean", "Calls an operator in ten minutes, mean of the last day")
        self._peak = gauge("calls_10m_peak", "Most calls an operator in ten minutes of the last day")
        self._flood = gauge("flood_ratio", "Share of the last day in which calls came as a flood")
        self._chattering = gauge("chattering", "Incidents of the last day that were reported 3 times within a minute")
        self._stale = gauge("stale", "Incidents that are open for more than a day")
        self._shelved = gauge("shelved", "Incidents that are shelved")
        self._unanswered = gauge("unanswered", "Open incidents that nobody has acknowledged")
        self._soon = gauge("answered_30s_ratio", "Share of the last day's grave calls acknowledged within 30 s")
        self._late = gauge("answered_60s_ratio", "Share of the last day's grave calls acknowledged within 60 s")

    async def run(self) -> None:
        """Every `EVERY_S`, until cancelled."""
        said = False
        while True:
            try:
                await self.once()
                said = False
            except StorageError as error:
                if not said:
                    log.warning("load on operators not counted", error=str(error))
                said = True
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """:raises StorageError: the database is away, or took too long."""
        now = self._clock.now()
        since = now - DAY
        async with wrapped_errors(), patience(LOOK_S), self._pool.connection() as conn:
            operators = await load.operators_of(conn, since=since, until=now)
            slots = await load.calls_by_slot(conn, since=since, until=now)
            chattering = await load.chattering(conn, since=since, until=now)
            answered = await load.answers(conn, since=since, until=now)
            standing = await load.standing_load(conn, now=now)
        day = load_of(slots, since=since, until=now, operators=operators)
        self._now.set(slots.get(now - SLOT, 0))
        self._mean.set(day.mean)
        self._peak.set(day.peak)
        self._flood.set(day.flood_share)
        self._chattering.set(chattering)
        self._stale.set(standing.stale)
        self._shelved.set(standing.shelved)
        self._unanswered.set(standing.unanswered)
        soon, late = answered.shares
        if soon is not None and late is not None:
            self._soon.set(soon)
            self._late.set(late)
