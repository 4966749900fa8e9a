"""What one device that sends 2,000 messages a second does to everybody else.

The district speaks all the time. In windows that take turns the loud device is silent or shouts, so that both sides of
a ratio come from the same minutes. Measured are heartbeats of quiet devices (at the loud one's own site, and elsewhere)
from the moment they are sent until they are committed, by the database's own record of commit times, and buttons from
the press to the police link's receipt. What the loud device says over its limit is counted as rejected; it must not be
lost, and nobody else's must be touched.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import NamedTuple

import click
import psycopg

from benchmarks.books import differences, ledger, silence
from benchmarks.control_room import ControlRoom
from benchmarks.far_end import FarEnd
from benchmarks.province import heartbeat
from benchmarks.sheet import Plan, Sheet
from benchmarks.stage import Presser, Spread, fleet, room_with_mosquitto
from benchmarks.wire import Wire
from devices.importer import import_district
from domain.device import Device, DeviceKind
from domain.observation import Channel
from simulators.district import build_district
from simulators.message import topic
from storage.pool import connect
from tests.servers import open_directory

LOUD_PER_S = 2000
PAIRS, QUICK_PAIRS = 6, 2
WINDOW_S, QUICK_WINDOW_S = 20.0, 6.0
#: What the window before left behind is not counted.
CHANGE_S = 3.0
SETTLE_S, QUICK_SETTLE_S = 20.0, 6.0
QUIET_DEVICES, QUIET_PER_S = 60, 40
PRESS_EVERY_S = 0.35
#: Required of every ratio between loud and silent. A run fails at ten times of it.
MOST_RATIO, BEYOND = 2.0, 10.0
SILENT, LOUD = "silent", "loud"
OWN_SITE, ELSEWHERE = "heartbeat, same site", "heartbeat, other sites"
PRESS = "press to receipt"


class Window(NamedTuple):
    """``said`` is `SILENT` or `LOUD`; from and until are seconds since the epoch."""

    said: str
    from_s: float
    until_s: float


def windows_in_turn(pairs: int) -> list[str]:
    """Silent, loud, loud, silent, silent, loud, ...: what drifts with time touches both sides alike."""
    return [said for number in range(pairs) for said in ((SILENT, LOUD) if number % 2 == 0 else (LOUD, SILENT))]


def measure(plan: Plan) -> Sheet:
    return asyncio.run(_measure(plan))


async def _measure(plan: Plan) -> Sheet:
    pairs = plan.rounds or (QUICK_PAIRS if plan.quick else PAIRS)
    window_s, settle_s = (QUICK_WINDOW_S, QUICK_SETTLE_S) if plan.quick else (WINDOW_S, SETTLE_S)
    sheet = Sheet(
        columns=("latency", "n silent", "p50 ms", "p99 ms", "n loud", "p50 ms loud", "p99 ms loud", "p50 x", "p99 x")
    )
    far_end, district = FarEnd(), build_district()
    loud, quiet = _guests([site.site_id for site in district.sites])
    with open_directory() as directory:
        log = directory / "fleet.log"
        async with room_with_mosquitto(directory, far_end) as (room, _):
            await _register(room.dsn, [loud, *quiet])
            async with (
                fleet(room.mqtt_url, log),
                _speaker(_whisper, room.mqtt_url, quiet) as whisperer,
                _speaker(_shout, room.mqtt_url, [loud]) as shouter,
            ):
                await whisperer.say(True)
                await asyncio.sleep(settle_s)
                presser = Presser(room.mqtt_url, far_end, district.devices, every_s=PRESS_EVERY_S)
                windows = await _play(presser, shouter, windows_in_turn(pairs), window_s)
                late = await presser.answered(30.0)
                said = await whisperer.finish(), await shouter.finish()
                latencies = await asyncio.to_thread(_latencies, room.dsn, windows, loud.site_id)
                for label in (SILENT, LOUD):
                    latencies[PRESS, label] = presser.seconds(label)
                _tell(sheet, latencies)
                sheet.faults += [f"{press.device_id}: an alarm without a receipt" for press in late]
                await asyncio.to_thread(_account, sheet, room, log, *said, len(presser.pressed))
    return sheet


async def _play(presser: Presser, shouter: Speaker, turns: Sequence[str], window_s: float) -> list[Window]:
    pressing = asyncio.create_task(presser.run(), name="presser")
    windows: list[Window] = []
    try:
        for said in turns:
            presser.label = "between"
            await shouter.say(said == LOUD)
            await asyncio.sleep(CHANGE_S)
            presser.label, from_s = said, time.time()
            await asyncio.sleep(window_s)
            windows.append(Window(said, from_s, time.time()))
            click.echo(f"  {said}: {window_s:.0f} s")
        await shouter.say(False)
    finally:
        pressing.cancel()
        await asyncio.gather(pressing, return_exceptions=True)
    return windows


def _latencies(dsn: str, windows: Sequence[Window], loud_site: str) -> dict[tuple[str, str], list[float]]:
    """Seconds from sent to committed of the quiet devices' heartbeats, by where they are and what the loud one did."""
    found: dict[tuple[str, str], list[float]] = {}
    with psycopg.connect(dsn) as conn:
        for window in windows:
            rows = conn.execute(
                "SELECT s.site_id, extract(epoch FROM pg_xact_commit_timestamp(h.xmin) - h.ts)::float8"
                " FROM heartbeat AS h JOIN device AS d USING (device_no) JOIN site AS s USING (site_no)"
                " WHERE d.device_id LIKE '%%-quiet-%%' AND h.ts BETWEEN to_timestamp(%s) AND to_timestamp(%s)",
                (window.from_s, window.until_s),
            ).fetchall()
            for site_id, seconds in rows:
                where = OWN_SITE if site_id == loud_site else ELSEWHERE
                found.setdefault((where, window.said), []).append(seconds)
    return found


