"""What a rule is: a noun with a name, watchers for observations, and patience.

`Rule` is the base of every rule. Its defaults say «this does not concern me», so that a rule's file holds only what
the rule is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from domain.liveness import LivenessChange

NOTHING: tuple[Finding, ...] = ()


@dataclass(slots=True)
class Changes:
    """State to commit: liveness of devices, and (rule, device_no, state or None to forget)."""

    liveness: list[LivenessChange] = field(default_factory=list)
    states: list[tuple[str, int, dict[str, Any] | None]] = field(default_factory=list)


class Rule:
    """One rule over all devices. Subclasses say what they conclude and how grave it is."""

    name: ClassVar[str]
    category: ClassVar[Category]
    severity: ClassVar[Severity]
    life_safety: ClassVar[bool] = False

    def watcher(self, observation: type, kind: DeviceKind) -> Callable[[Any], Sequence[Finding]] | None:
        """What to call with such an observation of such a device, or None."""
        return None

    def tick(self, now: datetime) -> Sequence[Finding]:
        return NOTHING

    def hearing_resumed(self, now: datetime) -> None:
        """Nobody could be heard for a while (our fault, not the devices'): give everyone time again."""
        return

    def enrol(self, devices: Mapping[int, RegisteredDevice], now: datetime) -> None:
        return

    def restore_liveness(self, liveness: Iterable[LivenessChange], now: datetime) -> None:
        return

    def restore(self, device_no: int, state: dict[str, Any]) -> None:
        return

    def collect(self, changes: Changes) -> None:
        return

    def finding(
        self,
        kind: FindingKind,
        device: RegisteredDevice,
        at: datetime,
        found_at: datetime,
        detail: dict[str, Any],
        *,
        cause: str = "",
    ) -> Finding:
        """A finding of this rule about ``device``; ``cause`` tells two findings of the same time apart."""
        return Finding(
            finding_id=finding_id(self.name, device.key, kind.value, at.isoformat(), cause),
            kind=kind,
            rule=self.name,
            key=f"{self.name}/{device.key}",
            category=self.category,
            severity=self.severity,
            life_safety=self.life_safety,
            site_no=device.site_no,
            site_id=device.site_id,
            device_no=device.device_no,
            device_id=device.device_id,
            at=at,
            found_at=found_at,
            detail=detail,
        )
