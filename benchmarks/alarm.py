"""From a pressed button to the receipt of the police link: idle, with the district's traffic, and with ten times of it.

The clock starts when the button's message is handed to the MQTT client and stops when the link has answered. Between
lie broker, alarm lane, decoding, detection, the signed webhook and the far end, which is played in this process. Each
button is pressed once: first one after the other, then fifty at once.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median, quantiles
from uuid import uuid4

import click
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.control_room import RECEIVED, ControlRoom, end, fleet_progress, program, wait_for_progress
from benchmarks.far_end import FarEnd
from benchmarks.sheet import Plan, Sheet
from campuswatch.demo_district import prepare
from domain.device import Device, DeviceKind
from domain.observation import AlarmKind, Channel
from simulators.district import DISTRICT_SITES, build_district
from simulators.message import alarm, topic
from tests.servers import open_directory

PRESSES, QUICK_PRESSES = 200, 10
AT_ONCE, BURSTS, QUICK_BURSTS = 50, 2, 1
#: Name of a load and how many times the district's traffic it is.
LOADS = {"idle": 0, "district": 1, "district x 10": 10}
SETTLE_S, QUICK_SETTLE_S = 40.0, 12.0
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
    presses = plan.presses or (QUICK_PRESSES if plan.quick else PRESSES)
    bursts = QUICK_BURSTS if plan.quick else BURSTS
    settle_s = QUICK_SETTLE_S if plan.quick else SETTLE_S
    sheet = Sheet(columns=("load", "pressed", "n", "p50 ms", "p99 ms", "max ms", "p50 / idle", "p99 / idle"))
    district = build_district()
    buttons, far_end = Buttons(district.devices), FarEnd()
    with open_directory() as directory:
        room = ControlRoom(directory / "room", "--no-simulator", environment=far_end.environment)
        async with far_end.serve(), _up(room):
            await prepare(room.dsn, sites=DISTRICT_SITES, seed=1, phone=far_end.phone)
            for load, factor in LOADS.items():
                async with _traffic(room, factor, directory) as log:
                    click.echo(f"  {load}: {settle_s:.0f} s to settle")
                    await asyncio.sleep(settle_s)
                    began = time.monotonic(), room.number(RECEIVED), _published(log)
                    with _publisher(room) as client:
                        await _press(sheet, client, far_end, load, "one at a time", buttons.take(presses), 1)
                        await _press(
                            sheet, client, far_end, load, f"{AT_ONCE} at once", buttons.take(bursts * AT_ONCE), AT_ONCE
                        )
                    _tell_traffic(sheet, load, room, log, *began)
            pressed = len(LOADS) * (presses + bursts * AT_ONCE)
            _account(sheet, room, far_end, pressed)
    return sheet


async def _press(
    sheet: Sheet, client: Client, far_end: FarEnd, load: str, how: str, buttons: Sequence[Device], at_once: int
) -> None:
    seconds: list[float] = []
    for start in range(0, len(buttons), at_once):
        pressed: list[tuple[float, asyncio.Future[float]]] = []
        for button in buttons[start : start + at_once]:
            answered = far_end.expect(button.device_id)
            payload = alarm(time.time(), uuid4().hex, AlarmKind.PANIC)
            pressed.append((time.perf_counter(), answered))
            client.publish(topic(button.site_id, button.device_id, Channel.ALARM), payload, qos=1)
        _, late = await asyncio.wait([answered for _, answered in pressed], timeout=PATIENCE_S)
        if late:
            sheet.faults.append(f"{load}, {how}: {len(late)} alarms without a receipt after {PATIENCE_S:.0f} s")
        seconds += [answered.result() - at for at, answered in pressed if answered not in late]
        await asyncio.sleep(random.uniform(0.02, 0.1) if at_once == 1 else 2.0)
    if len(seconds) < 2:
        return
    p50, p99, most = median(seconds), quantiles(seconds, n=100, method="inclusive")[98], max(seconds)
    idle = sheet.figures.setdefault(f"idle, {how}", {"p50_ms": p50 * 1e3, "p99_ms": p99 * 1e3})
    ratios = p50 * 1e3 / idle["p50_ms"], p99 * 1e3 / idle["p99_ms"]
    sheet.rows.append((load, how, len(seconds), p50 * 1e3, p99 * 1e3, most * 1e3, *ratios))
    sheet.figures[f"{load}, {how}"] = {
        "n": len(seconds),
        "p50_ms": p50 * 1e3,
        "p99_ms": p99 * 1e3,
        "max_ms": most * 1e3,
        "p50_ratio": ratios[0],
        "p99_ratio": ratios[1],
    }
    click.echo(f"  {load}, {how}: p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, max {most * 1e3:.1f} ms")
    if p99 > LIMIT_S and LOADS[load] <= 1:
        sheet.faults.append(f"{load}, {how}: p99 is {p99:.1f} s; the limit is {LIMIT_S:g} s")


def _tell_traffic(
    sheet: Sheet, load: str, room: ControlRoom, log: Path | None, began: float, received: int, published: int
) -> None:
    """How much the bulk lane had to do meanwhile, and did."""
    if log is None:
        return
    seconds = time.monotonic() - began
    sent_per_s, stored_per_s = (_published(log) - published) / seconds, (room.number(RECEIVED) - received) / seconds
    sheet.figures[f"{load}, traffic"] = {"published_per_s": sent_per_s, "stored_per_s": stored_per_s}
    sheet.notes.append(f"{load}: published about {sent_per_s:,.0f}/s, stored {stored_per_s:,.0f}/s meanwhile")


def _account(sheet: Sheet, room: ControlRoom, far_end: FarEnd, pressed: int) -> None:
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
        "delivered_again": far_end.copies(),
    }
    sheet.notes.append(
        f"pressed {pressed}, incidents {incidents}, police receipts {receipts}, quarantined {quarantined},"
        f" delivered again {far_end.copies()}"
    )
    for name, got, want in (
        ("incidents", incidents, pressed),
        ("police receipts", receipts, pressed),
        ("quarantined alarms", quarantined, 0),
        ("processes started anew", room.roles_began_again(), 0),
    ):
        if got != want:
            sheet.faults.append(f"{name}: expected {want}, got {got}")


def _published(log: Path | None) -> int:
    return int(fleet_progress(log)["published"]) if log is not None else 0


@asynccontextmanager
async def _up(room: ControlRoom) -> AsyncIterator[None]:
    await asyncio.to_thread(room.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(room.__exit__, None, None, None)


@asynccontextmanager
async def _traffic(room: ControlRoom, factor: int, directory: Path) -> AsyncIterator[Path | None]:
    """The district's devices in a process of their own, ``factor`` times as busy as they are."""
    if not factor:
        yield None
        return
    log = directory / f"fleet-{factor}.log"
    fleet = program(["sim", "fleet", "--mqtt-url", room.mqtt_url, "--rate-factor", str(factor), "--wait", "30"], log)
    try:
        await asyncio.to_thread(wait_for_progress, log, 60, published=1)
        yield log
    finally:
        await asyncio.to_thread(end, fleet)


@contextmanager
def _publisher(room: ControlRoom) -> Iterator[Client]:
    client = Client(CallbackAPIVersion.VERSION2, client_id="bench-buttons", clean_session=True)
    client.connect("127.0.0.1", room.mqtt_port, keepalive=30)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()
