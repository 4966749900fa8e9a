"""All devices of the district in one table: listed, filtered, and scrolled from the top to the end.

A frame is the time between two of the browser's own calls before it paints. Beside it, in the same minute, the longest
frame of the same page when nobody touches it.
"""

from __future__ import annotations

import asyncio

from benchmarks.screen.house import SOON_MS, chromium, full_room, main_thread, p99, somebody, url
from benchmarks.sheet import Plan, Sheet

DEVICES = 19_872
MOST_FRAME_MS = 200.0
#: A screenful of rows goes by with each.
STEPS, QUICK_STEPS = 600, 60

_FRAMES = """
async ([steps, end]) => {
  const table = document.querySelector('[data-testid="devices-table"]')
  const length = table.scrollHeight - table.clientHeight
  const frames = []
  const next = () => new Promise((done) => requestAnimationFrame(done))
  let before = await next()
  for (let step = 1; step <= steps; step++) {
    if (end) table.scrollTop = (length * step) / steps
    const now = await next()
    frames.push(now - before)
    before = now
  }
  return frames
}
"""
#: Until the table counts so many and its first rows are painted.
_SHOWN = """
async ([count, text, all]) => {
  const began = performance.now()
  const input = document.querySelector('[data-testid="devices-text"]')
  if (text !== null) { input.value = text; input.dispatchEvent(new Event('input')) }
  const next = () => new Promise((done) => requestAnimationFrame(done))
  const total = document.querySelector('[data-testid="devices-total"]')
  const number = () => Number(total.textContent.replace(/[^0-9]/g, ''))
  const rows = () => document.querySelectorAll('[data-testid="devices-table"] [data-state]').length
  const fits = () => (count === null ? number() > 0 && number() < all : number() === count)
  while (!(fits() && rows() > 5)) await next()
  await next()
  return performance.now() - began
}
"""
_LONG = """
globalThis.longest = 0
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, one.duration)
}).observe({ type: 'long-animation-frame', buffered: true })
"""


def measure(plan: Plan) -> Sheet:
    return asyncio.run(_measure(plan))


async def _measure(plan: Plan) -> Sheet:
    sheet = Sheet(columns=("19,872 devices", "ms or frames", "p50 ms", "p99 ms", "longest ms"))
    async with full_room(plan) as room, chromium() as browser, somebody(browser, room, script=_LONG) as context:
        page = await context.new_page()
        await page.goto(f"{url(room)}/#/devices")
        await page.wait_for_selector('[data-testid="devices-table"]', timeout=SOON_MS)
        await page.evaluate(_SHOWN, [DEVICES, None, DEVICES])
        listed = float(await page.evaluate("performance.now()"))
        steps = QUICK_STEPS if plan.quick else STEPS
        idle: list[float] = await page.evaluate(_FRAMES, [steps // 3, False])
        filtered = float(await page.evaluate(_SHOWN, [None, "s100", DEVICES]))
        whole = float(await page.evaluate(_SHOWN, [DEVICES, "", DEVICES]))
        before = float(await page.evaluate("globalThis.longest"))
        await page.evaluate("globalThis.longest = 0")
        spent = await main_thread(context, page)
        scrolled: list[float] = await page.evaluate(_FRAMES, [steps, True])
        spent = await main_thread(context, page) - spent
        # Not only the frame of a row: what stands in it.
        await page.wait_for_selector(f'[aria-rowindex="{DEVICES + 1}"][data-state]', timeout=SOON_MS)
        work = float(await page.evaluate("globalThis.longest"))
    for name, milliseconds in (("listed", listed), ("filtered", filtered), ("all again", whole)):
        sheet.rows.append((name, milliseconds, "", "", ""))
    for name, frames in (("frames, nobody touches it", idle), ("frames, scrolled to the end", scrolled)):
        sheet.rows.append((name, len(frames), sorted(frames)[len(frames) // 2], p99(frames), max(frames)))
    sheet.notes = [
        f"CPU of the page's main thread, a frame of the scrolling: {1000 * spent / steps:.1f} ms",
        f"longest animation frame by the browser's account: {before:.0f} ms until the scrolling, {work:.0f} ms in it"
        " (0: none over 50)",
        f"longest frame, scrolled : untouched = {max(scrolled) / max(idle):.2f}",
    ]
    sheet.figures = {
        "listed_ms": listed,
        "filtered_ms": filtered,
        "idle_ms": idle,
        "scrolled_ms": scrolled,
        "scrolling_cpu_s": spent,
    }
    if not plan.quick and max(before, work) > MOST_FRAME_MS:
        sheet.faults.append(f"a frame took {max(before, work):.0f} ms; {MOST_FRAME_MS:.0f} are allowed")
    return sheet
