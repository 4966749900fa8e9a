"""Clock off: a device's clock is more than a minute from ours. Raised over 60 s, cleared under 30 s.

A message that is late and a clock that is slow look alike, once. So the offset counts only when three messages, at
least half a heartbeat interval apart on arrival, agree on it within two seconds: a backlog arrives all at once, and a
crowded line delays one message and not the next. Of several the one that took the least time is the nearest to the
truth, so the largest is taken. What the decoder refuses for its time is looked at as well: it is how a clock that fell
back to 1970 is seen at all.

::

    heartbeat ──► right: nothing to be remembered
        │ not
        └──► 1st ──► 2nd agrees ──► 3rd agrees ──► offset known; keep looking
              ▲          │ not             │ not
              └──────────┴─────────────────┘

A sender that always delivers with the same delay cannot be told from one with a slow clock, and is shown as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from detectors.lives import Heard, Lives
from detectors.packing import MANY, packed, unpacked
from detectors.rule import NOTHING, Changes, Rule, Watcher
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Category, Finding, FindingKind, Severity
from domain.liveness import ClockChange
from domain.observation import Heartbeat, Misdated

RAISE_S = 60.0
CLEAR_S = 30.0
#: Less is right: what a message takes on its way is not told from it, and nobody's evidence suffers.
RIGHT_S = 5.0
AGREE_S = 2.0
AGREEING = 3
#: A change of what is known that is worth being written or told: seconds, or this part of the offset.
MATERIAL_PART = 0.1
_SLOW, _FAST = timedelta(seconds=-RIGHT_S), timedelta(seconds=RIGHT_S)

#: Of an estimate: the device's number, and the fields of `_Estimate`.
_NOTED_WIDTH = 4


class _Estimate(msgspec.Struct, gc=False):
    """``offset_s``: the largest of ``count`` that agreed; ``received_s``: when the newest of them came."""

    offset_s: float
    received_s: float
    count: int = 1


class ClockOff(Rule):
    name = "clock_off"
    category = Category.DEVICE
    severity = Severity.MINOR

    def __init__(self, lives: Lives | None = None) -> None:
        """:param lives: what is known of the same messages' times, to save working it out again."""
        self.raise_s, self.clear_s = RAISE_S, CLEAR_S
        self._lives = lives or Lives()
        self._estimates: dict[int, _Estimate] = {}
        #: Of whom anything is remembered here. Nothing is of a right clock, so it costs a comparison and no memory.
        self._watched: set[int] = set()
        self._offsets: dict[int, float] = {}  # of who is not right
        self._told: dict[int, float] = {}  # the offset that people know of
        self._changed: dict[int, datetime] = {}
        self._noted: list[float] = []
        self._marked: set[int] = set()

    def watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return self._observe if observation in (Heartbeat, Misdated) else None

    def steady_watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return None  # a right clock concerns nobody who is not watched

    @property
    def unsteady(self) -> set[int]:
        return self._watched

    def _observe(self, said: Heartbeat | Misdated, heard: Heard) -> Sequence[Finding]:
        at, received_at = said.at, said.received_at
        ahead = at - received_at
        number = said.device.device_no
        if _SLOW < ahead < _FAST and number not in self._watched:
            return NOTHING
        if at == received_at:
            return NOTHING  # it has no clock: its time is ours
        life = self._lives.get(number) if heard is Heard.NEWS else None
        if life is None:
            return self._look(said, number, ahead.total_seconds(), received_at.timestamp())
        return self._look(said, number, life.said_s - life.heard_s, life.heard_s)

    def _look(self, said: Heartbeat | Misdated, number: int, offset_s: float, received_s: float) -> Sequence[Finding]:
        estimate = self._estimates.get(number)
        if -RIGHT_S < offset_s < RIGHT_S and number not in self._offsets and number not in self._told:
            self._watched.discard(number)
            if estimate is not None:
                self._forget(number)
            return NOTHING
        if estimate is None:
            self._watched.add(number)
            self._estimates[number] = _Estimate(offset_s, received_s)
            self._noted.extend((number, offset_s, received_s, 1))
            return NOTHING
        if abs(offset_s - estimate.offset_s) > AGREE_S:
            estimate.offset_s, estimate.received_s, estimate.count = offset_s, received_s, 1
            self._noted.extend((number, offset_s, received_s, 1))
            return NOTHING
        device = said.device
        if offset_s > estimate.offset_s:
            estimate.offset_s = offset_s
        if received_s - estimate.received_s >= device.heartbeat_s / 2:
            estimate.received_s = received_s
            estimate.count += 1
            if estimate.count >= AGREEING:
                self._forget(number)
                return self._conclude(device, estimate.offset_s, said.received_at)
        self._noted.extend((number, estimate.offset_s, estimate.received_s, estimate.count))
        return NOTHING

    def _forget(self, number: int) -> None:
        """What was estimated; an estimate of none says so."""
        del self._estimates[number]
        self._noted.extend((number, 0.0, 0.0, 0))

    def _conclude(self, device: RegisteredDevice, offset_s: float, now: datetime) -> Sequence[Finding]:
        number = device.device_no
        if abs(offset_s) < RIGHT_S:
            if self._offsets.pop(number, None) is not None:
                self._changed[number] = now
        else:
            known_s = self._offsets.get(number)
            if known_s is None or _differ(offset_s, known_s, RIGHT_S):
                self._offsets[number] = round(offset_s, 1)
                self._changed[number] = now
        return self._tell(device, offset_s, now)

    def _tell(self, device: RegisteredDevice, offset_s: float, now: datetime) -> Sequence[Finding]:
        number = device.device_no
        told_s = self._told.get(number)
        if told_s is None:
            if abs(offset_s) <= self.raise_s:
                return NOTHING
            kind = FindingKind.RAISED
        elif abs(offset_s) < self.clear_s:
            kind = FindingKind.CLEARED
        elif _differ(offset_s, told_s, self.raise_s):
            kind = FindingKind.UPDATED
        else:
            return NOTHING
        if kind is FindingKind.CLEARED:
            del self._told[number]
        else:
            self._told[number] = round(offset_s, 1)
        self._changed[number] = now
        return (self.finding(kind, device, now, now, {"clock_offset_s": round(offset_s)}),)

    def retire(self, device: RegisteredDevice, now: datetime) -> Sequence[Finding]:
        device_no = device.device_no
        self._watched.discard(device_no)
        if device_no in self._estimates:
            self._forget(device_no)
        told, known = self._told.pop(device_no, None), self._offsets.pop(device_no, None)
        if told is not None or known is not None:
            self._changed[device_no] = now
        return NOTHING if told is None else self.retired(device, now)

    # -- what survives a restart --------------------------------------------------------------------------------------

    def restore(self, device_no: int, state: dict[str, Any]) -> None:
        if "offset_s" in state:
            self._offsets[device_no] = float(state["offset_s"])
        if "told_s" in state:
            self._told[device_no] = float(state["told_s"])

    def collect(self, changes: Changes) -> None:
        for number, at in self._changed.items():
            offset_s, told_s = self._offsets.get(number), self._told.get(number)
            state = {name: value for name, value in (("offset_s", offset_s), ("told_s", told_s)) if value is not None}
            changes.states.append((self.name, number, state or None))
            changes.clocks.append(ClockChange(device_no=number, offset_s=offset_s, at=at))
        self._changed.clear()

    def marks(self, generation: int) -> list[tuple[Any, ...]]:
        """How far each estimate is. Those that are asked for in full come as rows of their own."""
        rows: list[tuple[Any, ...]] = []
        if self._noted:
            rows.append(packed(self._noted))
            self._noted.clear()
        for number in self._marked:
            estimate = self._estimates.get(number)
            if estimate is not None:
                rows.append((number, estimate.offset_s, estimate.received_s, estimate.count))
        self._marked.clear()
        return rows

    def remembered(self) -> list[int]:
        return list(self._estimates)

    def mark(self, numbers: Iterable[int], generation: int) -> None:
        self._marked.update(numbers)

    def recall(self, row: list[Any], generation: int) -> None:
        estimated = unpacked(row, _NOTED_WIDTH) if row[0] == MANY else (row,)
        for number, offset_s, received_s, count in estimated:
            if count:
                self._estimates[int(number)] = _Estimate(offset_s, received_s, int(count))
            else:
                self._estimates.pop(int(number), None)

    def restored(self) -> None:
        self._watched.clear()
        self._watched.update(self._estimates, self._offsets, self._told)


def _differ(one_s: float, other_s: float, least_s: float) -> bool:
    return abs(one_s - other_s) >= max(least_s, MATERIAL_PART * abs(other_s))
