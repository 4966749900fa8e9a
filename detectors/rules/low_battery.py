"""Low battery: 15% raises, 25% clears (a cold night moves a cell by less than the gap), or the device says so.

What it says of the past (`detectors.lives`) is history.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from detectors.lives import Heard
from detectors.rule import NOTHING, Changes, Rule, Watcher
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Category, Finding, FindingKind, Severity
from domain.observation import Event, EventKind, Heartbeat, Reading

RAISE_PCT = 15.0
CLEAR_PCT = 25.0


class LowBattery(Rule):
    name = "low_battery"
    category = Category.DEVICE
    severity = Severity.MINOR

    def __init__(self) -> None:
        self._low: set[int] = set()
        self._changed: set[int] = set()

    def watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        watchers: dict[type, Watcher] = {Heartbeat: self._heartbeat, Reading: self._reading, Event: self._event}
        return watchers.get(observation)

    def _heartbeat(self, heartbeat: Heartbeat, heard: Heard) -> Sequence[Finding]:
        if heartbeat.battery_pct is None or heard is Heard.PAST:
            return NOTHING
        return self._level(heartbeat, heartbeat.battery_pct)

    def _reading(self, reading: Reading, heard: Heard) -> Sequence[Finding]:
        battery_pct = reading.values.get("battery_pct")
        return NOTHING if battery_pct is None or heard is Heard.PAST else self._level(reading, battery_pct)

    def _event(self, event: Event, heard: Heard) -> Sequence[Finding]:
        if event.event is not EventKind.LOW_BATTERY or heard is Heard.PAST:
            return NOTHING
        return self._turn(event, event.active, {})

    def _level(self, said: Heartbeat | Reading, battery_pct: float) -> Sequence[Finding]:
        if battery_pct <= RAISE_PCT:
            return self._turn(said, True, {"battery_pct": battery_pct})
        if battery_pct >= CLEAR_PCT:
            return self._turn(said, False, {"battery_pct": battery_pct})
        return NOTHING

    def _turn(self, said: Heartbeat | Reading | Event, low: bool, detail: dict[str, Any]) -> Sequence[Finding]:
        device_no = said.device.device_no
        if low is (device_no in self._low):
            return NOTHING
        (self._low.add if low else self._low.discard)(device_no)
        self._changed.add(device_no)
        kind = FindingKind.RAISED if low else FindingKind.CLEARED
        return (self.finding(kind, said.device, said.at, said.received_at, detail),)

    def retire(self, device: RegisteredDevice, now: datetime) -> Sequence[Finding]:
        if device.device_no not in self._low:
            return NOTHING
        self._low.discard(device.device_no)
        self._changed.add(device.device_no)
        return self.retired(device, now)

    def restore(self, device_no: int, state: dict[str, Any]) -> None:
        self._low.add(device_no)

    def collect(self, changes: Changes) -> None:
        for device_no in self._changed:
            changes.states.append((self.name, device_no, {} if device_no in self._low else None))
        self._changed.clear()
