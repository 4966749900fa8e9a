"""From a pressed button to the receipt of the police link: idle, with the district's traffic, and with a full queue.

The clock starts when the button's message is handed to the network and stops when the link has answered. Between lie
broker, alarm lane, decoding, detection, the signed webhook and the far end, which is played in a process of its own.
Each button is pressed once: first one after the other, then fifty at once.

«Saturated»: the bulk lane's queue in the broker is filled while the bulk role is stopped; then the role empties it as
fast as it can, with every core busy, while the buttons are pressed. The first tenth is left out: at its return the
broker hands the role its whole in-flight window in one go and answers nobody meanwhile. The queue must not run empty
before the last press.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import click
import psutil

from benchmarks.control_room import RECEIVED, ControlRoom, fleet_progress
from benchmarks.far_end import FarEnd
from benchmarks.ingest import Traffic
from benchmarks.processes import part_of
from benchmarks.sheet import Plan, Sheet
from benchmarks.stage import Spread, fleet, up
from benchmarks.wire import Wire
from campuswatch.demo_district import prepare
from domain.device import Device, DeviceKind
from domain.observation import AlarmKind, Channel
from simulators.district import DISTRICT_SITES, District, build_district
from simulators.message import alarm, topic
from tests.servers import Mosquitto, open_directory

AT_ONCE = 50
#: Between two bursts.
PAUSE_S = 1.0


class Load(NamedTuple):
    """How often is pressed under it: one after the other, and fifty at once."""

    name: str
    presses: int
    bursts: int


LOADS = (Load("idle", 60, 5), Load("district", 50, 1), Load("saturated", 0, 10))
QUICK_LOADS = (Load("idle", 10, 1), Load("district", 10, 1), Load("saturated", 0, 2))
#: Messages in the queue of the saturated lane.
BACKLOG, QUICK_BACKLOG = 900_000, 200_000
SETTLE_S, QUICK_SETTLE_S = 30.0, 10.0
#: Nobody waits longer for a receipt; it then counts as missing.
PATIENCE_S = 30.0
#: DB15/T 3968-2025: an alarm is answered within two seconds.
LIMIT_S = 2.0


class Buttons:
    """The district's one-key alarms, each to be pressed once, in an order that is the same every time."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._left = [device for device in devices if device.kind is DeviceKind.ONE_KEY_ALARM]
        random.Random(1).shuffle(self._left)

    def take(self, count: int) -> list[Device]:
        if count > len(self._left):
            raise ValueError(f"only {len(self._left)} buttons are left")
        taken, self._left = self._left[:count], self._left[count:]
        return taken


def measure(plan: Plan) -> Sheet:
    return asyncio.run(_measure(plan))


async def _measure(plan: Plan) -> Sheet:
    sheet = Sheet(columns=("load", "pressed", "n", "p50 ms", "p99 ms", "max ms", "p50 / idle", "p99 / idle"))
    loads = QUICK_LOADS if plan.quick else LOADS
    district = build_district()
    buttons, far_end = Buttons(district.devices), FarEnd()
    with open_directory() as directory:
        broker = Mosquitto(directory)
        await asyncio.to_thread(broker.start)
        room = ControlRoom(directory / "room", "--no-simulator", environment=far_end.environment, mqtt_url=broker.url)
        try:
            async with far_end.serve(), up(room):
                await prepare(room.dsn, sites=DISTRICT_SITES, seed=1, phone=far_end.phone)
                for load in loads:
                    async with _traffic(sheet, plan, load, room, directory, district):
                        singles = buttons.take(load.presses)
                        await _press(sheet, room.mqtt_url, far_end, load.name, "one at a time", singles, 1)
                        bursts = buttons.take(load.bursts * AT_ONCE)
                        await _press(sheet, room.mqtt_url, far_end, load.name, f"{AT_ONCE} at once", bursts, AT_ONCE)
                pressed = sum(load.presses + load.bursts * AT_ONCE for load in loads)
                await asyncio.sleep(5.0)
                _account(sheet, room, await far_end.copies(), pressed)
        finally:
            await asyncio.to_thread(broker.stop)
    return sheet


async def _press(
    sheet: Sheet, mqtt_url: str, far_end: FarEnd, load: str, how: str, buttons: Sequence[Device], at_once: int
) -> None:
    seconds: list[float] = []
    slowest: list[float] = []
    with Wire(mqtt_url, "bench-buttons", clean=True) as wire:
        for start in range(0, len(buttons), at_once):
            pressed = buttons[start : start + at_once]
            answered = [far_end.expect(button.device_id) for button in pressed]
            said = [
                (
                    topic(button.site_id, button.device_id, Channel.ALARM),
                    alarm(time.time(), uuid4().hex, AlarmKind.PANIC),
                )
                for button in pressed
            ]
            at = time.perf_counter()
            await asyncio.to_thread(wire.publish, said, window=at_once)
            _, late = await asyncio.wait(answered, timeout=PATIENCE_S)
            if late:
                sheet.faults.append(f"{load}, {how}: {len(late)} alarms without a receipt after {PATIENCE_S:.0f} s")
            came = [one.result() - at for one in answered if one not in late]
            slowest.append(max(came, default=0.0) * 1e3)
            seconds += came
            await asyncio.sleep(random.uniform(0.02, 0.1) if at_once == 1 else PAUSE_S)
    if not seconds:
        return
    spread = Spread.of(seconds, unit=1e-3)
    idle = sheet.figures.setdefault(f"idle, {how}", {"p50_ms": spread.p50, "p99_ms": spread.p99})
    ratios = spread.p50 / idle["p50_ms"], spread.p99 / idle["p99_ms"]
    sheet.rows.append((load, how, *spread, *ratios))
    sheet.figures[f"{load}, {how}"] = {
        "n": spread.n,
        "p50_ms": spread.p50,
        "p99_ms": spread.p99,
        "max_ms": spread.most,
        "p50_ratio": ratios[0],
        "p99_ratio": ratios[1],
        "slowest_of_each_ms": slowest,
    }
    click.echo(f"  {load}, {how}: p50 {spread.p50:.1f} ms, p99 {spread.p99:.1f} ms, max {spread.most:.1f} ms")
    if spread.p99 > LIMIT_S * 1e3:
        sheet.faults.append(f"{load}, {how}: p99 is {spread.p99:.0f} ms; the limit is {LIMIT_S:g} s")


