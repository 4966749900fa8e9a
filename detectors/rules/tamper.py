"""Tamper: somebody opened, covered or moved a device. It stands until the device says that it is whole again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from detectors.rule import NOTHING, Rule
from domain.device import DeviceKind
from domain.finding import Category, Finding, FindingKind, Severity
from domain.observation import Event, EventKind


class Tamper(Rule):
    """Stateless: the incident remembers."""

    name = "tamper"
    category = Category.DEVICE
    severity = Severity.MAJOR

    def watcher(self, observation: type, kind: DeviceKind) -> Callable[[Any], Sequence[Finding]] | None:
        return self._observe if observation is Event else None

    def _observe(self, event: Event) -> Sequence[Finding]:
        if event.event is not EventKind.TAMPER:
            return NOTHING
        kind = FindingKind.RAISED if event.active else FindingKind.CLEARED
        return (
            self.finding(kind, event.device, event.at, event.received_at, event.detail or {}, cause=str(event.uid)),
        )
