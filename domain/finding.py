"""Findings: what a detector concluded from observations and time."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

import msgspec

FINDING_NAMESPACE = UUID("6f1c9f0e-7d50-4f0e-9c63-3b1f8f0d7a11")


class Severity(StrEnum):
    """Worst first. `CRITICAL` is danger to life; `ADVICE` asks for nothing now."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    ADVICE = "advice"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANK[self]


_RANK = {severity: rank for rank, severity in enumerate(Severity)}


class Category(StrEnum):
    """What kind of trouble; alerting decides by it who is told."""

    PANIC = "panic"
    FIRE = "fire"
    INTRUSION = "intrusion"
    DEVICE = "device"  # the equipment itself: offline, battery, tamper
    SYSTEM = "system"  # campuswatch or a link of it
    COMPLIANCE = "compliance"  # a site has dropped off from a target


class FindingKind(StrEnum):
    RAISED = "raised"
    UPDATED = "updated"
    CLEARED = "cleared"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A detector's conclusion.

    ``key`` names the trouble: an incident is opened once for each key and stays the only one until it is over.
    ``life_safety`` findings are never suppressed and their incidents are ended by a person only.
    ``at`` is when it happened, ``found_at`` when it was concluded (aware UTC).
    """

    finding_id: UUID
    kind: FindingKind
    rule: str
    key: str
    category: Category
    severity: Severity
    life_safety: bool
    site_no: int
    site_id: str
    device_no: int | None
    device_id: str
    at: datetime
    found_at: datetime
    test: bool = False
    drill: bool = False
    detail: dict[str, Any] = {}


def finding_id(*parts: str) -> UUID:
    """The id of a finding: the same for the same cause, so that a repeated step makes no second one."""
    return uuid5(FINDING_NAMESPACE, "|".join(parts))
