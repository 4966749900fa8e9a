"""What follows from a look at a camera, to be committed at once: its state, truths, evidence and findings. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from campuswatch.patrol.jobs import Examined
from detectors.documents.form import RuleDocument
from detectors.pictures.reach import Around, Said, fault_to_tell, with_picture, without_picture
from domain.camera import NO_PICTURE, PatrolledCamera, Truth, TruthChange, TruthState
from domain.camera_words import fault_words
from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from domain.liveness import Connectivity
from ingest.pictures.taken import NoPicture
from storage.cameras import Evidence, PatrolState

RULE = "picture_fault"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    state: PatrolState
    truths: tuple[TruthChange, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...] = ()


def on_failure(
    camera: PatrolledCamera,
    before: PatrolState,
    error: NoPicture,
    around: Around,
    now: datetime,
    *,
    settle: timedelta,
    rule: RuleDocument | None,
) -> Report:
    since = before.failing_since or now
    failures = before.failures + 1
    said = without_picture(
        error.reason,
        answered=error.answered,
        failures=failures,
        failing_s=(now - since).total_seconds(),
        around=around,
        settle_s=settle.total_seconds(),
    )
    state = msgspec.structs.replace(
        before, looked_at=now, failures=failures, failing_since=since, failure=error.reason, doubtful=True
    )
    decodes = next((state for truth, state, _ in said if truth is Truth.DECODES), TruthState.UNKNOWN)
    told = fault_to_tell(before.standing, decodes=decodes, life=around.life)
    return _told(camera, state, _changes(camera, said, since, now), (), told, now, rule, error.reason)


def on_picture(
    camera: PatrolledCamera,
    before: PatrolState,
    seen: Examined,
    at: datetime,
    *,
    evidence: tuple[Evidence, ...],
    rule: RuleDocument | None,
) -> Report:
    """``at``: when the picture was taken."""
    said = with_picture(seen.standing, suspect=seen.suspect, learning=seen.learning)
    state = msgspec.structs.replace(
        before,
        looked_at=at,
        picture_at=at,
        failures=0,
        failing_since=None,
        failure="",
        doubtful=seen.suspect,
        standing=seen.standing,
        light=seen.light,
        verdicts=seen.verdicts,
    )
    began = min((one.since for one in seen.raised), default=at)
    truths = _changes(camera, said, at, at)
    truths = tuple(msgspec.structs.replace(one, since=began) if one.state is TruthState.NO else one for one in truths)
    told = fault_to_tell(seen.standing, decodes=TruthState.YES, life=Connectivity.ONLINE)
    return _told(camera, state, truths, evidence, told, at, rule, "")


def on_lesson(
    camera: PatrolledCamera, before: PatrolState, standing: tuple[str, ...], now: datetime, rule: RuleDocument | None
) -> Report:
    """A person taught the camera something; ``standing`` is what is left of its faults."""
    state = msgspec.structs.replace(before, standing=standing, doubtful=bool(standing))
    said: tuple[Said, ...] = ()
    told = before.told if before.told == NO_PICTURE else (standing[0] if standing else "")
    if before.standing and not standing and told != NO_PICTURE:
        said = ((Truth.GOOD, TruthState.YES, ""),)
    return _told(camera, state, _changes(camera, said, now, now), (), told, now, rule, "")


def on_forsaken(camera: PatrolledCamera, before: PatrolState, now: datetime) -> Report:
    """Nobody looks at the camera any more: what people were told of it is over."""
    state = msgspec.structs.replace(before, standing=(), doubtful=False)
    return _told(camera, state, (), (), "", now, None, "")


def _changes(
    camera: PatrolledCamera, said: tuple[Said, ...], since: datetime, now: datetime
) -> tuple[TruthChange, ...]:
    """What is true is so from now on at the latest; what is not has been so since it was first seen."""
    return tuple(
        TruthChange(
            device_no=camera.device_no,
            truth=truth,
            state=state,
            reason=reason,
            since=now if state is TruthState.YES else since,
            checked_at=now,
        )
        for truth, state, reason in said
    )


def _told(
    camera: PatrolledCamera,
    state: PatrolState,
    truths: tuple[TruthChange, ...],
    evidence: tuple[Evidence, ...],
    told: str | None,
    at: datetime,
    rule: RuleDocument | None,
    reason: str,
) -> Report:
    """With the finding, where people are told of another fault than before. ``rule`` None or switched off: of none."""
    if rule is None or not rule.enabled:
        told = ""
    if told is None or told == state.told:
        return Report(state=state, truths=truths, evidence=evidence)
    kind = FindingKind.RAISED if not state.told else FindingKind.UPDATED if told else FindingKind.CLEARED
    proof = next((one for one in evidence if one.fault == told), None)
    finding = _finding(camera, kind, told or state.told, at, rule, reason, proof)
    state = msgspec.structs.replace(state, told=told)
    return Report(state=state, truths=truths, evidence=evidence, findings=(finding,))


def _finding(
    camera: PatrolledCamera,
    kind: FindingKind,
    fault: str,
    at: datetime,
    rule: RuleDocument | None,
    reason: str,
    proof: Evidence | None,
) -> Finding:
    # What the camera says of itself over MQTT has a key of its own: neither ends what the other found.
    key = f"{RULE}/{camera.key}/patrol"
    zh, en = fault_words(fault)
    detail: dict[str, Any] = {"fault": fault, "zh": zh, "en": en}
    if reason:
        detail["reason"] = reason
        detail["zh"], detail["en"] = (f"{zh}（{fault_words(reason)[0]}）", f"{en} ({fault_words(reason)[1]})")
    if proof is not None:
        detail |= {"evidence": str(proof.evidence_id), "score": proof.score, "bound": proof.bound}
        if proof.region is not None:
            detail["region"] = list(proof.region)
    return Finding(
        finding_id=finding_id(RULE, key, kind.value, at.isoformat(), fault),
        kind=kind,
        rule=RULE,
        key=key,
        category=Category.DEVICE if rule is None else Category(rule.header.category),
        severity=Severity.MINOR if rule is None else Severity(rule.header.severity),
        life_safety=False,
        site_no=camera.site_no,
        site_id=camera.site_id,
        device_no=camera.device_no,
        device_id=camera.device_id,
        at=at,
        found_at=at,
        detail=detail,
    )


def evidence_id(camera: PatrolledCamera, fault: str, at: datetime) -> UUID:
    """The same for the same cause, so that a repeated look makes no second one."""
    return finding_id("evidence", camera.key, fault, at.isoformat())
