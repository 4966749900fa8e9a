"""Low battery: 15% raises, 25% clears (a cold night moves a cell by less than the gap), or the device says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from detectors.rule import NOTHING, Changes, Rule
from domain.device import DeviceKind
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

    def watcher(self, observation: type, kind: DeviceKind) -> Callable[[Any], Sequence[Finding]] | None:
        watchers: dict[type, Callable[[Any], Sequence[Finding]]] = {
            Heartbeat: self._heartbeat,
            Reading: self._reading,
            Event: self._event,
        }
        return watchers.get(observation)

    def _heartbeat(self, heartbeat: Heartbeat) -> Sequence[Finding]:
        if heartbeat.battery_pct is None:
            return NOTHING
        return self._level(heartbeat, heartbeat.battery_pct)

    def _reading(self, reading: Reading) -> Sequence[Finding]:
        battery_pct = reading.values.get("battery_pct")
        return NOTHING if battery_pct is None else self._level(reading, battery_pct)

    def _event(self, event: Event) -> Sequence[Finding]:
        if event.event is not EventKind.LOW_BATTERY:
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

    def restore(self, device_no: int, state: dict[str, Any]) -> None:
        self._low.add(device_no)

    def collect(self, changes: Changes) -> None:
        for device_no in self._changed:
            changes.states.append((self.name, device_no, {} if device_no in self._low else None))
        self._changed.clear()
