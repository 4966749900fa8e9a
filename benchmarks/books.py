"""The books of both sides: what a fleet published and what the control room's ledger and tables say of it."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.control_room import RECEIVED, ControlRoom, wait_for_progress
from benchmarks.wire import Wire
from simulators.district import build_district
from simulators.orders import CONTROL_TOPIC


def silence(mqtt_url: str, fleet: Path, seconds: float = 60.0) -> dict[str, float]:
    """Tell every site of the fleet whose log is ``fleet`` to fall silent; its last figures."""
    district = build_district()
    orders = [(CONTROL_TOPIC, f'{{"op":"cut","site":"{site.site_id}"}}'.encode()) for site in district.sites]
    with Wire(mqtt_url, "bench-silence", clean=True) as wire:
        wire.publish(orders, window=50)
    figures = wait_for_progress(fleet, seconds, cut=len(district.devices))
    while figures["acknowledged"] < figures["published"] and seconds > 0:
        time.sleep(1.0)
        seconds -= 1.0
        figures = wait_for_progress(fleet, seconds, cut=len(district.devices))
    return figures


def ledger(room: ControlRoom, published: int, seconds: float = 30.0) -> dict[str, int]:
    """The bulk lane's sums and the rows behind them, once it has received ``published`` or ``seconds`` are over."""
    deadline = time.monotonic() + seconds
    while room.number(RECEIVED) < published and time.monotonic() < deadline:
        time.sleep(0.5)
    return {
        "received": room.number(RECEIVED),
        "stored": room.number("SELECT sum(stored) FROM ledger WHERE lane = 'bulk'"),
        "rejected": room.number("SELECT sum(rejected) FROM ledger WHERE lane = 'bulk'"),
        "duplicate": room.number("SELECT sum(duplicate) FROM ledger WHERE lane = 'bulk'"),
        "rows": room.number("SELECT count(*) FROM heartbeat") + room.number("SELECT count(*) FROM reading"),
        "quarantined": room.number("SELECT count(*) FROM quarantine"),
    }


def differences(expected: dict[str, tuple[int, int]]) -> list[str]:
    """A fault for each name whose count is not what it has to be: (got, want)."""
    return [f"{name}: expected {want:,}, got {got:,}" for name, (got, want) in expected.items() if got != want]
