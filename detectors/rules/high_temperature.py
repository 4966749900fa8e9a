"""High temperature, with hysteresis.

57 °C raises and 50 °C clears: inside the static response range of a class A1 heat detector (54 to 65 °C, EN 54-5;
GB 4716 takes the same). So a sensor in a classroom counts as a heat detector, and its finding as fire.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from detectors.rule import NOTHING, Changes, Rule
from domain.device import DeviceKind
from domain.finding import Category, Finding, FindingKind, Severity
from domain.observation import Reading

METRIC = "temperature_c"
RAISE_C = 57.0
CLEAR_C = 50.0
#: Readings that took longer to arrive are history: they raise nothing, and a cool one of an hour ago ends no fire.
LATE_AFTER_S = 900.0


class HighTemperature(Rule):
    name = "high_temperature"
    category = Category.FIRE
    severity = Severity.CRITICAL
    life_safety = True

    def __init__(self) -> None:
        self._hot: dict[int, float] = {}  # device_no → highest since it was raised
        self._changed: set[int] = set()

    def watcher(self, observation: type, kind: DeviceKind) -> Callable[[Any], Sequence[Finding]] | None:
        return self._observe if observation is Reading else None

    def _observe(self, reading: Reading) -> Sequence[Finding]:
        value_c = reading.values.get(METRIC)
        if value_c is None or (reading.received_at - reading.at).total_seconds() > LATE_AFTER_S:
            return NOTHING
        device_no = reading.device.device_no
        peak_c = self._hot.get(device_no)
        if peak_c is None:
            if value_c < RAISE_C:
                return NOTHING
            kind, self._hot[device_no] = FindingKind.RAISED, value_c
        elif value_c <= CLEAR_C:
            kind = FindingKind.CLEARED
            del self._hot[device_no]
        elif value_c > peak_c + 1.0:
            kind, self._hot[device_no] = FindingKind.UPDATED, value_c
        else:
            return NOTHING
        self._changed.add(device_no)
        return (
            self.finding(
                kind, reading.device, reading.at, reading.received_at, {METRIC: value_c, "threshold_c": RAISE_C}
            ),
        )

    def restore(self, device_no: int, state: dict[str, Any]) -> None:
        self._hot[device_no] = float(state["peak_c"])

    def collect(self, changes: Changes) -> None:
        for device_no in self._changed:
            peak_c = self._hot.get(device_no)
            changes.states.append((self.name, device_no, None if peak_c is None else {"peak_c": peak_c}))
        self._changed.clear()
