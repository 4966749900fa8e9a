"""What the wall's page costs the machine in front of the screen while the whole district speaks.

CPU of all processes of the browser. Beside it, in the same minutes: a bare text, and the same wall without a message.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from benchmarks.processes import used
from benchmarks.screen.house import WHOLE_WALL, between, browsers_cpu_s, chromium, full_room, somebody, url, whole_wall
from benchmarks.sheet import Plan, Sheet
from benchmarks.stage import fleet

WATCH_S, QUICK_WATCH_S = 30.0, 5.0
#: A heartbeat takes half a minute until each device has said one.
SETTLE_S, QUICK_SETTLE_S = 35.0, 5.0
MOST_CORES, LEAST_MESSAGES = 0.10, 500.0
RECEIVED = "SELECT coalesce(sum(received), 0) FROM ledger WHERE lane = 'bulk'"


def measure(plan: Plan) -> Sheet:
    return asyncio.run(_measure(plan))


async def _measure(plan: Plan) -> Sheet:
    watch_s, settle_s = (QUICK_WATCH_S, QUICK_SETTLE_S) if plan.quick else (WATCH_S, SETTLE_S)
    async with AsyncExitStack() as stack:
        room = await stack.enter_async_context(full_room(plan))
        browser = await stack.enter_async_context(chromium())
        async with somebody(browser, room) as context:
            await (await context.new_page()).goto(f"{url(room)}/api/v1/health")
            await asyncio.sleep(5)
            empty = await _watch(watch_s / 2)
        context = await stack.enter_async_context(somebody(browser, room, script=WHOLE_WALL))
        page = await context.new_page()
        await page.goto(url(room))
        await whole_wall(page)
        await asyncio.sleep(5)
        still = await _watch(watch_s / 2)
        async with fleet(room.mqtt_url, room.data.parent / "fleet.log"):
            await asyncio.sleep(settle_s)
            before, web = room.number(RECEIVED), used(room.pid)["web"].cpu_s
            busy = await _watch(watch_s)
            rate = (room.number(RECEIVED) - before) / watch_s
            web = (used(room.pid)["web"].cpu_s - web) / watch_s
    return _sheet(plan, empty=empty, still=still, busy=busy, rate=rate, web=web)


async def _watch(seconds: float) -> dict[str, float]:
    before, began = browsers_cpu_s(), time.monotonic()
    await asyncio.sleep(seconds)
    return between(before, browsers_cpu_s(), time.monotonic() - began)


def _sheet(
    plan: Plan, *, empty: dict[str, float], still: dict[str, float], busy: dict[str, float], rate: float, web: float
) -> Sheet:
    kinds = sorted({*empty, *still, *busy})
    sheet = Sheet(columns=("share of a core", *kinds, "in all", ": silent wall"))
    for name, cores in (("a bare text", empty), ("the wall, silent", still), (f"the wall, {rate:,.0f}/s arrive", busy)):
        total = sum(cores.values())
        sheet.rows.append((name, *(cores.get(kind, 0.0) for kind in kinds), total, total / sum(still.values())))
    sheet.notes = [f"web role meanwhile: {web:.3f} cores"]
    sheet.figures = {"empty": empty, "silent": still, "busy": busy, "messages_s": rate, "web_cores": web}
    if not plan.quick:
        if (spent := sum(busy.values())) > MOST_CORES:
            sheet.faults.append(f"the page took {spent:.3f} cores; {MOST_CORES} are allowed")
        if rate < LEAST_MESSAGES:
            sheet.faults.append(f"only {rate:.0f} messages a second came")
    return sheet
