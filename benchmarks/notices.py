"""184 duty leaders are told of one thing, over a channel that takes 200 ms a message.

From the moment the incident is committed until the last leader's message was taken: escalator, outbox, dispatcher and
channel as in the alerting role, with PostgreSQL behind them. The channel is Apprise itself, posting to a server of this
process that answers after 200 ms; and one that only waits so long, which shows what Apprise costs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from alerting.channels import Channel
from alerting.channels.duty_notice import DutyNotice
from alerting.courier import Courier
from alerting.desk import Desk
from alerting.directory import Directory
from alerting.dispatcher import Dispatcher
from alerting.escalator import Escalator
from alerting.place import Place
from benchmarks.sheet import Plan, Sheet
from campuswatch.rehearsal.stage import open_stage
from domain.clock import SystemClock
from domain.delivery import Delivery, DeliveryChannel
from domain.duty import DutyRole
from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from domain.response import USUAL, GradePlan, ResponsePlan, Step, Whom
from storage.duty import put_contacts, put_person, put_shift
from storage.pool import Pool, open_pool
from storage.responses import add_plan

LEADERS = 184
TAKES_S = 0.2
#: Asked for: everybody within 10 s.
LIMIT_S = 10.0


class Waiting:
    """A channel that takes its time and does nothing else."""

    def __init__(self, taken: Callable[[], None]) -> None:
        self._taken = taken

    async def send(self, delivery: Delivery) -> None:
        await asyncio.sleep(TAKES_S)
        self._taken()


class Nowhere:
    def place(self, site_id: str, device_id: str) -> Place:
        return Place()


def measure(plan: Plan) -> Sheet:
    # A line for each message would be the benchmark.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    rounds = plan.rounds or (1 if plan.quick else 3)
    sheet = Sheet(columns=("channel", "leaders", "first s", "last s"))
    with open_stage() as stage:
        for name, apprise in (("waits 200 ms", False), ("Apprise, server answers after 200 ms", True)):
            worst: list[tuple[float, float]] = []
            for _ in range(rounds):
                with stage.settings() as settings:
                    worst.append(asyncio.run(_told(settings.database_url(), apprise=apprise)))
            first, last = max(worst, key=lambda one: one[1])
            sheet.rows.append((name, LEADERS, round(first, 2), round(last, 2)))
            sheet.figures[name] = worst
            if last > LIMIT_S:
                sheet.faults.append(f"{name}: the last leader was told after {last:.1f} s; the limit is {LIMIT_S:g} s")
    sheet.notes.append(f"The worst of {rounds} rounds each.")
    return sheet


async def _told(dsn: str, *, apprise: bool) -> tuple[float, float]:
    """Seconds until the first leader was told, and until the last."""
    times: list[float] = []
    all_told = asyncio.Event()

    def taken() -> None:
        times.append(time.monotonic())
        if len(times) == LEADERS:
            all_told.set()

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(TAKES_S)
        taken()
        return web.Response()

    clock = SystemClock()
    async with AsyncExitStack() as stack:
        port = await _serve(stack, answer) if apprise else 1
        pool = await stack.enter_async_context(open_pool(dsn, name="notices", max_size=8))
        await _prepare(pool, clock, port)
        if apprise:
            await DutyNotice.prepare()
        channel: Channel = DutyNotice(Directory(pool, clock, public_url=None)) if apprise else Waiting(taken)
        desk = Desk(gazetteer=Nowhere(), link_ids=(), zone=ZoneInfo("Asia/Shanghai"))
        courier = Courier({}, {DeliveryChannel.APPRISE: channel})
        wake, wanted = asyncio.Event(), asyncio.Event()
        escalator = Escalator(pool=pool, desk=desk, clock=clock, wake=wanted, on_step=lambda sends: wake.set())
        # In the role NOTIFY wakes it when the step is committed; here it looks often.
        dispatcher = Dispatcher(pool=pool, courier=courier, clock=clock, wake=wake, poll_s=0.02)
        tasks = [asyncio.create_task(escalator.run()), asyncio.create_task(dispatcher.run())]
        try:
            await asyncio.sleep(0.2)
            async with pool.connection() as conn, conn.transaction():
                await desk.take(conn, _warning(clock), now=clock.now())
            began = time.monotonic()
            wanted.set()
            async with asyncio.timeout(60):
                await all_told.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return times[0] - began, times[-1] - began


async def _serve(stack: AsyncExitStack, answer: Callable[[web.Request], Awaitable[web.Response]]) -> int:
    app = web.Application()
    app.router.add_post("/{leader}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return int(runner.addresses[0][1])


async def _prepare(pool: Pool, clock: SystemClock, port: int) -> None:
    now = clock.now()
    step = Step(whom=(Whom(role=DutyRole.LEADER, where="all_sites"),))
    async with pool.connection() as conn, conn.transaction():
        response = ResponsePlan(cases=(), grades={**USUAL.grades, 4: GradePlan(steps=(step,))})
        await add_plan(conn, response, at=now, by="benchmark", note="")
        for number in range(LEADERS):
            site = f"s{number + 1:03}"
            await conn.execute("INSERT INTO site (site_id, name, kind) VALUES (%s, %s, 'primary')", (site, site))
            person = await put_person(conn, f"p{number}", f"Leader {number}", site_id=site)
            await put_contacts(conn, person, [(DeliveryChannel.APPRISE, f"json://127.0.0.1:{port}/{number}")])
            until = now + timedelta(days=1)
            await put_shift(conn, person, site_id=site, role=DutyRole.LEADER, starts_at=now, ends_at=until)


def _warning(clock: SystemClock) -> Finding:
    now = clock.now()
    return Finding(
        finding_id=finding_id("benchmark", now.isoformat()),
        kind=FindingKind.RAISED,
        rule="intrusion_alarm",
        key="benchmark",
        category=Category.INTRUSION,
        severity=Severity.MAJOR,
        life_safety=False,
        site_no=1,
        site_id="s001",
        device_no=None,
        device_id="",
        at=now,
        found_at=now,
    )
