"""Rapid rise of temperature: 8.3 K/min (15 °F/min, the rate-of-rise response named for detectors in NFPA 72) over
at least 8 K, within three minutes. It warns early and is not a heat detector's alarm: duty leaders are told, the
police are not. It clears when the rise has stayed below 2 K/min over the window.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from detectors.lives import Heard
from detectors.packing import MANY, packed, unpacked
from detectors.rule import NOTHING, Changes, Rule, Watcher
from detectors.rules.high_temperature import METRIC
from domain.device import DeviceKind, RegisteredDevice
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

#: Of a reading: the device's number, and what `_Window.take` was given.
_TAKEN_WIDTH = 4


class _Window(msgspec.Struct, gc=False):
    """``readings``: device time s, °C, device time s, °C, ... oldest first; ``heard_s``: when the newest reached us.

    ``aside``: (device time s, °C, our time s) of a reading that was older than the newest. It was overtaken, or the
    clock was set back; the next reading shows which.
    """

    readings: array[float]
    heard_s: float = 0.0
    aside: tuple[float, float, float] | None = None
    marked: int = 0

    def take(self, at_s: float, value_c: float, heard_s: float) -> bool:
        """Whether it is the newest reading now."""
        readings, aside = self.readings, self.aside
        if readings and at_s == readings[-2]:
            return False
        if readings and aside is not None and self._goes_on_from(aside, at_s, heard_s):
            del readings[:]
            readings.extend(aside[:2])
        elif readings and at_s < readings[-2]:
            self.aside = (at_s, value_c, heard_s)
            return False
        self.aside, self.heard_s = None, heard_s
        readings.extend((at_s, value_c))
        while len(readings) > 2 * MOST_READINGS or at_s - readings[0] > WINDOW_S:
            del readings[:2]
        return True

    def _goes_on_from(self, aside: tuple[float, float, float], at_s: float, heard_s: float) -> bool:
        """Whether the time since ``aside`` fits what has passed for us better than the time since the newest does."""
        passed_s, since_newest_s = at_s - aside[0], at_s - self.readings[-2]
        if passed_s <= 0.0:
            return False
        if since_newest_s <= 0.0:
            return True
        return abs(heard_s - aside[2] - passed_s) < abs(heard_s - self.heard_s - since_newest_s)

    def steepest(self, least_k: float) -> tuple[float, float]:
        """The steepest mean rise by at least ``least_k`` from any reading to the newest: K/min, and the K it spans."""
        readings = self.readings
        newest_s, newest_c = readings[-2:]
        best = (0.0, 0.0)
        for place in range(0, len(readings) - 2, 2):
            span_s, rise_k = newest_s - readings[place], newest_c - readings[place + 1]
            if span_s >= SHORTEST_S and rise_k >= least_k:
                best = max(best, (rise_k / span_s * 60.0, rise_k))
        return best


class TemperatureRise(Rule):
    name = "temperature_rise"
    category = Category.FIRE
    severity = Severity.MAJOR

    def __init__(self) -> None:
        self._windows: dict[int, _Window] = {}
        self._taken: list[float] = []
        self._moved: set[int] = set()
        self._rising: set[int] = set()
        self._changed: set[int] = set()

    def watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return self._observe if observation is Reading else None

    def _observe(self, reading: Reading, heard: Heard) -> Sequence[Finding]:
        value_c = reading.values.get(METRIC)
        if value_c is None or heard is Heard.PAST:
            return NOTHING
        device_no, at_s = reading.device.device_no, reading.at.timestamp()
        window = self._windows.get(device_no)
        if window is None:
            window = self._windows[device_no] = _Window(array("d"))
        heard_s = reading.received_at.timestamp()
        self._taken.extend((device_no, at_s, value_c, heard_s))
        if not window.take(at_s, value_c, heard_s):
            return NOTHING
        is_rising = device_no in self._rising
        rate, rise_k = window.steepest(0.0 if is_rising else RISE_K)
        if is_rising:
            if rate >= CLEAR_K_PER_MIN or at_s - window.readings[0] < SHORTEST_S:
                return NOTHING
            self._rising.discard(device_no)
            kind = FindingKind.CLEARED
        elif rate >= RATE_K_PER_MIN:
            self._rising.add(device_no)
            kind = FindingKind.RAISED
        else:
            return NOTHING
        self._changed.add(device_no)
        detail = {METRIC: value_c, "rate_k_per_min": round(rate, 1), "rise_k": round(rise_k, 1)}
        return (self.finding(kind, reading.device, reading.at, reading.received_at, detail),)

    def retire(self, device: RegisteredDevice, now: datetime) -> Sequence[Finding]:
        if self._windows.pop(device.device_no, None) is not None:
            self._moved.add(device.device_no)
        if device.device_no not in self._rising:
            return NOTHING
        self._rising.discard(device.device_no)
        self._changed.add(device.device_no)
        return self.retired(device, now)

    def restore(self, device_no: int, state: dict[str, Any]) -> None:
        self._rising.add(device_no)

    def recall(self, row: list[Any], generation: int) -> None:
        if row[0] == MANY:
            for number, *taken in unpacked(row, _TAKEN_WIDTH):
                window = self._windows.get(number)
                if window is None:
                    window = self._windows[int(number)] = _Window(array("d"))
                window.take(*taken)
            return
        device_no, *told = row
        if not told:
            self._windows.pop(device_no, None)
            return
        heard_s, aside, *readings = told
        self._windows[device_no] = _Window(
            array("d", readings), heard_s, None if aside is None else tuple(aside), generation
        )

    def collect(self, changes: Changes) -> None:
        for device_no in self._changed:
            changes.states.append((self.name, device_no, {} if device_no in self._rising else None))
        self._changed.clear()

    def marks(self, generation: int) -> list[tuple[Any, ...]]:
        """What was taken since the last call, to be taken again; and windows as a whole, which replace it."""
        rows: list[tuple[Any, ...]] = []
        if self._taken:
            rows.append(packed(self._taken))
            self._taken.clear()
        for device_no in self._moved:
            window = self._windows.get(device_no)
            if window is None:
                rows.append((device_no,))
                continue
            window.marked = generation
            rows.append((device_no, window.heard_s, window.aside, *window.readings))
        self._moved.clear()
        return rows

    def remembered(self) -> list[int]:
        return list(self._windows)

    def mark(self, numbers: Iterable[int], generation: int) -> None:
        windows = self._windows
        self._moved.update(
            no for no in numbers if (window := windows.get(no)) is not None and window.marked != generation
        )