def _tell(sheet: Sheet, latencies: dict[tuple[str, str], list[float]]) -> None:
    for what in (OWN_SITE, ELSEWHERE, PRESS):
        silent, loud = (Spread.of(latencies.get((what, label), []), unit=1e-3) for label in (SILENT, LOUD))
        if not silent.n or not loud.n:
            sheet.faults.append(f"{what}: nothing was measured")
            continue
        ratios = loud.p50 / silent.p50, loud.p99 / silent.p99
        sheet.rows.append((what, silent.n, silent.p50, silent.p99, loud.n, loud.p50, loud.p99, *ratios))
        sheet.figures[what] = {
            SILENT: silent._asdict(),
            LOUD: loud._asdict(),
            "p50_ratio": ratios[0],
            "p99_ratio": ratios[1],
        }
        if max(ratios) > MOST_RATIO:
            sheet.notes.append(f"{what}: {max(ratios):.1f} times as long; required: no more than {MOST_RATIO:g}")
        if max(ratios) > BEYOND * MOST_RATIO:
            sheet.faults.append(f"{what}: {max(ratios):.0f} times as long beside the loud device")


def _account(sheet: Sheet, room: ControlRoom, log: Path, whispered: int, shouted: int, pressed: int) -> None:
    """The loud device's excess is rejected; nobody else's message is, and none is missing."""
    figures = silence(room.mqtt_url, log)
    published = int(figures["published"]) + whispered + shouted
    kept = ledger(room, published, seconds=60.0)
    of_quiet = room.number(
        "SELECT count(*) FROM heartbeat JOIN device USING (device_no) WHERE device_id LIKE '%-quiet-%'"
    )
    of_loud = room.number(
        "SELECT count(*) FROM heartbeat JOIN device USING (device_no) WHERE device_id LIKE '%-loud-%'"
    )
    incidents = room.number("SELECT count(*) FROM incident WHERE rule = 'one_key_alarm'")
    sheet.figures["account"] = {
        "published": published,
        **kept,
        "shouted": shouted,
        "shouted_stored": of_loud,
        "pressed": pressed,
        "incidents": incidents,
    }
    sheet.notes.append(
        f"published {published:,} (of these the loud device {shouted:,}); received {kept['received']:,}, stored"
        f" {kept['stored']:,}, rejected {kept['rejected']:,}, duplicate {kept['duplicate']:,}; of the loud device"
        f" stored {of_loud:,}, in quarantine {kept['quarantined']:,}; pressed {pressed}, incidents {incidents}"
    )
    sheet.faults += differences(
        {
            "received": (kept["received"], published),
            "ledger even (stored + rejected + duplicate)": (
                kept["stored"] + kept["rejected"] + kept["duplicate"],
                kept["received"],
            ),
            "rejected, all of it the loud device's": (kept["rejected"], shouted - of_loud),
            "rows of the quiet devices": (of_quiet, whispered),
            "rows": (kept["rows"], published - kept["rejected"]),
            "incidents": (incidents, pressed),
            "processes started anew": (room.roles_began_again(), 0),
        }
    )


