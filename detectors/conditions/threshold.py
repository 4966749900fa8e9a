"""A bound with hysteresis: from ``above`` on it holds, at ``clear`` and less no more. ``below`` is its mirror image.

Readings of the past (`detectors.lives`) start nothing, and a cool one of an hour ago ends no fire. What the sensor's
clock says plays no part in that: a slow one is heard like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from detectors.conditions.leaf import TURNED, WORSE, Leaf
from detectors.documents.form import Threshold
from detectors.lives import LATE_S, Heard
from detectors.rule import NOTHING, Watcher
from domain.finding import Finding
from domain.observation import Reading


class _Stand(msgspec.Struct, gc=False, omit_defaults=True):
    """``peak``: the worst since it holds, None = it is over; ``said_s``, ``heard_s``: of the reading that said so, by
    the sensor's clock and ours.
    """

    peak: float | None = None
    said_s: float = 0.0
    heard_s: float = 0.0


class Bound(Leaf):
    hears = (Reading,)

    def __init__(self, form: Threshold) -> None:
        super().__init__(f"reading:{form.reading}" + ("" if form.above is not None else ":below"))
        bound = form.above if form.above is not None else form.below
        assert bound is not None
        self._metric = form.reading
        self._sign = sign = 1.0 if form.above is not None else -1.0
        self._from, self._clear = sign * bound, sign * form.clear
        self._again_by = form.tell_again_by
        self._told = {f"threshold_{form.reading.rsplit('_', 1)[-1]}": bound}
        self._stands: dict[int, _Stand] = {}

    def take(self, said: Reading, heard: Heard, number: int) -> int:
        value = said.values.get(self._metric)
        if value is None or (value * self._sign < self._from and number not in self._stands):
            return 0
        return self.take_value(number, value, said.at.timestamp(), said.received_at.timestamp(), heard)

    def take_value(self, number: int, value: float, said_s: float, heard_s: float, heard: Heard) -> int:
        value *= self._sign
        stand = self._stands.get(number)
        if (stand is None and value < self._from) or heard is Heard.PAST:
            return 0
        if stand is not None and stand.peak is None and heard_s - stand.heard_s > LATE_S:
            del self._stands[number]
            self.note(number)
            stand = None
        # Not newer than what began or ended it: one that is heard again, or was overtaken.
        old = stand is not None and heard is not Heard.NEWS and said_s <= stand.said_s
        if stand is None or stand.peak is None:
            if value < self._from or old:
                return 0
            did, now = TURNED, _Stand(value, said_s, heard_s)
        elif value <= self._clear:
            if old:
                return 0
            did, now = TURNED, _Stand(None, said_s, heard_s)
        elif self._again_by is not None and value > stand.peak + self._again_by:
            did, now = WORSE, _Stand(value, said_s, heard_s)
        else:
            return 0
        self._stands[number] = now
        self.note(number)
        return did

    @property
    def metrics(self) -> frozenset[str]:
        return frozenset({self._metric})

    def steady(self, observation: type, hear: Watcher) -> Watcher:
        metric, sign, bound, stands = self._metric, self._sign, self._from, self._stands

        def reading(said: Reading, heard: Heard) -> Sequence[Finding]:
            value = said.values.get(metric)
            if value is None or (value * sign < bound and (not stands or said.device.device_no not in stands)):
                return NOTHING
            return hear(said, heard)

        return reading

    def ends(self, said: Reading, number: int) -> bool:
        value = said.values.get(self._metric)
        return value is not None and value * self._sign <= self._clear

    def holds(self, number: int, now_s: float) -> bool:
        stand = self._stands.get(number)
        return stand is not None and stand.peak is not None

    def detail(self, number: int) -> dict[str, Any]:
        stand = self._stands.get(number)
        if stand is None or stand.peak is None:
            return {}
        return {self._metric: stand.peak * self._sign, **self._told}

    def told(self, said: Reading, number: int) -> dict[str, Any]:
        value = said.values.get(self._metric)
        return self.detail(number) if value is None else {self._metric: value, **self._told}

    def memory(self, number: int) -> Any:
        stand = self._stands.get(number)
        return None if stand is None else msgspec.to_builtins(stand)

    def recall(self, number: int, memory: Any) -> None:
        self._stands[number] = msgspec.convert(memory, _Stand)

    def forget(self, number: int) -> None:
        if self._stands.pop(number, None) is not None:
            self.note(number)

    def numbers(self) -> Collection[int]:
        return self._stands
