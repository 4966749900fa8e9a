"""Clock off: a device's clock is more than a minute from ours. Raised over 60 s, cleared under 30 s.

A message that is late and a clock that is slow look alike, once. So the offset counts only when three messages, at
least half a heartbeat interval apart on arrival, agree on it within two seconds: a backlog arrives all at once, and a
crowded line delays one message and not the next. Of several the one that took the least time is the nearest to the
truth, so the largest is taken. What the decoder refuses for its time is looked at as well: it is how a clock that fell
back to 1970 is seen at all.

::

    heartbeat ──► right: look again in five minutes
        │ not
        └──► 1st ──► 2nd agrees ──► 3rd agrees ──► offset known; keep looking
              ▲          │ not             │ not
              └──────────┴─────────────────┘

A sender that always delivers with the same delay cannot be told from one with a slow clock, and is shown as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from detectors.lives import Heard
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
LOOK_AGAIN = timedelta(minutes=5)


class _Estimate(msgspec.Struct, gc=False):
    """``offset_s``: the largest of ``count`` that agreed; ``received_s``: when the newest of them came."""

    offset_s: float
    received_s: float
    count: int = 1


class ClockOff(Rule):
    name = "clock_off"
    category = Category.DEVICE
    severity = Severity.MINOR

    def __init__(self) -> None:
        self._estimates: dict[int, _Estimate] = {}
        #: Of who was found right. One object for all of the same minute: a million of them must not keep a time each.
        self._next_look: dict[int, datetime] = {}
        self._minute = self._minute_ends = self._then = datetime.fromtimestamp(0, UTC)
        self._offsets: dict[int, float] = {}  # of who is not right
        self._told: dict[int, float] = {}  # the offset that people know of
        self._changed: dict[int, datetime] = {}
        self._marked: set[int] = set()

    def watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return self._observe if observation in (Heartbeat, Misdated) else None

    def _observe(self, said: Heartbeat | Misdated, heard: Heard) -> Sequence[Finding]:
        next_look = self._next_look.get(said.device.device_no)
        if next_look is not None and said.received_at < next_look:
            return NOTHING
        return self._look(said)

    def _look(self, said: Heartbeat | Misdated) -> Sequence[Finding]:
        if said.at == said.received_at:
            return NOTHING  # it has no clock: its time is ours
        device = said.device
        number, offset_s = device.device_no, (said.at - said.received_at).total_seconds()
        self._marked.add(number)
        if -RIGHT_S < offset_s < RIGHT_S and number not in self._offsets and number not in self._told:
            # One look is enough where there is nothing to be found out: who is right costs next to nothing.
            self._estimates.pop(number, None)
            self._next_look[number] = self._look_after(said.received_at)
            return NOTHING
        received_s = said.received_at.timestamp()
        estimate = self._estimates.get(number)
        if estimate is None or abs(offset_s - estimate.offset_s) > AGREE_S:
            self._next_look.pop(number, None)
            self._estimates[number] = _Estimate(offset_s, received_s)
            return NOTHING
        estimate.offset_s = max(estimate.offset_s, offset_s)
        if received_s - estimate.received_s < device.heartbeat_s / 2:
            return NOTHING
        estimate.received_s = received_s
        estimate.count += 1
        if estimate.count < AGREEING:
            return NOTHING
        del self._estimates[number]
        return self._conclude(device, estimate.offset_s, said.received_at)

    def _conclude(self, device: RegisteredDevice, offset_s: float, now: datetime) -> Sequence[Finding]:
        number = device.device_no
        if abs(offset_s) < RIGHT_S:
            self._next_look[number] = self._look_after(now)
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
            if abs(offset_s) <= RAISE_S:
                return NOTHING
            kind = FindingKind.RAISED
        elif abs(offset_s) < CLEAR_S:
            kind = FindingKind.CLEARED
        elif _differ(offset_s, told_s, RAISE_S):
            kind = FindingKind.UPDATED
        else:
            return NOTHING
        if kind is FindingKind.CLEARED:
            del self._told[number]
        else:
            self._told[number] = round(offset_s, 1)
        self._changed[number] = now
        return (self.finding(kind, device, now, now, {"clock_offset_s": round(offset_s)}),)

    def _look_after(self, now: datetime) -> datetime:
        """Five minutes after the whole minute that ``now`` is in."""
        if not self._minute <= now < self._minute_ends:
            self._minute = now.replace(second=0, microsecond=0)
            self._minute_ends, self._then = self._minute + timedelta(minutes=1), self._minute + LOOK_AGAIN
        return self._then

    def retire(self, device: RegisteredDevice, now: datetime) -> Sequence[Finding]:
        device_no = device.device_no
        self._marked.add(device_no)
        self._estimates.pop(device_no, None)
        self._next_look.pop(device_no, None)
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
        """How far each estimate is, and who need not be looked at yet."""
        rows: list[tuple[Any, ...]] = []
        for number in self._marked:
            estimate, next_look = self._estimates.get(number), self._next_look.get(number)
            until_s = next_look.timestamp() if next_look else 0.0
            if estimate is not None:
                rows.append((number, until_s, estimate.offset_s, estimate.received_s, estimate.count))
            else:
                rows.append((number, until_s) if next_look else (number,))
        self._marked.clear()
        return rows

    def mark_all(self, generation: int) -> None:
        self._marked.update(self._estimates, self._next_look)

    def recall(self, row: list[Any]) -> None:
        number, *told = row
        self._estimates.pop(number, None)
        self._next_look.pop(number, None)
        if told and told[0]:
            self._next_look[number] = datetime.fromtimestamp(float(told[0]), UTC)
        if len(told) > 1:
            self._estimates[number] = _Estimate(*told[1:])


def _differ(one_s: float, other_s: float, least_s: float) -> bool:
    return abs(one_s - other_s) >= max(least_s, MATERIAL_PART * abs(other_s))
