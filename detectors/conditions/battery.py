"""A battery that is low: by its heartbeats and readings with hysteresis, or because the device says so itself.

What it says of the past (`detectors.lives`) is history.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from detectors.conditions.leaf import TURNED, Leaf
from detectors.documents.form import Battery
from detectors.lives import Heard
from detectors.rule import NOTHING, Watcher
from domain.finding import Finding
from domain.observation import Event, EventKind, Heartbeat, Reading

METRIC = "battery_pct"


class BatteryLow(Leaf):
    hears = (Heartbeat, Reading, Event)

    def __init__(self, form: Battery) -> None:
        super().__init__("battery")
        self._from, self._clear = form.battery_below, form.clear
        self._low: set[int] = set()

    def take(self, said: Any, heard: Heard, number: int) -> int:
        kind = type(said)
        if kind is Heartbeat:
            percent = said.battery_pct
        elif kind is Reading:
            percent = said.values.get(METRIC)
        elif said.event is EventKind.LOW_BATTERY and heard is not Heard.PAST:
            return self._turn(number, said.active)
        else:
            return 0
        if percent is None or heard is Heard.PAST:
            return 0
        low = number in self._low
        if percent >= self._clear if low else percent <= self._from:
            return self._turn(number, not low)
        return 0

    @property
    def metrics(self) -> frozenset[str]:
        return frozenset({METRIC})

    def take_value(self, number: int, value: float, said_s: float, heard_s: float, heard: Heard) -> int:
        low = number in self._low
        if heard is not Heard.PAST and (value >= self._clear if low else value <= self._from):
            return self._turn(number, not low)
        return 0

    def steady(self, observation: type, hear: Watcher) -> Watcher:
        low, bound = self._low, self._from
        if observation is Heartbeat:

            def heartbeat(said: Heartbeat, heard: Heard) -> Sequence[Finding]:
                percent = said.battery_pct
                if (percent is None or percent > bound) and (not low or said.device.device_no not in low):
                    return NOTHING
                return hear(said, heard)

            return heartbeat
        if observation is Reading:

            def reading(said: Reading, heard: Heard) -> Sequence[Finding]:
                return hear(said, heard) if METRIC in said.values else NOTHING

            return reading
        return hear

    def _turn(self, number: int, low: bool) -> int:
        if low is (number in self._low):
            return 0
        (self._low.add if low else self._low.discard)(number)
        self.note(number)
        return TURNED

    def holds(self, number: int, now_s: float) -> bool:
        return number in self._low

    def told(self, said: Any, number: int) -> dict[str, Any]:
        percent = _percent(said)
        return {} if percent is None else {METRIC: percent}

    def memory(self, number: int) -> Any:
        return True if number in self._low else None

    def recall(self, number: int, memory: Any) -> None:
        self._low.add(number)

    def forget(self, number: int) -> None:
        if number in self._low:
            self._low.discard(number)
            self.note(number)

    def numbers(self) -> Collection[int]:
        return self._low


def _percent(said: Any) -> float | None:
    match said:
        case Heartbeat():
            return said.battery_pct
        case Reading():
            return said.values.get(METRIC)
        case _:
            return None