def _account(sheet: Sheet, room: ControlRoom, copies: int, pressed: int) -> None:
    """One incident and one receipt for each press; nothing put aside."""
    incidents = room.number("SELECT count(*) FROM incident WHERE rule = 'one_key_alarm'")
    receipts = room.number(
        "SELECT count(*) FROM delivery WHERE recipient = 'police' AND notice = 'raised' AND receipt_id IS NOT NULL"
    )
    quarantined = room.number("SELECT count(*) FROM quarantine WHERE channel = 'alarm'")
    sheet.figures["account"] = {
        "pressed": pressed,
        "incidents": incidents,
        "receipts": receipts,
        "quarantined": quarantined,
        "delivered_again": copies,
    }
    sheet.notes.append(
        f"pressed {pressed}, incidents {incidents}, police receipts {receipts}, quarantined {quarantined},"
        f" delivered again {copies}"
    )
    for name, got, want in (
        ("incidents", incidents, pressed),
        ("police receipts", receipts, pressed),
        ("quarantined alarms", quarantined, 0),
        ("processes started anew", room.roles_began_again(), 0),
    ):
        if got != want:
            sheet.faults.append(f"{name}: expected {want}, got {got}")


# -- the loads ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _traffic(
    sheet: Sheet, plan: Plan, load: Load, room: ControlRoom, directory: Path, district: District
) -> AsyncIterator[None]:
    settle_s = QUICK_SETTLE_S if plan.quick else SETTLE_S
    if load.name == "idle":
        click.echo(f"  idle: {settle_s:.0f} s to settle")
        await asyncio.sleep(settle_s)
        yield
    elif load.name == "district":
        log = directory / "fleet.log"
        async with fleet(room.mqtt_url, log):
            click.echo(f"  district: {settle_s:.0f} s to settle")
            await asyncio.sleep(settle_s)
            began, received, published = time.monotonic(), room.number(RECEIVED), _published(log)
            yield
            seconds = time.monotonic() - began
            _tell(sheet, load, (room.number(RECEIVED) - received) / seconds, (_published(log) - published) / seconds)
    else:
        backlog = QUICK_BACKLOG if plan.quick else BACKLOG
        async with _full_queue(room, district, backlog) as taken:
            began, received = time.monotonic(), await taken()
            yield
            seconds, left = time.monotonic() - began, backlog - await taken()
            _tell(sheet, load, (await taken() - received) / seconds, None)
            sheet.notes.append(f"saturated: {left:,} of {backlog:,} messages were still waiting after the last press")
            if left <= 0:
                sheet.faults.append("the bulk lane's queue ran empty before the last press")


def _tell(sheet: Sheet, load: Load, stored_per_s: float, sent_per_s: float | None) -> None:
    """How much the bulk lane had to do meanwhile, and did."""
    sheet.figures[f"{load.name}, traffic"] = {"published_per_s": sent_per_s, "stored_per_s": stored_per_s}
    sent = "" if sent_per_s is None else f"published about {sent_per_s:,.0f}/s, "
    sheet.notes.append(f"{load.name}: {sent}stored {stored_per_s:,.0f}/s meanwhile")


@asynccontextmanager
async def _full_queue(room: ControlRoom, district: District, count: int) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """``count`` messages wait for the bulk role when it begins to take them; inside it does. How many it took."""
    bulk = next(p for p in psutil.Process(room.pid).children(recursive=True) if part_of(p.cmdline()) == "bulk")

    async def total() -> int:
        return int(await asyncio.to_thread(room.metric, "campuswatch_ingest_messages_total", "bulk") or 0)

    before = await total()
    said = Traffic(district, count).slice(count)
    bulk.send_signal(signal.SIGSTOP)
    try:
        click.echo(f"  saturated: filling the queue with {len(said):,} messages")
        with Wire(room.mqtt_url, "bench-filler", clean=True) as wire:
            await asyncio.to_thread(wire.publish, said, window=1000)
    finally:
        bulk.send_signal(signal.SIGCONT)
    while await total() < before + count // 10:  # noqa: ASYNC110 - another process, which tells nobody
        await asyncio.sleep(0.1)

    async def taken() -> int:
        return await total() - before

    yield taken


def _published(log: Path) -> int:
    return int(fleet_progress(log)["published"])
