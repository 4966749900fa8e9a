"""The three 100% targets (三个100%) and the fourth: what a site has to meet at every moment, as data.

A target is a named, versioned, dated definition; whether a site meets it is a verdict with its proof. A *drop-off* is
the moment in which a site stops meeting one.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Standing(StrEnum):
    """How a site stands to one target. Unknown: behind a dead uplink, or never proved and not yet due."""

    COMPLIANT = "compliant"
    DROPPED = "dropped"
    UNKNOWN = "unknown"
    EXEMPT = "exempt"  # the definition asks nothing of such a site


class TargetDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one target. ``measure`` names what computes it (`detectors.targets`), ``parameters`` are its
    figures. It is in force from ``starts_at`` until the next version's, and only where ``enabled``.
    """

    target_id: str
    version: int
    measure: str
    name_zh: str
    name_en: str
    starts_at: datetime
    enabled: bool = True
    parameters: dict[str, Any] = {}
    author: str = ""
    reason: str = ""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: ``met`` or what is wrong. ``requirement`` is a word of the measure's, ``subject``
    the guard, gate, device or link; ``since`` is when it began to be so, ``until`` when it will end by itself.
    """

    requirement: str
    subject: str
    met: bool
    known: bool = True
    since: datetime | None = None
    until: datetime | None = None
    detail: dict[str, Any] = {}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """``changes_at``: before this moment it changes only if a fact does."""

    site_no: int
    site_id: str
    target_id: str
    version: int
    standing: Standing
    evidence: tuple[Evidence, ...]
    changes_at: datetime | None = None

    @property
    def causes(self) -> tuple[Evidence, ...]:
        """What keeps the site from meeting the target."""
        return tuple(one for one in self.evidence if not one.met)
