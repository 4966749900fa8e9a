"""How fast a changed rule is tried on a stored history, the reading from the database included.

The bare read loop beside it reads the same rows by the same COPY, takes them apart and adds their values up: what is
left is what observations and the rule cost. Each figure is the best of its rounds, by the clock, and beside it by the
CPU of this process, which work beside it does not make worse; the database works on another core meanwhile. The bare
loops are told by CPU too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg

from benchmarks.sheet import Plan, Sheet
from benchmarks.stage import own_database
from campuswatch.backtest import Backtest
from detectors.documents.form import RuleDocument
from detectors.documents.reading import read_text
from storage.history import History, Span
from storage.migrations import migrate
from tests.servers import open_directory

BEGINS = datetime(2026, 3, 1, 16, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
SITES, SENSORS_A_SITE, EVERY_S = 184, 10, 60
HOURS, QUICK_HOURS, ROUNDS = 5, 1, 3
#: The bound of issue 5.
LEAST_A_SECOND = 200_000

HEAD = "title: {zh: 试, en: Try}\ncategory: device\nseverity: minor\nwatch: {kinds: [temperature]}\n"
TRIED = {
    "a bound": "when: {reading: temperature_c, unit: °C, above: 30, clear: 26}\n",
    "a bound that lasts 5 min": "for: 5m\nwhen: {reading: temperature_c, unit: °C, above: 30, clear: 26}\n",
    "a rise": (
        "when: {change_of: temperature_c, unit: °C, rises_per_min: 5, at_least: 6, within: 3m, clear_per_min: 2}\n"
    ),
    "a battery, by heartbeats": "when: {battery_below: 15, clear: 25}\n",
}

_FILL = """
INSERT INTO reading (ts, device_no, metric, value, received_at)
SELECT t + n * interval '31 ms', n, 'temperature_c', 22 + 5 * sin(extract(epoch FROM t) / 7000 + n)
       + CASE WHEN (n * 7919 + extract(epoch FROM t)::bigint / 60) %% 5000 < 6 THEN 15 ELSE 0 END,
       t + n * interval '31 ms' + interval '60 ms'
FROM generate_series(%(since)s::timestamptz, %(until)s::timestamptz - interval '1 s', interval '60 s') AS t,
     generate_series(1, %(devices)s) AS n
"""
_BEATS = """
INSERT INTO heartbeat (ts, device_no, received_at, battery_pct)
SELECT t + n * interval '31 ms', n, t + n * interval '31 ms' + interval '60 ms',
       20 + 30 * sin(n + extract(epoch FROM t) / 9000)
FROM generate_series(%(since)s::timestamptz, %(until)s::timestamptz - interval '1 s', interval '60 s') AS t,
     generate_series(1, %(devices)s) AS n
"""


def measure(plan: Plan) -> Sheet:
    hours, rounds = (QUICK_HOURS, 1) if plan.quick else (HOURS, plan.rounds or ROUNDS)
    ends = BEGINS + timedelta(hours=hours)
    sheet = Sheet(
        columns=("rule", "observations", "seconds", "a second", "of CPU", "a second of CPU", "raised", "bare loops")
    )
    with open_directory() as directory:
        asyncio.run(_measure(directory, sheet, ends, rounds, quick=plan.quick))
    return sheet


async def _measure(directory: Path, sheet: Sheet, ends: datetime, rounds: int, *, quick: bool) -> None:
    async with own_database(directory) as postgres:
        await migrate(postgres.dsn)
        await asyncio.to_thread(_fill, postgres.dsn, ends)
        for name, rest in TRIED.items():
            document = read_text(f"rule: bench\n{HEAD}{rest}", f"{name}.yaml")
            heartbeats = "battery" in rest
            bare_s, rows = await asyncio.to_thread(_best, rounds, lambda: _bare(postgres.dsn, ends, heartbeats))  # noqa: B023
            seconds, (count, raised) = await asyncio.to_thread(
                _best,
                rounds,
                lambda: _tried(postgres.dsn, document, ends),  # noqa: B023
            )
            wall_s, cpu_s = seconds
            rate = count / cpu_s
            times = round(cpu_s / bare_s[1], 2)
            sheet.rows.append(
                (name, count, round(wall_s, 3), round(count / wall_s), round(cpu_s, 3), round(rate), raised, times)
            )
            sheet.figures[name] = {"bare_s": bare_s, "seconds": seconds, "observations": count, "rows": rows}
            if rate < LEAST_A_SECOND and not quick:
                sheet.faults.append(f"{name}: {rate:,.0f} observations a second of CPU, wanted {LEAST_A_SECOND:,}")
    sensors = SITES * SENSORS_A_SITE
    sheet.notes.append(f"{SITES} sites, {sensors} sensors, a reading and a heartbeat each in {EVERY_S} s")


def _fill(dsn: str, ends: datetime) -> None:
    devices = SITES * SENSORS_A_SITE
    with psycopg.connect(dsn) as conn:
        conn.execute(
            "INSERT INTO site (site_id, name, kind) SELECT 's' || n, '学校', 'primary'"
            " FROM generate_series(1, %s) AS n",
            (SITES,),
        )
        conn.execute(
            "INSERT INTO device (site_no, device_id, kind) SELECT 1 + (n - 1) %% %s, 'tmp-' || n, 'temperature'"
            " FROM generate_series(1, %s) AS n",
            (SITES, devices),
        )
        span = {"since": BEGINS, "until": ends, "devices": devices}
        conn.execute(_FILL, span)
        conn.execute(_BEATS, span)
        conn.commit()
        conn.autocommit = True
        conn.execute("ANALYZE reading, heartbeat, device")


def _best(rounds: int, work: Callable[[], tuple[int, int]]) -> tuple[tuple[float, float], tuple[int, int]]:
    """Seconds by the clock and of CPU, each the best of the rounds; and what came of it."""
    walls, cpus, came = list[float](), list[float](), (0, 0)
    for _ in range(rounds):
        wall, cpu = time.monotonic(), time.thread_time()
        came = work()
        walls.append(time.monotonic() - wall)
        cpus.append(time.thread_time() - cpu)
    return (min(walls), min(cpus)), came


def _bare(dsn: str, ends: datetime, heartbeats: bool) -> tuple[int, int]:
    """The least that anybody pays for reading: rows that are taken apart and added up."""
    total, rows = 0.0, 0
    with History(dsn) as history:
        span = Span(BEGINS, ends, list(range(1, SITES * SENSORS_A_SITE + 1)))
        if heartbeats:
            for _, _, _, percent in history.heartbeats(span, with_battery=True):
                total += percent
                rows += 1
        else:
            for block in history.reading_blocks("temperature_c", span):
                for _, _, _, _, _, _, _, _, value, _, _ in block:
                    total += value
                    rows += 1
    return rows, 0


def _tried(dsn: str, document: RuleDocument, ends: datetime) -> tuple[int, int]:
    result = Backtest(dsn, document, since=BEGINS, until=ends, site_id=None, zone=ZONE).run()
    return result.observations, len(result.raised)
