"""The alarm path by itself, called as the alarm lane calls it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from alerting.alarm_path import AlarmPath
from alerting.courier import Courier
from alerting.desk import Desk
from alerting.open_cases import OpenCases
from alerting.standing import Standing
from domain.finding import Finding
from storage.incidents import open_cases
from storage.pool import Connection, Pool
from tests.integration.alerting.ledgers import deliveries
from tests.unit.alerting.findings import NOW, SetClock
from tests.unit.alerting.inbox import Inbox


class Lane:
    def __init__(self, path: AlarmPath, cases: OpenCases) -> None:
        self.path = path
        self.cases = cases

    def hear(self, *found: Finding) -> None:
        """As far as it goes without the database."""
        self.path.begin(found, now=NOW)

    async def commit(self, conn: Connection, found: Sequence[Finding]) -> None:
        async with conn.transaction():
            await self.path.write(conn, found, now=NOW)
        self.path.committed(found)
        await self.path.kept()

    async def step(self, conn: Connection, *found: Finding) -> None:
        self.hear(*found)
        await self.commit(conn, found)

    async def refresh(self, conn: Connection) -> None:
        step = self.cases.step
        self.cases.refresh(await open_cases(conn), asked_at_step=step)

    def kill(self) -> None:
        """As `kill -9` does: whatever was under way is under way no more."""
        for task in asyncio.all_tasks():
            if task.get_name().startswith(("bring ", "keep ")):
                task.cancel()


@asynccontextmanager
async def lane_of(
    desk: Desk,
    inboxes: dict[str, Inbox],
    pool: Pool,
    clock: SetClock,
    *,
    keep: Callable[[Standing], None] = lambda standing: None,
) -> AsyncIterator[Lane]:
    cases = OpenCases()
    async with asyncio.TaskGroup() as tasks:
        path = AlarmPath(
            desk=desk, courier=Courier(inboxes), cases=cases, pool=pool, clock=clock, tasks=tasks, keep=keep
        )
        yield Lane(path, cases)


def both() -> tuple[Inbox, Inbox, dict[str, Inbox]]:
    police, education = Inbox(), Inbox()
    return police, education, {"police": police, "education": education}


def told(inbox: Inbox, times: int) -> Callable[[], bool]:
    return lambda: len(inbox.tried) >= times


def received(conn: Connection, count: int) -> Callable[[], Awaitable[bool]]:
    async def arrived() -> bool:
        found = await deliveries(conn)
        return len(found) == count and {d["state"] for d in found} == {"received"}

    return arrived
