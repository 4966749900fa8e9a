"""What the whole server costs under the district's own traffic, and whether every message was kept.

The demo runs as it ships: 184 sites, 19,872 devices, one wall open. An idle demo (no devices at all) is measured beside
it. At the end every site is told to fall silent, so that the sums of fleet and ledger can be compared.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import click
import psycopg
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from benchmarks.books import differences, ledger, silence
from benchmarks.control_room import ControlRoom, fleet_progress
from benchmarks.processes import SERVER, WORLD, Use, used
from benchmarks.sheet import Plan, Sheet
from tests.servers import open_directory

MINUTES, QUICK_MINUTES = 10.0, 0.3
IDLE_S, QUICK_IDLE_S = 60.0, 10.0
#: Until every device has been heard and what starting costs is over.
SETTLE_S, QUICK_SETTLE_S = 60.0, 10.0
LOOK_EVERY_S = 10.0
#: The requirement for the server's own processes together.
MOST_CORES, MOST_MB = 1.0, 600.0


def measure(plan: Plan) -> Sheet:
    seconds = 60 * (plan.minutes or (QUICK_MINUTES if plan.quick else MINUTES))
    idle_s, settle_s = (QUICK_IDLE_S, QUICK_SETTLE_S) if plan.quick else (IDLE_S, SETTLE_S)
    with open_directory() as directory:
        with ControlRoom(directory / "idle", "--no-simulator") as room, open_wall(room):
            click.echo(f"  idle: {idle_s:.0f} s")
            time.sleep(settle_s / 2)
            idle = _watch(room, idle_s)
        with ControlRoom(directory / "busy") as room, open_wall(room) as frames:
            click.echo(f"  184 sites: {settle_s:.0f} s to settle, then {seconds:.0f} s")
            time.sleep(settle_s)
            busy = _watch(room, seconds)
            sheet = _sheet(busy, idle)
            sheet.figures["seconds"] = busy.seconds
            sheet.figures["wall_frames"] = len(frames)
            _account(sheet, room)
    return sheet


class Watched:
    """``cores`` by part over the time; memory as the mean of the looks, and the highest sum of the server's own."""

    def __init__(self, looks: list[tuple[float, dict[str, Use]]]) -> None:
        (began, first), (ended, last) = looks[0], looks[-1]
        self.seconds = ended - began
        self.cores = {name: (last[name].cpu_s - first[name].cpu_s) / self.seconds for name in first}
        self.pss_mb = {name: sum(look[name].pss_mb for _, look in looks) / len(looks) for name in first}
        self.rss_mb = {name: sum(look[name].rss_mb for _, look in looks) / len(looks) for name in first}
        self.processes = {name: last[name].processes for name in last}
        self.most_pss_mb = max(sum(look[name].pss_mb for name in SERVER) for _, look in looks)

    def total(self, what: dict[str, float]) -> float:
        return sum(what[name] for name in SERVER)


def _watch(room: ControlRoom, seconds: float) -> Watched:
    ends = time.monotonic() + seconds
    looks = [(time.monotonic(), used(room.pid))]
    while (left_s := ends - time.monotonic()) > 0.05:
        time.sleep(min(LOOK_EVERY_S, left_s))
        looks.append((time.monotonic(), used(room.pid)))
    return Watched(looks)


def _sheet(busy: Watched, idle: Watched) -> Sheet:
    sheet = Sheet(
        columns=("part", "processes", "cores", "idle", "CPU ratio", "PSS MB", "idle MB", "PSS ratio", "RSS MB")
    )
    for name in SERVER:
        sheet.rows.append(
            (
                name,
                busy.processes[name],
                *_beside(busy.cores[name], idle.cores[name]),
                *_beside(busy.pss_mb[name], idle.pss_mb[name]),
                busy.rss_mb[name],
            )
        )
    cores, pss_mb = busy.total(busy.cores), busy.total(busy.pss_mb)
    sheet.rows.append(
        (
            "server in all",
            sum(busy.processes[name] for name in SERVER),
            *_beside(cores, idle.total(idle.cores)),
            *_beside(pss_mb, idle.total(idle.pss_mb)),
            busy.total(busy.rss_mb),
        )
    )
    for name in WORLD:
        sheet.rows.append(
            (f"({name})", busy.processes[name], busy.cores[name], "", "", busy.pss_mb[name], "", "", busy.rss_mb[name])
        )
    sheet.notes.append(
        f"{busy.seconds:.0f} s, one wall open. Highest sum of the server's PSS: {busy.most_pss_mb:.0f} MB."
        f" Required: less than {MOST_CORES:g} core and {MOST_MB:g} MB."
    )
    sheet.figures = {
        "cores": cores,
        "cores_idle": idle.total(idle.cores),
        "pss_mb": pss_mb,
        "pss_mb_idle": idle.total(idle.pss_mb),
        "pss_mb_highest": busy.most_pss_mb,
        "by_part": {
            name: {
                "processes": busy.processes[name],
                "cores": busy.cores[name],
                "cores_idle": idle.cores[name],
                "pss_mb": busy.pss_mb[name],
                "pss_mb_idle": idle.pss_mb[name],
                "rss_mb": busy.rss_mb[name],
            }
            for name in (*SERVER, *WORLD)
        },
    }
    if cores >= MOST_CORES:
        sheet.faults.append(f"the server used {cores:.2f} cores; the limit is {MOST_CORES:g}")
    if busy.most_pss_mb >= MOST_MB:
        sheet.faults.append(f"the server held {busy.most_pss_mb:.0f} MB; the limit is {MOST_MB:g}")
    return sheet


