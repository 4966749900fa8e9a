"""Tamper: somebody opened, covered or moved a device. It stands until the device says that it is whole again.

A report that comes late is told all the same, with the time it names: an open cover is no less open for an outage of
the network. Only one that is older than a report that was heard before says nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from detectors.lives import Heard
from detectors.rule import NOTHING, Changes, Rule, Watcher
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Category, Finding, FindingKind, Severity
from domain.observation import Event, EventKind


class Tamper(Rule):
    """The incident remembers that it stands; the rule, what the newest report was."""

    name = "tamper"
    category = Category.DEVICE
    severity = Severity.MAJOR

    def __init__(self) -> None:
        self._newest: dict[int, tuple[float, bool]] = {}  # device_no → device time s, active
        self._changed: set[int] = set()

    def watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return self._observe if observation is Event else None

    def _observe(self, event: Event, heard: Heard) -> Sequence[Finding]:
        if event.event is not EventKind.TAMPER:
            return NOTHING
        device_no, said_s = event.device.device_no, event.at.timestamp()
        newest_s, _ = self._newest.get(device_no, (said_s, False))
        if heard is Heard.PAST and said_s < newest_s:
            return NOTHING
        self._newest[device_no] = (said_s, event.active)
        self._changed.add(device_no)
        kind = FindingKind.RAISED if event.active else FindingKind.CLEARED
        return (
            self.finding(kind, event.device, event.at, event.received_at, event.detail or {}, cause=str(event.uid)),
        )

    def retire(self, device: RegisteredDevice, now: datetime) -> Sequence[Finding]:
        newest = self._newest.pop(device.device_no, None)
        if newest is None:
            return NOTHING
        self._changed.add(device.device_no)
        return self.retired(device, now) if newest[1] else NOTHING

    def restore(self, device_no: int, state: dict[str, Any]) -> None:
        self._newest[device_no] = (state["said_s"], state["active"])

    def collect(self, changes: Changes) -> None:
        for device_no in self._changed:
            newest = self._newest.get(device_no)
            state = None if newest is None else {"said_s": newest[0], "active": newest[1]}
            changes.states.append((self.name, device_no, state))
        self._changed.clear()