def _guests(sites: Sequence[str]) -> tuple[Device, list[Device]]:
    """The loud device at the first site, and quiet ones: half of them beside it, the others elsewhere."""
    first, *others = sites
    homes = [first if number % 2 else others[number] for number in range(QUIET_DEVICES)]
    return _camera(first, "loud", 1), [_camera(home, "quiet", number) for number, home in enumerate(homes)]


def _camera(site_id: str, word: str, number: int) -> Device:
    return Device(site_id=site_id, device_id=f"{site_id}-{word}-{number:02d}", kind=DeviceKind.CAMERA)


async def _register(dsn: str, devices: Sequence[Device]) -> None:
    conn = await connect(dsn, name="benchmark")
    try:
        await import_district(conn, [], devices, actor="benchmark")
    finally:
        await conn.close()


# -- processes that speak ---------------------------------------------------------------------------------------


class Speaker:
    """A process that publishes while it is told to; a message's time is the moment in which it is sent."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    async def say(self, aloud: bool) -> None:
        self._pipe.send(aloud)

    async def finish(self) -> int:
        """How many messages the broker has acknowledged, which are all that were sent."""
        self._pipe.send(None)
        return int(await asyncio.to_thread(self._pipe.recv))


@asynccontextmanager
async def _speaker(
    voice: Callable[[str, list[str], Pipe], None], mqtt_url: str, devices: Sequence[Device]
) -> AsyncIterator[Speaker]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    topics = [topic(device.site_id, device.device_id, Channel.HEARTBEAT) for device in devices]
    process = context.Process(target=voice, args=(mqtt_url, topics, theirs), daemon=True)
    process.start()
    try:
        yield Speaker(ours)
    finally:
        process.terminate()
        await asyncio.to_thread(process.join, 5)


def _whisper(mqtt_url: str, topics: list[str], pipe: Pipe) -> None:
    _speak(mqtt_url, topics, pipe, at_once=1, per_s=QUIET_PER_S)


def _shout(mqtt_url: str, topics: list[str], pipe: Pipe) -> None:
    _speak(mqtt_url, topics, pipe, at_once=20, per_s=LOUD_PER_S)


def _speak(mqtt_url: str, topics: Sequence[str], pipe: Pipe, *, at_once: int, per_s: float) -> None:
    """Take turns among ``topics``, ``at_once`` messages at a time; what could not be kept up with is left out."""
    aloud, count, turn = False, 0, itertools.cycle(topics)
    with Wire(mqtt_url, f"bench-{topics[0].replace('/', '-')}", clean=True) as wire:
        due = time.monotonic()
        while True:
            if pipe.poll(max(0.0, due - time.monotonic())):
                order = pipe.recv()
                if order is None:
                    break
                aloud = order
            now = time.monotonic()
            if now < due:
                continue
            due = max(due + at_once / per_s, now - 0.1)
            if aloud:
                # Some microseconds apart: what is sent at once is not the same message again.
                sent_s = time.time()
                wire.publish(
                    [(next(turn), heartbeat(sent_s + place * 3e-6)) for place in range(at_once)], window=at_once
                )
                count += at_once
    pipe.send(count)
