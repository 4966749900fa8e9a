"""Chattering: a device, or a whole site, says more than its share. It is held to its limit and named here.

::

    within its share ──over the limit──► chattering ──five minutes within it──► within its share
                                          │      ▲
                                          └──────┘ told anew when ten minutes passed

What is over the limit is not stored (`ingest.fairness`); alarms are never limited.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any, NamedTuple

import msgspec

from detectors.rule import NOTHING, Rule
from domain.device import RegisteredDevice
from domain.excess import Excess
from domain.finding import Category, Finding, FindingKind, Severity, finding_id

CLEAR_AFTER_S = 300.0
TELL_AGAIN_S = 600.0


class _Loop(msgspec.Struct, gc=False):
    """``last_s``: when it was last over its limit; ``told_s``: when people were last told (epoch seconds)."""

    site_no: int
    site_id: str
    device_no: int | None
    device_id: str
    last_s: float
    told_s: float
    over: int = 0


class _Chattering(Rule, ABC):
    category = Category.DEVICE
    severity = Severity.MINOR

    def __init__(self) -> None:
        self.clear_after_s, self.tell_again_s = CLEAR_AFTER_S, TELL_AGAIN_S
        self._loops: dict[int, _Loop] = {}
        self._marked: set[int] = set()

    @abstractmethod
    def concerns(self, excess: Excess) -> int | None:
        """The number under which such an excess is remembered; None where it is not this rule's."""

    def exceeded(self, excess: Excess) -> Sequence[Finding]:
        number = self.concerns(excess)
        if number is None:
            return NOTHING
        self._marked.add(number)
        now_s = excess.at.timestamp()
        loop = self._loops.get(number)
        if loop is None:
            device = excess.device
            loop = self._loops[number] = _Loop(
                excess.site_no,
                excess.site_id,
                device.device_no if device else None,
                device.device_id if device else "",
                now_s,
                now_s,
            )
            kind = FindingKind.RAISED
        else:
            kind = FindingKind.UPDATED
        loop.last_s = max(loop.last_s, now_s)
        loop.over += excess.over
        if kind is FindingKind.UPDATED and now_s - loop.told_s < self.tell_again_s:
            return NOTHING
        loop.told_s = now_s
        detail = {
            "rate_per_s": excess.rate_per_s,
            "limit_per_s": excess.limit_per_s,
            "message_channel": excess.channel,
            "not_stored": loop.over,
        }
        return (self._finding(kind, loop, excess.at, excess.at, detail),)

    def tick(self, now: datetime) -> Sequence[Finding]:
        if not self._loops:
            return NOTHING
        now_s, found = now.timestamp(), []
        for number, loop in list(self._loops.items()):
            ended_s = loop.last_s + self.clear_after_s
            if now_s >= ended_s:
                del self._loops[number]
                self._marked.add(number)
                ended = datetime.fromtimestamp(ended_s, UTC)
                found.append(self._finding(FindingKind.CLEARED, loop, ended, now, {"not_stored": loop.over}))
        return found

    def next_s(self) -> float:
        return min((loop.last_s + self.clear_after_s for loop in self._loops.values()), default=inf)

    def hearing_resumed(self, now: datetime) -> None:
        for number, loop in self._loops.items():
            loop.last_s = max(loop.last_s, now.timestamp())
            self._marked.add(number)

    # -- what survives a restart --------------------------------------------------------------------------------------

    def marks(self, generation: int) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for number in self._marked:
            loop = self._loops.get(number)
            rows.append((number,) if loop is None else (number, *msgspec.structs.astuple(loop)))
        self._marked.clear()
        return rows

    def remembered(self) -> list[int]:
        """Those that are chattering now."""
        return list(self._loops)

    def mark(self, numbers: Iterable[int], generation: int) -> None:
        self._marked.update(number for number in numbers if number in self._loops)

    def recall(self, row: list[Any], generation: int) -> None:
        number, *told = row
        self._loops.pop(number, None)
        if told:
            self._loops[number] = _Loop(*told)

    @abstractmethod
    def _key(self, loop: _Loop) -> str:
        """Of the trouble that ``loop`` is."""

    def _finding(
        self, kind: FindingKind, loop: _Loop, at: datetime, found_at: datetime, detail: dict[str, Any]
    ) -> Finding:
        key = self._key(loop)
        return Finding(
            finding_id=finding_id(key, kind.value, at.isoformat()),
            kind=kind,
            rule=self.name,
            key=key,
            category=self.category,
            severity=self.severity,
            life_safety=False,
            site_no=loop.site_no,
            site_id=loop.site_id,
            device_no=loop.device_no,
            device_id=loop.device_id,
            at=at,
            found_at=found_at,
            detail=detail,
        )


class ChatteringDevice(_Chattering):
    """One device; or the unregistered names of one site, which share a limit and are one trouble together."""

    name = "chattering_device"

    def concerns(self, excess: Excess) -> int | None:
        if excess.device is not None:
            return excess.device.device_no
        return -excess.site_no if excess.unregistered else None

    def retire(self, device: RegisteredDevice, now: datetime) -> Sequence[Finding]:
        loop = self._loops.pop(device.device_no, None)
        if loop is None:
            return NOTHING
        self._marked.add(device.device_no)
        return (self._finding(FindingKind.CLEARED, loop, now, now, {"retired": True}),)

    def _key(self, loop: _Loop) -> str:
        return f"{self.name}/{loop.site_id}/{loop.device_id}"


class ChatteringSite(_Chattering):
    """A site no device of which need be over its own limit."""

    name = "chattering_site"

    def concerns(self, excess: Excess) -> int | None:
        return excess.site_no if excess.device is None and not excess.unregistered else None

    def _key(self, loop: _Loop) -> str:
        return f"{self.name}/{loop.site_id}"


class Limited(NamedTuple):
    """Who is held to a limit, by the numbers that `ingest.fairness` knows them by."""

    devices: list[int]
    sites: list[int]


def limited(rules: Iterable[Rule]) -> Limited:
    """Who of ``rules`` is chattering now."""
    found = Limited([], [])
    for rule in rules:
        if isinstance(rule, ChatteringDevice):
            found.devices.extend(rule.remembered())
        elif isinstance(rule, ChatteringSite):
            found.sites.extend(rule.remembered())
    return found
