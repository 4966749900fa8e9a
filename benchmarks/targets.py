"""Targets: a month's report, and what a single change costs, in a district of 184 sites and 20,000 devices.

Both run on TimescaleDB as the tests have it. Beside each stands, in the same minute, what the database alone takes:
for the report one sum over the same rows, for a change one commit of one row.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry

from benchmarks.ingest import DurableTimescale
from benchmarks.sheet import Plan, Sheet
from benchmarks.stage import Spread
from campuswatch.demo_district import prepare
from campuswatch.targets.keeper import Keeper
from dashboards.compliance.paper import paper
from dashboards.compliance.report import gather
from dashboards.compliance.workbook import workbook
from domain.clock import SystemClock
from simulators.district import DISTRICT_SITES
from storage.link_proofs import accept_links
from storage.pool import Connection, connect, open_pool
from tests.servers import open_directory

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAYS = 30
#: Of each site and target: far more than a school's day has.
INTERVALS_A_DAY = 12
#: What was promised.
MOST_REPORT_S, MOST_CHANGE_MS = 2.0, 50.0

_FILL = """
INSERT INTO compliance_interval (site_no, target_id, version, standing, since, until, causes, requirements, drops)
SELECT s.site_no, t.target_id, 1,
       CASE WHEN n %% 4 = 3 THEN 'dropped' WHEN n %% 8 = 6 THEN 'unknown' ELSE 'compliant' END,
       %(since)s + n * %(step)s, %(since)s + (n + 1) * %(step)s,
       CASE WHEN n %% 4 = 3 THEN jsonb_build_array(jsonb_build_object('requirement', 'heartbeat', 'subject', 'btn-1',
         'known', true, 'zh', '设备失联', 'en', 'device silent'), jsonb_build_object('requirement', 'receipt',
         'subject', 'btn-1@police', 'known', true, 'zh', '无回执', 'en', 'not receipted')) ELSE '[]' END,
       CASE WHEN n %% 4 = 3 THEN ARRAY['heartbeat', 'receipt'] ELSE '{}' END, n %% 4 = 3
FROM site AS s, unnest(ARRAY['guard_staffing', 'closed_campus', 'networking']) AS t (target_id),
     generate_series(0, %(count)s - 1) AS n
"""


def measure(plan: Plan) -> Sheet:
    sheet = Sheet(columns=("", "rounds", "p50 ms", "p99 ms", "most ms", "times the database alone"))
    with open_directory() as directory:
        server = DurableTimescale(directory)
        server.start()
        try:
            asyncio.run(_measure(plan, server.admin_dsn, sheet))
        finally:
            server.stop()
    return sheet


async def _measure(plan: Plan, dsn: str, sheet: Sheet) -> None:
    sites = 20 if plan.quick else DISTRICT_SITES
    await prepare(dsn, sites=sites, seed=1, phone="")
    conn = await connect(dsn, name="benchmark")
    try:
        await conn.execute(
            "INSERT INTO device_state (device_no, connectivity, since, last_seen_at)"
            " SELECT device_no, 'online', now(), now() FROM device ON CONFLICT DO NOTHING"
        )
        await accept_links(conn, ["police", "education"], datetime.now(UTC) - timedelta(days=1))
        await _reports(plan, conn, sheet)
        await _changes(plan, dsn, conn, sheet)
    finally:
        await conn.close()


async def _reports(plan: Plan, conn: Connection, sheet: Sheet) -> None:
    until = datetime.now(UTC)
    since = until - timedelta(days=DAYS)
    step = timedelta(days=1) / INTERVALS_A_DAY
    await conn.execute(_FILL, {"since": since, "step": step, "count": DAYS * INTERVALS_A_DAY})
    await conn.execute("ANALYZE compliance_interval")
    cursor = await conn.execute("SELECT count(*) FROM compliance_interval")
    row = await cursor.fetchone()
    rounds = plan.rounds or (2 if plan.quick else 10)

    async def alone() -> None:
        await conn.execute(
            "SELECT target_id, standing, sum(extract(epoch FROM until - since)) FROM compliance_interval GROUP BY 1, 2"
        )

    async def report() -> None:
        found = await gather(conn, since=since, until=until, by="township", now=until)
        assert found.lines

    async def written() -> None:
        found = await gather(conn, since=since, until=until, by="site", now=until)
        workbook(found, language="zh", zone=SHANGHAI)
        paper(found, language="zh", zone=SHANGHAI)

    base = Spread.of([await _timed(alone) for _ in range(rounds)], unit=1e-3)
    for name, work in (("a month's report by township", report), ("the same by site, as XLSX and PDF", written)):
        spread = Spread.of([await _timed(work) for _ in range(rounds)], unit=1e-3)
        sheet.rows.append((name, spread.n, spread.p50, spread.p99, spread.most, spread.p50 / base.p50))
        sheet.figures[name] = spread._asdict()
        if work is report and spread.p50 > MOST_REPORT_S * 1000:
            sheet.faults.append(f"{name} takes {spread.p50:.0f} ms")
    sheet.rows.append(("  one sum over the same rows", base.n, base.p50, base.p99, base.most, 1.0))
    sheet.notes.append(f"{row[0] if row else 0:,} intervals of {DAYS} days.")
    await conn.execute("DELETE FROM compliance_interval")


async def _changes(plan: Plan, dsn: str, conn: Connection, sheet: Sheet) -> None:
    """A button falls silent, or is back: read the facts, judge, and commit interval, flag and finding."""
    rounds = plan.rounds or (10 if plan.quick else 60)
    cursor = await conn.execute("SELECT device_no FROM device WHERE kind = 'one_key_alarm' ORDER BY device_no")
    buttons = [number for (number,) in await cursor.fetchall()]
    cursor = await conn.execute("SELECT count(*) FROM device")
    row = await cursor.fetchone()
    async with open_pool(dsn, name="benchmark", max_size=2) as pool:
        keeper = Keeper(pool=pool, clock=SystemClock(), zone=SHANGHAI, metrics=CollectorRegistry(), settled=gc.freeze)
        await keeper.once()
        first = await _timed(keeper.once)
        spans: list[float] = []
        alone: list[float] = []
        chance = random.Random(1)
        for number in chance.sample(buttons, min(rounds // 2, len(buttons))):
            for connectivity in ("offline", "online"):
                began = time.perf_counter()
                await conn.execute(
                    "UPDATE device_state SET connectivity = %s, since = now() WHERE device_no = %s",
                    (connectivity, number),
                )
                alone.append(time.perf_counter() - began)
                began = time.perf_counter()
                await keeper.learn_devices(conn)
                wrote = await keeper.once()
                spans.append(time.perf_counter() - began)
                if not wrote:
                    sheet.faults.append(f"device {number} {connectivity}: nothing followed from it")
    base = Spread.of(alone, unit=1e-3)
    spread = Spread.of(spans, unit=1e-3)
    sheet.rows.append(
        ("a single change, until it is committed", spread.n, spread.p50, spread.p99, spread.most,
         spread.p50 / base.p50)
    )  # fmt: skip
    sheet.rows.append(("  one commit of one row", base.n, base.p50, base.p99, base.most, 1.0))
    sheet.figures["change"] = spread._asdict()
    sheet.notes.append(
        f"{row[0] if row else 0:,} devices; a look at which nothing has changed takes {first * 1e3:.2f} ms."
    )
    if spread.p50 > MOST_CHANGE_MS:
        sheet.faults.append(f"a change takes {median(spans) * 1000:.0f} ms")


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began
