"""A full control room and a browser before it: 184 sites, 19,872 devices, 100,000 incidents of which 300 are open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import psutil
import psycopg
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from benchmarks.control_room import ControlRoom
from benchmarks.queue import fill
from benchmarks.sheet import Plan
from benchmarks.stage import own_database, up
from campuswatch.demo_accounts import ACCOUNT, password_file, read_secret
from simulators.district import DISTRICT_SITES
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.servers import open_directory

STORED, QUICK_STORED, OPEN = 100_000, 2_000, 300
SCREEN = (1920, 1080)
SOON_MS = 60_000
#: Marks the moment in which nothing is missing on the screen: tiles, map, gauges, the queue down to its lower edge.
WHOLE_WALL = f"""
{{
  const places = {DISTRICT_SITES}
  const all = (what) => document.querySelectorAll(what).length
  const edge = (one) => one.getBoundingClientRect().bottom
  const filled = () => {{
    const last = [...document.querySelectorAll('[data-testid="queue"] [data-incident]')].at(-1)
    return last !== undefined && edge(last) >= edge(last.closest('.list'))
  }}
  const look = () => {{
    const whole = all('[data-testid^="tile-s"]') >= places && all('[data-testid^="map-s"]') >= places
      && all('[data-testid^="gauge-"]') >= 3 && filled()
    requestAnimationFrame(whole ? () => performance.mark('wall-complete') : look)
  }}
  requestAnimationFrame(look)
}}
"""
_NOTED = """
async (name) => {
  for (;;) {
    const [found] = performance.getEntriesByName(name)
    if (found !== undefined) return found.startTime
    await new Promise((done) => setTimeout(done, 20))
  }
}
"""


@asynccontextmanager
async def full_room(plan: Plan) -> AsyncIterator[ControlRoom]:
    """Its devices are silent. The database knows when each row was committed."""
    with open_directory() as directory:
        async with own_database(directory, track_commit_timestamp="on") as postgres:
            room = ControlRoom(directory / "room", "--no-fleet", "--no-cameras", dsn=postgres.dsn)
            async with up(room):
                await asyncio.to_thread(_fill, room, QUICK_STORED if plan.quick else STORED)
                yield room


def _fill(room: ControlRoom, stored: int) -> None:
    fill(room, stored=stored, still_open=OPEN)
    with psycopg.connect(room.dsn, autocommit=True) as conn:
        # Danger to life that nobody has taken covers the screen; here somebody has.
        conn.execute(
            "UPDATE incident SET state = 'acknowledged', acknowledged_at = now(), acknowledged_by = 'bench',"
            " changed_at = now() WHERE life_safety AND state = 'raised'"
        )


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def somebody(browser: Browser, room: ControlRoom, *, script: str = "") -> AsyncIterator[BrowserContext]:
    """Signed in, and with an empty cache. ``script`` runs in each page before anything of ours."""
    width, height = SCREEN
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    said = {"account": ACCOUNT, "password": read_secret(password_file(room.data))}
    answer = await context.request.post(f"{url(room)}/api/v1/session", data=said, headers={"origin": url(room)})
    if not answer.ok:
        raise RuntimeError(f"not let in: {await answer.text()}")
    if script:
        await context.add_init_script(script)
    try:
        yield context
    finally:
        await context.close()


def url(room: ControlRoom) -> str:
    return f"http://127.0.0.1:{room.port}"


async def whole_wall(page: Page) -> None:
    """Wait for the mark of `WHOLE_WALL`."""
    await noted(page, "wall-complete")


async def noted(page: Page, name: str) -> float:
    """Milliseconds from the address to the page's entry ``name``. The page's policy lets nobody evaluate a text there,
    so `Page.wait_for_function` is of no use.
    """
    async with asyncio.timeout(SOON_MS / 1000):
        return float(await page.evaluate(_NOTED, name))


async def main_thread(context: BrowserContext, page: Page) -> float:
    """Seconds of CPU of the page's main thread since its address was asked for, whatever else the machine does."""
    session = await context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    await session.detach()
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def browsers_cpu_s() -> dict[str, float]:
    """Seconds of CPU of all processes of the browsers that this process has started, by what they do."""
    seconds: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            words = process.cmdline()
            if not words or "chrom" not in words[0]:
                continue
            kind = next((word.removeprefix("--type=") for word in words if word.startswith("--type=")), "browser")
            times = process.cpu_times()
            seconds[kind] = seconds.get(kind, 0.0) + times.user + times.system
    return seconds


def between(before: dict[str, float], after: dict[str, float], seconds: float) -> dict[str, float]:
    """Shares of a core."""
    return {kind: (spent - before.get(kind, 0.0)) / seconds for kind, spent in after.items()}


def p99(values: Sequence[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]
