"""From the commit of an incident to its pixels in the queue of an operator's wall.

Detectors say that somebody has opened them, one after another. The database says when each incident was committed; the
page says when the frame with its card had been painted; both go by the clock of this machine. Beside it a bare
client of the stream in this process, which says when the frame with the incident came.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress

import psycopg
from websockets.asyncio.client import connect

from benchmarks.control_room import ControlRoom
from benchmarks.screen.house import WHOLE_WALL, chromium, full_room, somebody, url, whole_wall
from benchmarks.sheet import Plan, Sheet
from benchmarks.stage import Spread
from benchmarks.wire import Wire

INCIDENTS, QUICK_INCIDENTS = 150, 10
EVERY_S = 0.3
MOST_MS = 500.0

#: The time at which a card had been painted, by its incident.
_PAINTED = (
    WHOLE_WALL
    + """
globalThis.painted = {}
{
  const say = (id) => { globalThis.painted[id] = Date.now() }
  const paint = (id) => requestAnimationFrame(() => requestAnimationFrame(() => say(id)))
  const look = (node) => {
    if (node.nodeType !== 1) return
    const cards = [...node.querySelectorAll('[data-incident]'), ...(node.matches('[data-incident]') ? [node] : [])]
    for (const card of cards) if (!(card.dataset.incident in globalThis.painted)) paint(card.dataset.incident)
  }
  new MutationObserver((changes) => { for (const one of changes) one.addedNodes.forEach(look) })
    .observe(document, { childList: true, subtree: true })
}
"""
)
_DETECTORS = """
    SELECT s.site_id, d.device_id FROM device AS d JOIN site AS s USING (site_no) WHERE d.kind = 'smoke'
    AND NOT EXISTS (SELECT FROM incident AS i WHERE i.device_no = d.device_no AND i.state <> 'closed')
    ORDER BY d.device_no LIMIT %s
"""
_COMMITTED = """
    SELECT incident_id::text, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM incident_entry
    WHERE kind = 'raised' AND at > %s
"""


def measure(plan: Plan) -> Sheet:
    return asyncio.run(_measure(plan))


async def _measure(plan: Plan) -> Sheet:
    count = QUICK_INCIDENTS if plan.quick else INCIDENTS
    arrived: dict[str, float] = {}
    async with full_room(plan) as room, chromium() as browser, somebody(browser, room, script=_PAINTED) as context:
        page = await context.new_page()
        await page.goto(url(room))
        await whole_wall(page)
        bare = asyncio.create_task(_listen(room, arrived), name="bare client")
        with psycopg.connect(room.dsn, autocommit=True) as conn:
            began = conn.execute("SELECT now()").fetchall()[0][0]
            detectors = conn.execute(_DETECTORS, (count,)).fetchall()
            await _open(room, detectors)
            await page.wait_for_timeout(3_000)
            committed: dict[str, float] = dict(conn.execute(_COMMITTED, (began,)).fetchall())
        painted: dict[str, float] = await page.evaluate("globalThis.painted")
        bare.cancel()
    return _sheet(plan, count, committed, {one: at / 1000 for one, at in painted.items()}, arrived)


async def _open(room: ControlRoom, detectors: list[tuple[str, str]]) -> None:
    wire = Wire(room.mqtt_url, "bench-covers", clean=True)
    await asyncio.to_thread(wire.__enter__)
    try:
        for site, device in detectors:
            message = (f"campus/v1/{site}/{device}/event", b'{"event":"tamper"}')
            await asyncio.to_thread(wire.publish, [message], window=1)
            await asyncio.sleep(EVERY_S)
    finally:
        wire.__exit__(None, None, None)


async def _listen(room: ControlRoom, arrived: dict[str, float]) -> None:
    where = f"ws://127.0.0.1:{room.port}/api/v1/stream"
    with suppress(asyncio.CancelledError):
        async with connect(where, max_size=None, additional_headers=room.bearer) as stream:
            async for text in stream:
                at = time.time()
                for incident in json.loads(text).get("incidents", ()):
                    arrived.setdefault(incident["incident_id"], at)


def _sheet(
    plan: Plan, count: int, committed: dict[str, float], painted: dict[str, float], arrived: dict[str, float]
) -> Sheet:
    sheet = Sheet(columns=("from the commit, ms", "incidents", "p50", "p99", "most"))
    waits = {
        "until the frame came to a bare client": [arrived[one] - at for one, at in committed.items() if one in arrived],
        "until it was painted": [painted[one] - at for one, at in committed.items() if one in painted],
    }
    for name, values in waits.items():
        sheet.rows.append((name, *Spread.of(values, unit=1e-3)))
    came, seen = (Spread.of(values, unit=1e-3) for values in waits.values())
    sheet.notes = [f"painted : came = {seen.p50 / came.p50:.2f} (p50), {seen.p99 / came.p99:.2f} (p99)"]
    sheet.figures = {
        "came_s": waits["until the frame came to a bare client"],
        "painted_s": waits["until it was painted"],
    }
    if seen.n < count:
        sheet.faults.append(f"{seen.n} of {count} were painted; {len(committed)} were committed")
    if not plan.quick and seen.p99 > MOST_MS:
        sheet.faults.append(f"{seen.p99:.0f} ms at p99; {MOST_MS:.0f} are allowed")
    return sheet
