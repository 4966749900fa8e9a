"""Device silent: no proof of life for three heartbeat intervals, the figure of GB/T 28181 (offline after 3 missed).

::

               proof                    3 intervals without proof
    unknown ──────────► online ◄────────────────────────► offline
    (registered, never heard: no incident)     proof

    online ──we were deaf for longer than three intervals──► unknown ──three intervals more──► offline

News of a device proves its life (`detectors.lives`); a repetition or a backfill proves nothing. What counts is when it
reached us: a wrong clock does not kill a device.

A tick says «everything until now was heard». When more than `DEAF_AFTER_S` lie between two ticks we were deaf
ourselves: the broker or the database was away, the process stood still or was restarted. Then each device has three
full intervals, and a minute at least, to report before it counts as silent. The time of the last tick is kept with the
rest, so a restart needs no rule of its own. A device whose messages are new and come far too late is not silent either:
they are being worked off, by its gateway or by our broker, and the newest has yet to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from detectors.deadlines import Deadlines
from detectors.lives import Heard, Life, Lives
from detectors.rule import NOTHING, Changes, Rule, Watcher
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Category, Finding, FindingKind, Severity
from domain.liveness import Connectivity, LivenessChange
from domain.observation import Misdated, Observation

MISSED_INTERVALS = 3
#: More between two ticks means that we were deaf.
DEAF_AFTER_S = 10.0
#: Whoever reports every few seconds is given so long all the same: its connection may have to be made anew first.
SETTLE_S = 60.0
#: Our own clock was set back when it is further behind the last tick than this.
SET_BACK_S = 1.0

#: The number of no device: its row of marks holds (…, last tick, since when all were given time).
_OURSELVES = 0


class HeartbeatLost(Rule):
    name = "heartbeat_lost"
    category = Category.DEVICE
    severity = Severity.MINOR

    def __init__(self) -> None:
        self.lives: Lives = Lives()
        self._devices: Mapping[int, RegisteredDevice] = {}
        self._deadlines = Deadlines()
        self._turns: list[LivenessChange] = []
        self._heard_until_s = 0.0
        self._marked_until_s = 0.0
        self._resumed_s = 0.0

    def watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return self._observe

    def overhearer(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return self._observe

    def _observe(self, observation: Observation | Misdated, heard: Heard) -> Sequence[Finding]:
        if heard is not Heard.NEWS:
            return NOTHING
        device = observation.device
        life = self.lives.get(device.device_no)
        if life is None or life.connectivity is Connectivity.ONLINE:
            return NOTHING
        was_offline, silent_s = life.connectivity is Connectivity.OFFLINE, life.heard_s - life.since_s
        self._turn(device.device_no, life, Connectivity.ONLINE, life.heard_s)
        if not life.slot:
            self._queue(device, life)
        if not was_offline:
            return NOTHING
        at = observation.received_at
        return (self.finding(FindingKind.CLEARED, device, at, at, {"silent_s": round(silent_s)}),)

    def tick(self, now: datetime) -> Sequence[Finding]:
        now_s = now.timestamp()
        if now_s < self._heard_until_s - SET_BACK_S:
            self._our_clock_was_set_back(now_s)
        elif self._heard_until_s and now_s - self._heard_until_s > DEAF_AFTER_S:
            self._resume(now_s)
        self._heard_until_s = now_s
        silent: list[tuple[float, RegisteredDevice, Life]] = []
        for slot, device_no in self._deadlines.due(now_s):
            device, life = self._devices.get(device_no), self.lives.get(device_no)
            if life is None or life.slot != slot:
                continue
            life.slot = 0
            if device is None:
                continue
            deadline_s = self._deadline_s(device, life)
            if deadline_s > now_s:
                life.slot = self._deadlines.put(device_no, deadline_s)
            else:
                silent.append((deadline_s, device, life))
        silent.sort(key=lambda one: (one[0], one[1].device_no))
        return [self._lost(device, life, deadline_s, now) for deadline_s, device, life in silent]

    def next_s(self) -> float:
        return self._deadlines.first_s

    def _lost(self, device: RegisteredDevice, life: Life, deadline_s: float, now: datetime) -> Finding:
        self._turn(device.device_no, life, Connectivity.OFFLINE, deadline_s)
        detail = {"last_seen_at": _instant(life.heard_s).isoformat(), "heartbeat_s": device.heartbeat_s}
        return self.finding(FindingKind.RAISED, device, _instant(deadline_s), now, detail)

    def _deadline_s(self, device: RegisteredDevice, life: Life) -> float:
        patience_s = float(MISSED_INTERVALS * device.heartbeat_s)
        heard_s = max(life.heard_s, life.aside_heard_s) if life.aside_said_s > life.said_s else life.heard_s
        return max(heard_s + patience_s, self._resumed_s + max(patience_s, SETTLE_S))

    def _turn(self, device_no: int, life: Life, connectivity: Connectivity, since_s: float) -> None:
        life.connectivity, life.since_s = connectivity, since_s
        self.lives.changed(device_no)
        self._turns.append(
            LivenessChange(
                device_no=device_no,
                connectivity=connectivity,
                since=_instant(since_s),
                last_seen_at=_instant(life.heard_s),
            )
        )

    # -- our own deafness ---------------------------------------------------------------------------------------------

    def hearing_resumed(self, now: datetime) -> None:
        self._resume(now.timestamp())

    def _resume(self, now_s: float) -> None:
        """Everybody has its full time from now on. Of whom nothing was heard for longer than that, nobody can tell."""
        self._resumed_s = now_s
        self._marked_until_s = 0.0
        for device_no, life in self.lives.items():
            device = self._devices.get(device_no)
            if device is None or life.connectivity is not Connectivity.ONLINE:
                continue
            if now_s - life.heard_s > MISSED_INTERVALS * device.heartbeat_s:
                self._turn(device_no, life, Connectivity.UNKNOWN, now_s)

    def _our_clock_was_set_back(self, now_s: float) -> None:
        """Whatever was heard in what is the future now counts as heard now."""
        self._resumed_s, self._marked_until_s = now_s, 0.0
        for device_no, life in self.lives.items():
            if life.heard_s > now_s or life.aside_heard_s > now_s:
                life.heard_s, life.aside_heard_s = min(life.heard_s, now_s), min(life.aside_heard_s, now_s)
                self.lives.changed(device_no)
        self._queue_all()

    # -- the registry -------------------------------------------------------------------------------------------------

    def enrol(self, devices: Mapping[int, RegisteredDevice], now: datetime) -> None:
        before, self._devices = self._devices, devices
        for device_no, life in self.lives.items():
            device, was = devices.get(device_no), before.get(device_no)
            if device is not None and (was is None or device.heartbeat_s < was.heartbeat_s):
                self._queue(device, life)

    def retire(self, device: RegisteredDevice, now: datetime) -> Sequence[Finding]:
        life = self.lives.get(device.device_no)
        if life is None:
            return NOTHING
        self.lives.forget(device.device_no)
        if life.connectivity is not Connectivity.UNKNOWN:
            self._turns.append(
                LivenessChange(
                    device_no=device.device_no, connectivity=Connectivity.UNKNOWN, since=now, last_seen_at=None
                )
            )
        return self.retired(device, now) if life.connectivity is Connectivity.OFFLINE else NOTHING

    # -- what survives a restart --------------------------------------------------------------------------------------

    def restore_liveness(self, liveness: Iterable[LivenessChange], now: datetime) -> None:
        for known in liveness:
            seen_s = known.last_seen_at.timestamp() if known.last_seen_at else 0.0
            said_s = known.said_at.timestamp() if known.said_at else seen_s
            if seen_s:
                self.lives.seed(known.device_no, Life(known.connectivity, known.since.timestamp(), said_s, seen_s))
                self._heard_until_s = max(self._heard_until_s, seen_s)

    def recall(self, row: list[Any], generation: int) -> None:
        if row[0] == _OURSELVES:
            _, self._heard_until_s, self._resumed_s = row
        else:
            self.lives.recall(row, generation, self._devices)

    def restored(self) -> None:
        self._queue_all()

    def _queue_all(self) -> None:
        self._deadlines = Deadlines()
        for device_no, life in self.lives.items():
            life.slot = 0
            if (device := self._devices.get(device_no)) is not None:
                self._queue(device, life)

    def _queue(self, device: RegisteredDevice, life: Life) -> None:
        if life.heard_s and life.connectivity is not Connectivity.OFFLINE:
            life.slot = self._deadlines.put(device.device_no, self._deadline_s(device, life))

    def collect(self, changes: Changes) -> None:
        changes.liveness.extend(self._turns)
        self._turns.clear()

    def marks(self, generation: int) -> list[tuple[Any, ...]]:
        rows = self.lives.marks(generation)
        if rows or self._heard_until_s != self._marked_until_s:
            self._marked_until_s = self._heard_until_s
            rows.append((_OURSELVES, self._heard_until_s, self._resumed_s))
        return rows

    def remembered(self) -> list[int]:
        return self.lives.device_nos

    def mark(self, numbers: Iterable[int], generation: int) -> None:
        self.lives.mark(numbers, generation)
        self._marked_until_s = 0.0


def _instant(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
