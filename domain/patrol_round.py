"""Rounds of the patrol officer: what is looked at, what a person may say of it, and what follows. Pure.

::

    a diagnosis        ──► confirmed: it is so; a hazard to the site, to be mended within a day
                       ──► rejected:  it is none; the camera learns (docs/patrol.md)
    a picture without  ──► good
                       ──► missed:    there is a fault that the diagnosis does not see; a hazard as well
    either             ──► unseen:    no picture to judge by
                       ──► removed:   it does not belong in the round, and why; the round goes on without it
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from domain.camera_words import FAULT_WORDS, fault_words
from domain.errors import RoundRefused
from domain.finding import Category, Finding, FindingKind, Severity, finding_id

#: A defect is repaired within 24 h (docs/patrol.md; the figure of GB/T 29315-2022 as published).
MEND_WITHIN = timedelta(hours=24)
MOST_ITEMS = 500
HAZARD_RULE = "camera_hazard"


class RoundKind(StrEnum):
    SAMPLE = "sample"  # drawn by lot
    DOUBTFUL = "doubtful"  # diagnosed and doubtful ones first
    SITE = "site"  # all of a site


class ItemVerdict(StrEnum):
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    GOOD = "good"
    MISSED = "missed"
    UNSEEN = "unseen"
    REMOVED = "removed"


OF_DIAGNOSES = frozenset({ItemVerdict.CONFIRMED, ItemVerdict.REJECTED, ItemVerdict.UNSEEN, ItemVerdict.REMOVED})
OF_PICTURES = frozenset({ItemVerdict.GOOD, ItemVerdict.MISSED, ItemVerdict.UNSEEN, ItemVerdict.REMOVED})


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A camera that may be looked at. ``faults`` stand, gravest first; ``judged_at``: when a person last looked."""

    device_no: int
    faults: tuple[str, ...] = ()
    doubtful: bool = False
    judged_at: datetime | None = None


def chosen(candidates: Sequence[Candidate], kind: RoundKind, *, size: int, seed: int) -> list[Candidate]:
    """Which of them are looked at, in this order; at most ``size``, of a site all (up to `MOST_ITEMS`).

    The lot is ``seed``'s: the same round would be drawn again.
    """
    if kind is RoundKind.SAMPLE:
        ordered = sorted(candidates, key=lambda one: one.device_no)
        return random.Random(seed).sample(ordered, min(size, MOST_ITEMS, len(ordered)))
    if kind is RoundKind.DOUBTFUL:
        worth = [one for one in candidates if one.faults or one.doubtful]
        worth.sort(
            key=lambda one: (not one.faults, 0.0 if one.judged_at is None else one.judged_at.timestamp(), one.device_no)
        )
        return worth[: min(size, MOST_ITEMS)]
    return sorted(candidates, key=lambda one: one.device_no)[:MOST_ITEMS]


def check_verdict(fault: str, verdict: ItemVerdict, found: str, note: str = "") -> None:
    """:raises RoundRefused: it is no answer to what is shown."""
    allowed = OF_DIAGNOSES if fault else OF_PICTURES
    if verdict not in allowed:
        raise RoundRefused(f"{verdict.value} is no answer here; possible: {', '.join(sorted(allowed))}")
    if verdict is ItemVerdict.REMOVED and not note.strip():
        raise RoundRefused("note: say why the camera is taken out of the round")
    if (verdict is ItemVerdict.MISSED) != bool(found):
        raise RoundRefused("found: say which fault was missed, and only then")
    if found and found not in FAULT_WORDS:
        raise RoundRefused(f"found: expected one of {', '.join(FAULT_WORDS)}")


def check_recheck(found_by: str, actor: str, *, four_eyes: bool) -> None:
    """:raises RoundRefused: whoever found a hazard does not say himself that it is mended."""
    if four_eyes and found_by.strip().casefold() == actor.strip().casefold():
        raise RoundRefused(f"{found_by} has found it: another person has to see that it is mended")


class Hazard(msgspec.Struct, frozen=True, kw_only=True):
    """A camera to be mended. ``evidence_id`` "" = none."""

    hazard_no: int
    device_no: int
    site_no: int
    site_id: str
    device_id: str
    fault: str
    evidence_id: str
    found_at: datetime
    found_by: str
    due_at: datetime
    overdue_told_at: datetime | None = None
    cleared_at: datetime | None = None
    struck_at: datetime | None = None
    struck_by: str | None = None
    note: str = ""


def hazard_found(hazard: Hazard) -> Finding:
    """The site is told: its safety officers hear of everything of this category."""
    return _finding(hazard, FindingKind.RAISED, Severity.MINOR, hazard.found_at, "")


def hazard_overdue(hazard: Hazard, now: datetime) -> tuple[Finding, Finding]:
    """The deadline is over: a graver one takes the place of the first."""
    return (
        _finding(hazard, FindingKind.CLEARED, Severity.MINOR, now, ""),
        _finding(hazard, FindingKind.RAISED, Severity.MAJOR, hazard.due_at, "/overdue", found_at=now),
    )


def hazard_over(hazard: Hazard, now: datetime) -> Finding:
    late = hazard.overdue_told_at is not None
    return _finding(hazard, FindingKind.CLEARED, Severity.MAJOR if late else Severity.MINOR, now, "/overdue" * late)


def _finding(
    hazard: Hazard, kind: FindingKind, severity: Severity, at: datetime, stage: str, *, found_at: datetime | None = None
) -> Finding:
    key = f"{HAZARD_RULE}/{hazard.site_id}/{hazard.device_id}/{hazard.hazard_no}{stage}"
    zh, en = fault_words(hazard.fault)
    detail: dict[str, Any] = {
        "fault": hazard.fault,
        "zh": zh,
        "en": en,
        "hazard_no": hazard.hazard_no,
        "due_at": hazard.due_at.isoformat(),
        "found_by": hazard.found_by,
    }
    if hazard.evidence_id:
        detail["evidence"] = hazard.evidence_id
    return Finding(
        finding_id=finding_id(HAZARD_RULE, key, kind.value),
        kind=kind,
        rule=HAZARD_RULE,
        key=key,
        category=Category.COMPLIANCE,
        severity=severity,
        life_safety=False,
        site_no=hazard.site_no,
        site_id=hazard.site_id,
        device_no=hazard.device_no,
        device_id=hazard.device_id,
        at=at,
        found_at=found_at or at,
        detail=detail,
    )