def _beside(value: float, baseline: float) -> tuple[float, float, str]:
    return value, baseline, f"{value / baseline:.1f}" if baseline > 0.0005 else "-"


def _account(sheet: Sheet, room: ControlRoom) -> None:
    """Silence every site, let the server catch up, and hold its books against the fleet's."""
    log = room.data / "log" / "fleet.log"
    rate_per_s = fleet_progress(log).get("rate_per_s", 0.0)
    fleet = silence(room.mqtt_url, log)
    published = int(fleet["published"])
    kept = ledger(room, published)
    sheet.notes.append(
        f"fleet: published {published:,}, acknowledged {int(fleet['acknowledged']):,}, dropped {int(fleet['dropped'])},"
        f" {rate_per_s:.0f}/s\nserver: received {kept['received']:,}, stored {kept['stored']:,},"
        f" rejected {kept['rejected']:,}, duplicate {kept['duplicate']:,}; rows {kept['rows']:,},"
        f" quarantined {kept['quarantined']:,}"
    )
    sheet.figures["account"] = {
        "published": published,
        "acknowledged": int(fleet["acknowledged"]),
        "dropped": int(fleet["dropped"]),
        "rate_per_s": rate_per_s,
        **kept,
    }
    expected = {
        "acknowledged by the broker": (int(fleet["acknowledged"]), published),
        "dropped by the fleet": (int(fleet["dropped"]), 0),
        "received": (kept["received"], published),
        "stored": (kept["stored"], published),
        "rejected": (kept["rejected"], 0),
        "duplicate": (kept["duplicate"], 0),
        "rows": (kept["rows"], published),
        "quarantined": (kept["quarantined"], 0),
        "processes started anew": (room.roles_began_again(), 0),
    }
    sheet.faults += differences(expected)
    if kept["received"] != published:
        sheet.notes.append(_where_it_is_missing(room, log))


def _where_it_is_missing(room: ControlRoom, log: Path) -> str:
    """Devices' own times of what was stored: a late beginning, or seconds of which more than half is missing."""
    started = next(line for line in log.read_text(errors="replace").splitlines() if "fleet_started" in line)
    began_at = datetime.fromisoformat(started[:19]).replace(tzinfo=UTC)
    with psycopg.connect(room.dsn) as conn:
        seconds: list[tuple[datetime, int]] = conn.execute(
            "SELECT date_trunc('second', ts), count(*) FROM (SELECT ts FROM heartbeat UNION ALL SELECT ts FROM reading)"
            " GROUP BY 1 ORDER BY 1"
        ).fetchall()
    usual = median(count for _, count in seconds)
    thin = [at.astimezone(UTC).strftime("%H:%M:%S") for at, count in seconds[1:-1] if count < usual / 2]
    return (
        f"the fleet began at {began_at:%H:%M:%S}, the first message that was stored is of"
        f" {seconds[0][0].astimezone(UTC):%H:%M:%S}; seconds of which more than half is missing:"
        f" {', '.join(thin) or 'none'}"
    )


@contextmanager
def open_wall(room: ControlRoom) -> Iterator[list[int]]:
    """An operator's wall: takes every frame of the live stream, and notes its size."""
    frames: list[int] = []
    over = threading.Event()

    where = f"ws://127.0.0.1:{room.port}/api/v1/stream"

    async def look() -> None:
        while not over.is_set():
            with suppress(OSError, WebSocketException, TimeoutError):
                async with connect(where, max_size=None, additional_headers=room.bearer) as stream:
                    while not over.is_set():
                        frames.append(len(await asyncio.wait_for(stream.recv(), 5.0)))
            await asyncio.sleep(0.5)

    viewer = threading.Thread(target=lambda: asyncio.run(look()), name="wall", daemon=True)
    viewer.start()
    try:
        yield frames
    finally:
        over.set()
        viewer.join(10)
