"""Device silent: no proof of life for three heartbeat intervals, the figure of GB/T 28181 (offline after 3 missed).

::

               proof                    3 intervals without proof
    unknown ──────────► online ◄────────────────────────► offline
    (registered, never heard: no incident)     proof

    online ──we were away for longer than three intervals──► unknown ──three intervals more──► offline

Anything that a device says proves its life, provided that it is newer than what it said before (a repeated or retained
message proves nothing) and not a backfill. What counts is when it reached us: a wrong clock does not kill a device.
After a restart, or when we were deaf ourselves, each device has three full intervals to report before it counts as
silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from detectors.deadlines import Deadlines
from detectors.rule import Changes, Rule
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Category, Finding, FindingKind, Severity
from domain.liveness import Connectivity, LivenessChange
from domain.observation import Observation

MISSED_INTERVALS = 3
#: Older than this on arrival, it is a backfill and says nothing about now.
STALE_AFTER_S = 3600.0
#: Said at most so long before it arrived, a message is fresh even where the device's clock was set back.
FRESH_S = 60.0


class _Life(msgspec.Struct, gc=False):
    """``said_s``: the newest device time heard; ``proof_s``: when the newest proof reached us (epoch seconds)."""

    connectivity: Connectivity = Connectivity.UNKNOWN
    since_s: float = 0.0
    said_s: float = 0.0
    proof_s: float = 0.0


class HeartbeatLost(Rule):
    name = "heartbeat_lost"
    category = Category.DEVICE
    severity = Severity.MINOR

    def __init__(self) -> None:
        self._devices: Mapping[int, RegisteredDevice] = {}
        self._lives: dict[int, _Life] = {}
        self._deadlines = Deadlines()
        self._changed: set[int] = set()

    def watcher(self, observation: type, kind: DeviceKind) -> Callable[[Any], Sequence[Finding]] | None:
        return self._observe

    def _observe(self, observation: Observation) -> Sequence[Finding]:
        device = observation.device
        said_s = observation.at.timestamp()
        received_s = observation.received_at.timestamp()
        life = self._lives.get(device.device_no)
        if life is None:
            life = self._lives[device.device_no] = _Life()
        if said_s > life.said_s:
            if received_s - said_s > STALE_AFTER_S:
                return ()
        elif said_s == life.said_s or received_s - said_s > FRESH_S:
            return ()  # repeated, retained or backfilled; fresh and yet older means that a clock was set back
        life.said_s = said_s
        if received_s <= life.proof_s:
            return ()
        life.proof_s = received_s
        self._deadlines.put(device.device_no, received_s + MISSED_INTERVALS * device.heartbeat_s)
        if life.connectivity is Connectivity.ONLINE:
            return ()
        was_offline = life.connectivity is Connectivity.OFFLINE
        silent_s = received_s - life.since_s
        life.connectivity, life.since_s = Connectivity.ONLINE, received_s
        self._changed.add(device.device_no)
        if not was_offline:
            return ()
        return (
            self.finding(
                FindingKind.CLEARED,
                device,
                observation.received_at,
                observation.received_at,
                {"silent_s": round(silent_s)},
            ),
        )

    def tick(self, now: datetime) -> Sequence[Finding]:
        found: list[Finding] = []
        for device_no, deadline_s in self._deadlines.due(now.timestamp()):
            device = self._devices.get(device_no)
            life = self._lives.get(device_no)
            if device is None or life is None or life.connectivity is Connectivity.OFFLINE:
                continue
            life.connectivity, life.since_s = Connectivity.OFFLINE, deadline_s
            self._changed.add(device_no)
            found.append(
                self.finding(
                    FindingKind.RAISED,
                    device,
                    datetime.fromtimestamp(deadline_s, UTC),
                    now,
                    {
                        "last_seen_at": datetime.fromtimestamp(life.proof_s, UTC).isoformat(),
                        "heartbeat_s": device.heartbeat_s,
                    },
                )
            )
        return found

    def hearing_resumed(self, now: datetime) -> None:
        now_s = now.timestamp()
        for device_no, life in self._lives.items():
            device = self._devices.get(device_no)
            if device is not None and life.proof_s and life.connectivity is not Connectivity.OFFLINE:
                self._deadlines.put(device_no, now_s + MISSED_INTERVALS * device.heartbeat_s)

    def enrol(self, devices: Mapping[int, RegisteredDevice], now: datetime) -> None:
        self._devices = devices
        for device_no in self._lives.keys() - devices.keys():
            del self._lives[device_no]
            self._deadlines.drop(device_no)

    def restore_liveness(self, liveness: Iterable[LivenessChange], now: datetime) -> None:
        for known in liveness:
            device = self._devices.get(known.device_no)
            if device is None:
                continue
            seen_s = known.last_seen_at.timestamp() if known.last_seen_at else 0.0
            life = self._lives[known.device_no] = _Life(
                connectivity=known.connectivity,
                since_s=known.since.timestamp(),
                said_s=known.said_at.timestamp() if known.said_at else 0.0,
                proof_s=seen_s,
            )
            if known.connectivity is Connectivity.OFFLINE or known.last_seen_at is None:
                continue
            now_s, patience_s = now.timestamp(), MISSED_INTERVALS * device.heartbeat_s
            self._deadlines.put(known.device_no, max(seen_s, now_s) + patience_s)
            if known.connectivity is Connectivity.ONLINE and now_s - seen_s > patience_s:
                # We were away for longer than its patience: nobody can tell until it speaks or its time is up.
                life.connectivity, life.since_s = Connectivity.UNKNOWN, now_s
                self._changed.add(known.device_no)

    def collect(self, changes: Changes) -> None:
        for device_no in self._changed:
            life = self._lives.get(device_no)
            if life is None:
                continue
            changes.liveness.append(
                LivenessChange(
                    device_no=device_no,
                    connectivity=life.connectivity,
                    since=datetime.fromtimestamp(life.since_s, UTC),
                    last_seen_at=datetime.fromtimestamp(life.proof_s, UTC),
                )
            )
        self._changed.clear()
