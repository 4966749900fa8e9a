"""From the address to the first paint, and to the whole wall: signed in, nothing cached.

Beside each load, in the same minute and browser, that of a bare text of the same server.
"""

from __future__ import annotations

import asyncio
from statistics import median

from playwright.async_api import Browser

from benchmarks.control_room import ControlRoom
from benchmarks.screen.house import WHOLE_WALL, chromium, full_room, main_thread, noted, p99, somebody, url
from benchmarks.sheet import Plan, Sheet

LOADS, QUICK_LOADS = 20, 3
MOST_FIRST_MS, MOST_WHOLE_MS = 1000.0, 1500.0

FIRST, WHOLE = "first-contentful-paint", "wall-complete"


def measure(plan: Plan) -> Sheet:
    return asyncio.run(_measure(plan))


async def _measure(plan: Plan) -> Sheet:
    sheet = Sheet(columns=("milliseconds", "loads", "p50", "p99", "most", "p50 : bare text"))
    loads = plan.rounds or (QUICK_LOADS if plan.quick else LOADS)
    async with full_room(plan) as room, chromium() as browser:
        await _load(browser, room)  # so that the server has served the page before
        times = [await _load(browser, room) for _ in range(loads)]
    bare, first, whole, cpu = ([one[place] for one in times] for place in range(4))
    for name, values in (
        ("bare text, first paint", bare),
        ("first paint", first),
        ("whole wall", whole),
        ("CPU of its main thread", cpu),
    ):
        sheet.rows.append((name, len(values), median(values), p99(values), max(values), median(values) / median(bare)))
    sheet.figures = {"bare_ms": bare, "first_ms": first, "whole_ms": whole, "cpu_ms": cpu}
    for name, values, most in (("first paint", first, MOST_FIRST_MS), ("the whole wall", whole, MOST_WHOLE_MS)):
        if not plan.quick and median(values) > most:
            sheet.faults.append(f"{name} took {median(values):.0f} ms (p50); {most:.0f} are allowed")
    return sheet


async def _load(browser: Browser, room: ControlRoom) -> tuple[float, float, float, float]:
    """Milliseconds: first paint of a bare text, first paint of the wall, all of the wall; CPU of the main thread."""
    async with somebody(browser, room) as context:
        page = await context.new_page()
        await page.goto(f"{url(room)}/api/v1/health")
        bare = await noted(page, FIRST)
    async with somebody(browser, room, script=WHOLE_WALL) as context:
        page = await context.new_page()
        await page.goto(url(room))
        whole = await noted(page, WHOLE)
        return bare, await noted(page, FIRST), whole, 1000 * await main_thread(context, page)
