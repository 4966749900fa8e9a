"""High temperature, with hysteresis.

57 °C raises and 50 °C clears: inside the static response range of a class A1 heat detector (54 to 65 °C, EN 54-5;
GB 4716 takes the same). So a sensor in a classroom counts as a heat detector, and its finding as fire.

Readings of the past (`detectors.lives`) raise nothing, and a cool one of an hour ago ends no fire. What the sensor's
clock says plays no part in that: a slow one is heard like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from detectors.lives import LATE_S, Heard
from detectors.rule import NOTHING, Changes, Rule, Watcher
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Category, Finding, FindingKind, Severity
from domain.observation import Reading

METRIC = "temperature_c"
RAISE_C = 57.0
CLEAR_C = 50.0


class _Fire(msgspec.Struct, gc=False, omit_defaults=True):
    """``peak_c``: the highest since it was raised, None = it is over; ``said_s``, ``heard_s``: of the reading that said
    so, by the sensor's clock and ours.
    """

    peak_c: float | None = None
    said_s: float = 0.0
    heard_s: float = 0.0


class HighTemperature(Rule):
    name = "high_temperature"
    category = Category.FIRE
    severity = Severity.CRITICAL
    life_safety = True

    def __init__(self) -> None:
        self._fires: dict[int, _Fire] = {}
        self._changed: set[int] = set()

    def watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return self._observe if observation is Reading else None

    def overhearer(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return self._overhear if observation is Reading else None

    def _overhear(self, reading: Reading, heard: Heard) -> Sequence[Finding]:
        """A device in a loop may say that it burns, a thousand times a second. That it has cooled is not believed of
        it: one that says both in turn would be a thousand fires a second.
        """
        return NOTHING if reading.values.get(METRIC, 0.0) <= CLEAR_C else self._observe(reading, heard)

    def _observe(self, reading: Reading, heard: Heard) -> Sequence[Finding]:
        value_c = reading.values.get(METRIC)
        if value_c is None or heard is Heard.PAST:
            return NOTHING
        device_no = reading.device.device_no
        said_s, heard_s = reading.at.timestamp(), reading.received_at.timestamp()
        fire = self._fires.get(device_no)
        if fire is not None and fire.peak_c is None and heard_s - fire.heard_s > LATE_S:
            del self._fires[device_no]
            self._changed.add(device_no)
            fire = None
        # Not newer than what raised or ended it: one that is heard again, or was overtaken.
        old = fire is not None and heard is not Heard.NEWS and said_s <= fire.said_s
        if fire is None or fire.peak_c is None:
            if value_c < RAISE_C or old:
                return NOTHING
            kind, now = FindingKind.RAISED, _Fire(value_c, said_s, heard_s)
        elif value_c <= CLEAR_C:
            if old:
                return NOTHING
            kind, now = FindingKind.CLEARED, _Fire(None, said_s, heard_s)
        elif value_c > fire.peak_c + 1.0:
            kind, now = FindingKind.UPDATED, _Fire(value_c, said_s, heard_s)
        else:
            return NOTHING
        self._fires[device_no] = now
        self._changed.add(device_no)
        detail = {METRIC: value_c, "threshold_c": RAISE_C}
        return (self.finding(kind, reading.device, reading.at, reading.received_at, detail),)

    def retire(self, device: RegisteredDevice, now: datetime) -> Sequence[Finding]:
        fire = self._fires.pop(device.device_no, None)
        if fire is None:
            return NOTHING
        self._changed.add(device.device_no)
        return NOTHING if fire.peak_c is None else self.retired(device, now)

    def restore(self, device_no: int, state: dict[str, Any]) -> None:
        self._fires[device_no] = msgspec.convert(state, _Fire)

    def collect(self, changes: Changes) -> None:
        for device_no in self._changed:
            fire = self._fires.get(device_no)
            changes.states.append((self.name, device_no, None if fire is None else msgspec.to_builtins(fire)))
        self._changed.clear()
