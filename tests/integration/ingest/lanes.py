"""Lanes put together as the roles do it, started and killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry

from campuswatch.roles.alarm import AlarmDoubts
from detectors.engine import Engine
from detectors.rules import alarm_rules, bulk_rules
from devices.formats.decode import Decoder
from devices.formats.topic import ALARM_FILTERS, BULK_FILTERS
from domain.clock import SystemClock
from domain.finding import Finding
from ingest.alarm_lane import AlarmHandler, AlarmLane
from ingest.bulk_lane import BulkLane
from ingest.fairness import Fairness
from ingest.journal import Journal
from ingest.meters import LaneMeters
from ingest.session import BrokerAddress, BrokerSession
from ingest.spool import Spool
from storage.pool import Connection, open_pool
from tests.integration.alerting.ledgers import until_true
from tests.integration.ingest.school import ALARMS, TELEMETRY


@asynccontextmanager
async def running(lane: BulkLane | AlarmLane) -> AsyncIterator[None]:
    """Until the end of the block; then it is killed in the middle of whatever it does."""
    task = asyncio.create_task(lane.run())
    try:
        yield
        assert not task.done(), "the lane ended by itself"
    finally:
        task.cancel()
        results = await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 15)
    if isinstance(results[0], Exception):
        raise results[0]


@asynccontextmanager
async def bulk_lane(
    url: str,
    dsn: str,
    client_id: str,
    decoder: Decoder,
    journal: Path | Spool,
    *,
    engine: Engine | None = None,
    fairness: Fairness | None = None,
    tick_s: float = 0.05,
    most: int = 5000,
) -> AsyncIterator[BrokerSession]:
    """A bulk lane that hears."""
    spool = journal if isinstance(journal, Spool) else Spool(journal)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(dsn, name="bulk", max_size=2))
        kept = await stack.enter_async_context(Journal(spool))
        session = await stack.enter_async_context(
            BrokerSession(BrokerAddress.parse(url), client_id=client_id, filters=BULK_FILTERS)
        )
        lane = BulkLane(
            session=session,
            pool=pool,
            journal=kept,
            decoder=decoder,
            share=TELEMETRY,
            detector=engine or Engine(bulk_rules()),
            clock=SystemClock(),
            meters=LaneMeters(CollectorRegistry(), "bulk"),
            fairness=fairness,
            most=most,
            tick_s=tick_s,
        )
        async with running(lane):
            await hearing(session)
            yield session


class Told:
    """Alerting, as far as the lane needs it: what was begun, written and committed, in order."""

    def __init__(self, write: Callable[[Sequence[Finding]], None] = lambda findings: None) -> None:
        self.begun: list[Finding] = []
        self.written: list[Finding] = []
        self.committed_: list[Finding] = []
        self._write = write

    def begin(self, findings: Sequence[Finding], *, now: datetime) -> None:
        self.begun.extend(findings)

    async def calm(self) -> None:
        return

    async def write(self, conn: Connection, findings: Sequence[Finding], *, now: datetime) -> None:
        self._write(findings)
        self.written.extend(findings)

    def committed(self, findings: Sequence[Finding]) -> None:
        self.committed_.extend(findings)

    async def kept(self) -> None:
        pass


@asynccontextmanager
async def alarm_lane(
    url: str,
    dsn: str,
    client_id: str,
    decoder: Decoder,
    journal: Path | Spool,
    handler: AlarmHandler,
    *,
    is_open: Callable[[str], bool] = lambda key: False,
    filters: Sequence[str] = ALARM_FILTERS,
) -> AsyncIterator[BrokerSession]:
    """An alarm lane that hears."""
    spool = journal if isinstance(journal, Spool) else Spool(journal)
    async with AsyncExitStack() as stack:
        kept = await stack.enter_async_context(Journal(spool))
        session = await stack.enter_async_context(
            BrokerSession(BrokerAddress.parse(url), client_id=client_id, filters=filters)
        )
        lane = AlarmLane(
            session=session,
            dsn=dsn,
            journal=kept,
            decoder=decoder,
            share=ALARMS,
            detector=Engine(alarm_rules()),
            handler=handler,
            doubts=AlarmDoubts(decoder),
            clock=SystemClock(),
            meters=LaneMeters(CollectorRegistry(), "alarm"),
            is_open=is_open,
        )
        async with running(lane):
            await hearing(session)
            yield session


async def hearing(session: BrokerSession) -> None:
    await until_true(lambda: session.connected)
