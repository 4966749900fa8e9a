"""What a rule is: a noun with a name, watchers for observations, and patience.

`Rule` is the base of every rule. Its defaults say «this does not concern me», so that a rule's file holds only what
the rule is about.

A rule remembers in two ways, and both are committed with what it concluded. What changes seldom (a fire that stands, a
low battery) is a *state*: one row in the database that is replaced. What changes with every message (when a device
spoke, the last readings of a sensor) is a *mark*: one line in a log, of which the newest counts (docs/adr/0012).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any, ClassVar

from detectors.lives import Heard, Lives
from domain.device import DeviceKind, RegisteredDevice
from domain.excess import Excess
from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from domain.liveness import ClockChange, LivenessChange
from domain.marks import Marks
from domain.observation import Heartbeat

NOTHING: tuple[Finding, ...] = ()


class BareHeartbeat:
    """In the place of `Heartbeat`, for `Rule.steady_watcher`: one that says nothing but that its device lives."""


Watcher = Callable[[Any, Heard], Sequence[Finding]]


@dataclass(slots=True)
class Changes:
    """State to commit: liveness and clocks of devices for whoever looks at them, (rule, device_no, state or None to
    forget), and entries of the log of marks.
    """

    liveness: list[LivenessChange] = field(default_factory=list)
    clocks: list[ClockChange] = field(default_factory=list)
    states: list[tuple[str, int, dict[str, Any] | None]] = field(default_factory=list)
    marks: list[Marks] = field(default_factory=list)


class Rule:
    """One rule over all devices. Subclasses say what they conclude and how grave it is."""

    name: str
    category: Category
    severity: Severity
    life_safety: bool = False
    #: Whether the engine hands it what the others have found, before anybody else has it.
    sifts: ClassVar[bool] = False
    #: Of the one rule that keeps the devices' lives; the engine asks it what each message is worth.
    lives: Lives | None = None

    def watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        """What to call with such an observation of such a device and what it is worth, or None."""
        return None

    def steady_watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        """The same, or None, where the device is online, the message is news, and its clock is right to some seconds:
        what nearly all messages are. Numbers in `unsteady` are asked for with `watcher` all the same. ``observation``
        may be `BareHeartbeat`.
        """
        return self.watcher(Heartbeat if observation is BareHeartbeat else observation, kind)

    @property
    def unsteady(self) -> set[int] | None:
        """Of a rule whose `steady_watcher` leaves out what concerns these devices: always the same set."""
        return None

    def overhearer(self, observation: type, kind: DeviceKind) -> Watcher | None:
        """What to call with such an observation where its device is over its limit, so that it is not stored: life
        safety hears everything.
        """
        return self.watcher(observation, kind) if self.life_safety else None

    def exceeded(self, excess: Excess) -> Sequence[Finding]:
        """Somebody said more than his share."""
        return NOTHING

    def sift(self, found: Sequence[Finding]) -> Sequence[Finding]:
        """Of a rule that ``sifts``: what of ``found`` people are told, in that order."""
        return found

    def tick(self, now: datetime) -> Sequence[Finding]:
        return NOTHING

    def next_s(self) -> float:
        """Before this moment (seconds since 1970) `tick` concludes nothing, if nothing is heard until then."""
        return inf

    def hearing_resumed(self, now: datetime) -> None:
        """Nobody could be heard for a while (our fault, not the devices'): give everyone time again."""
        return

    def enrol(self, devices: Mapping[int, RegisteredDevice], now: datetime) -> None:
        return

    def retire(self, device: RegisteredDevice, now: datetime) -> Sequence[Finding]:
        """``device`` is out of service: forget it, and end what was found about it."""
        return NOTHING

    def restore_liveness(self, liveness: Iterable[LivenessChange], now: datetime) -> None:
        """Where there are no marks of a device (before the first ones were written)."""
        return

    def restore(self, device_no: int, state: dict[str, Any]) -> None:
        return

    def recall(self, row: list[Any], generation: int) -> None:
        """Take up one row of `marks`, which was written in ``generation``. Rows come in the order of their writing."""
        return

    def restored(self) -> None:
        """All that was kept has been taken up."""
        return

    def states(self) -> list[tuple[int, dict[str, Any]]]:
        """All states, for a rule that takes this one's place."""
        return []

    def rewrite(self, numbers: Iterable[int]) -> None:
        """Let the next `collect` hold the states of ``numbers``."""
        return

    def collect(self, changes: Changes) -> None:
        """Add the liveness and the states that changed since the last call."""
        return

    def marks(self, generation: int) -> list[tuple[Any, ...]]:
        """The marks that changed since the last call: rows that begin with a device's number."""
        return []

    def remembered(self) -> list[int]:
        """The numbers of which there are marks."""
        return []

    def mark(self, numbers: Iterable[int], generation: int) -> None:
        """Let the next `marks` hold in full what of ``numbers`` was not written down so in ``generation``."""
        return

    def mark_all(self, generation: int) -> None:
        self.mark(self.remembered(), generation)

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

    def retired(self, device: RegisteredDevice, now: datetime) -> tuple[Finding]:
        """The finding that ends a trouble because its device is out of service."""
        return (self.finding(FindingKind.CLEARED, device, now, now, {"retired": True}),)
