"""A measured value that rises or falls fast: the steepest mean change by at least so much within a window.

It holds until the change has stayed slower than ``clear_per_min`` over the window. Reading by reading: what is
remembered of each changes with every message, so it is kept as marks (docs/adr/0012).
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from detectors.conditions.leaf import TURNED, Leaf
from detectors.documents.form import Change
from detectors.lives import Heard
from detectors.packing import MANY, packed, unpacked
from domain.observation import Reading

#: Two readings closer together say nothing about a rate.
SHORTEST_S = 10.0
#: Readings of a window; a device that sends faster has its oldest forgotten.
MOST_READINGS = 32

#: Of a reading: the device's number, and what `_Window.take` was given.
_TAKEN_WIDTH = 4


class _Window(msgspec.Struct, gc=False):
    """``readings``: device time s, value, device time s, value, ... oldest first; ``heard_s``: when the newest reached
    us.

    ``aside``: (device time s, value, our time s) of a reading that was older than the newest. It was overtaken, or the
    clock was set back; the next reading shows which.
    """

    readings: array[float]
    heard_s: float = 0.0
    aside: tuple[float, float, float] | None = None
    marked: int = 0

    def take(self, at_s: float, value: float, heard_s: float, window_s: float) -> bool:
        """Whether it is the newest reading now."""
        readings, aside = self.readings, self.aside
        if readings and at_s == readings[-2]:
            return False
        if readings and aside is not None and self._goes_on_from(aside, at_s, heard_s):
            del readings[:]
            readings.extend(aside[:2])
        elif readings and at_s < readings[-2]:
            self.aside = (at_s, value, heard_s)
            return False
        self.aside, self.heard_s = None, heard_s
        readings.extend((at_s, value))
        while len(readings) > 2 * MOST_READINGS or at_s - readings[0] > window_s:
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

    def steepest(self, least: float, sign: float) -> tuple[float, float]:
        """The steepest mean change by at least ``least`` from any reading to the newest, a minute, and what it spans;
        with ``sign`` -1 a fall is positive.
        """
        readings = self.readings
        newest_s, newest = readings[-2:]
        best = (0.0, 0.0)
        for place in range(0, len(readings) - 2, 2):
            span_s, change = newest_s - readings[place], (newest - readings[place + 1]) * sign
            if span_s >= SHORTEST_S and change >= least:
                best = max(best, (change / span_s * 60.0, change))
        return best


class ChangesFast(Leaf):
    hears = (Reading,)

    def __init__(self, form: Change) -> None:
        super().__init__(f"change:{form.change_of}" + ("" if form.rises_per_min is not None else ":falls"))
        self._metric = form.change_of
        self._sign = 1.0 if form.rises_per_min is not None else -1.0
        self._rate = form.rises_per_min or form.falls_per_min or 0.0
        self._least, self._clear = form.at_least, form.clear_per_min
        self._window_s = form.within
        unit = "k" if form.change_of == "temperature_c" else ""
        what = "rise" if self._sign > 0 else "fall"
        self._words = ("rate_k_per_min", f"{what}_k") if unit else ("rate_per_min", what)
        self._windows: dict[int, _Window] = {}
        self._fast: set[int] = set()
        self._taken: list[float] = []
        self._moved: set[int] = set()
        self._newest = (0.0, 0.0)  # of the reading that was taken last

    @property
    def metrics(self) -> frozenset[str]:
        return frozenset({self._metric})

    def take(self, said: Reading, heard: Heard, number: int) -> int:
        value = said.values.get(self._metric)
        if value is None:
            return 0
        return self.take_value(number, value, said.at.timestamp(), said.received_at.timestamp(), heard)

    def take_value(self, number: int, value: float, at_s: float, heard_s: float, heard: Heard) -> int:
        if heard is Heard.PAST:
            return 0
        window = self._windows.get(number)
        if window is None:
            window = self._windows[number] = _Window(array("d"))
        self._taken.extend((number, at_s, value, heard_s))
        if not window.take(at_s, value, heard_s, self._window_s):
            return 0
        fast = number in self._fast
        readings = window.readings
        if not fast:
            values = readings[1::2]
            if (value - min(values) if self._sign > 0.0 else max(values) - value) < self._least:
                return 0  # the usual case, at the cost of a glance
        self._newest = rate, _ = window.steepest(0.0 if fast else self._least, self._sign)
        if fast:
            if rate >= self._clear or at_s - readings[0] < SHORTEST_S:
                return 0
            self._fast.discard(number)
        elif rate >= self._rate:
            self._fast.add(number)
        else:
            return 0
        self.note(number)
        return TURNED

    def holds(self, number: int, now_s: float) -> bool:
        return number in self._fast

    def told(self, said: Any, number: int) -> dict[str, Any]:
        value = said.values.get(self._metric) if isinstance(said, Reading) else None
        if value is None:
            return {}
        rate, change = self._newest
        return {self._metric: value, self._words[0]: round(rate, 1), self._words[1]: round(change, 1)}

    def memory(self, number: int) -> Any:
        return True if number in self._fast else None

    def recall(self, number: int, memory: Any) -> None:
        self._fast.add(number)

    def forget(self, number: int) -> None:
        if self._windows.pop(number, None) is not None:
            self._moved.add(number)
        if number in self._fast:
            self._fast.discard(number)
            self.note(number)

    def numbers(self) -> Collection[int]:
        return self._fast

    # -- marks --------------------------------------------------------------------------------------------------------

    def marks(self, generation: int) -> list[tuple[Any, ...]]:
        """What was taken since the last call, to be taken again; and windows as a whole, which replace it. Each row
        says whose it is.
        """
        rows: list[tuple[Any, ...]] = []
        if self._taken:
            rows.append((*packed(self._taken), self.name))
            self._taken.clear()
        for number in self._moved:
            window = self._windows.get(number)
            if window is None:
                rows.append((number, self.name))
                continue
            window.marked = generation
            rows.append((number, self.name, window.heard_s, window.aside, *window.readings))
        self._moved.clear()
        return rows

    def remembered(self) -> list[int]:
        return list(self._windows)

    def mark(self, numbers: Iterable[int], generation: int) -> None:
        windows = self._windows
        self._moved.update(
            no for no in numbers if (window := windows.get(no)) is not None and window.marked != generation
        )

    def recall_marks(self, row: Sequence[Any], generation: int) -> None:
        if row[0] == MANY:
            for number, at_s, value, heard_s in unpacked(row, _TAKEN_WIDTH):
                window = self._windows.get(number)
                if window is None:
                    window = self._windows[int(number)] = _Window(array("d"))
                window.take(at_s, value, heard_s, self._window_s)
            return
        number, _, *told = row
        if not told:
            self._windows.pop(number, None)
            if generation < 0:
                self._moved.add(number)  # the rule before had it forgotten and not written down yet
            return
        heard_s, aside, *readings = told
        self._windows[number] = _Window(
            array("d", readings), heard_s, None if aside is None else tuple(aside), generation
        )
