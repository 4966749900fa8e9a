"""Rapid rise of temperature: 8.3 K/min (15 °F/min, the rate-of-rise response named for detectors in NFPA 72) over
at least 8 K, within three minutes. It warns early and is not a heat detector's alarm: duty leaders are told, the
police are not. It clears when the rise has stayed below 2 K/min over the window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from detectors.rule import NOTHING, Changes, Rule
from detectors.rules.high_temperature import LATE_AFTER_S, METRIC
from domain.device import DeviceKind
from domain.finding import Category, Finding, FindingKind, Severity
from domain.observation import Reading

RATE_K_PER_MIN = 8.3
RISE_K = 8.0
CLEAR_K_PER_MIN = 2.0
WINDOW_S = 180.0
#: Two readings closer together say nothing about a rate.
SHORTEST_S = 10.0
#: Readings of a window; a device that sends faster has its oldest forgotten.
MOST_READINGS = 32


class TemperatureRise(Rule):
    name = "temperature_rise"
    category = Category.FIRE
    severity = Severity.MAJOR

    def __init__(self) -> None:
        self._windows: dict[int, list[tuple[float, float]]] = {}  # device_no → (device time s, °C), oldest first
        self._rising: set[int] = set()
        self._changed: set[int] = set()

    def watcher(self, observation: type, kind: DeviceKind) -> Callable[[Any], Sequence[Finding]] | None:
        return self._observe if observation is Reading else None

    def _observe(self, reading: Reading) -> Sequence[Finding]:
        value_c = reading.values.get(METRIC)
        if value_c is None or (reading.received_at - reading.at).total_seconds() > LATE_AFTER_S:
            return NOTHING
        device_no, at_s = reading.device.device_no, reading.at.timestamp()
        window = self._windows.setdefault(device_no, [])
        if window and at_s <= window[-1][0]:
            return NOTHING  # repeated or out of order
        window.append((at_s, value_c))
        while len(window) > MOST_READINGS or at_s - window[0][0] > WINDOW_S:
            del window[0]
        rate, rise_k = _steepest(window)
        if device_no in self._rising:
            if rate >= CLEAR_K_PER_MIN or at_s - window[0][0] < SHORTEST_S:
                return NOTHING
            self._rising.discard(device_no)
            kind = FindingKind.CLEARED
        elif rate >= RATE_K_PER_MIN and rise_k >= RISE_K:
            self._rising.add(device_no)
            kind = FindingKind.RAISED
        else:
            return NOTHING
        self._changed.add(device_no)
        detail = {METRIC: value_c, "rate_k_per_min": round(rate, 1), "rise_k": round(rise_k, 1)}
        return (self.finding(kind, reading.device, reading.at, reading.received_at, detail),)

    def restore(self, device_no: int, state: dict[str, Any]) -> None:
        self._rising.add(device_no)

    def collect(self, changes: Changes) -> None:
        for device_no in self._changed:
            changes.states.append((self.name, device_no, {} if device_no in self._rising else None))
        self._changed.clear()


def _steepest(window: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The steepest mean rise from any reading of the window to the newest: K/min, and the K that it spans."""
    newest_s, newest_c = window[-1]
    best = (0.0, 0.0)
    for at_s, value_c in window[:-1]:
        span_s = newest_s - at_s
        if span_s >= SHORTEST_S:
            best = max(best, ((newest_c - value_c) / span_s * 60.0, newest_c - value_c))
    return best
