"""From one verdict to the next: intervals of compliance, and the findings of a drop-off and of its end.

::

                 not met                         met again, exempt, or switched off
    not flagged ─────────► flagged: raised ─────────────────────────────────────────► cleared
                             │    ▲
                             └────┘ other causes: updated; unknown: stays flagged, for the proof is not back

A cause that many sites share (a link of the district) is no drop-off of each of them: `shared` flags it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from domain.target import Evidence, Standing, TargetDefinition, Verdict
from domain.target_words import cause_words

TARGET_DROPPED: Final = "target_dropped"
#: Requirements that are the district's and not the site's.
SHARED: Final = frozenset({"link"})
#: Causes that a finding names one by one.
MOST_NAMED: Final = 20

#: What makes one interval differ from the next: the causes by requirement, subject and whether they are known.
Signature = frozenset[tuple[str, str, bool]]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The interval that is open."""

    version: int
    standing: Standing
    since: datetime
    signature: Signature


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was raised and is not over. ``signature``: the causes that were told last."""

    key: str
    site_no: int
    since: datetime
    signature: Signature


def signature_of(causes: Iterable[Evidence]) -> Signature:
    return frozenset((one.requirement, one.subject, one.known) for one in causes)


def held_after(before: Held | None, verdict: Verdict, at: datetime) -> Held | None:
    """The interval that ``verdict`` opens at ``at``; None where the one before goes on."""
    signature = signature_of(verdict.causes)
    after = Held(version=verdict.version, standing=verdict.standing, since=at, signature=signature)
    if before is not None and msgspec.structs.replace(after, since=before.since) == before:
        return None
    return after


def own_causes(verdict: Verdict) -> list[Evidence]:
    """What keeps the site from meeting the target and is not shared with others."""
    return [one for one in verdict.causes if one.known and one.requirement not in SHARED]


def drop_key(target_id: str, site_id: str) -> str:
    return f"{TARGET_DROPPED}/{target_id}/{site_id}"


def shared_key(target_id: str, requirement: str, subject: str) -> str:
    return f"{TARGET_DROPPED}/{target_id}/{requirement}:{subject}"


def follow(
    flag: Flag | None, verdict: Verdict, definition: TargetDefinition, at: datetime
) -> tuple[Flag | None, Finding | None]:
    """The flag after ``verdict`` and what has to be told."""
    key = drop_key(definition.target_id, verdict.site_id)
    causes = own_causes(verdict)
    if verdict.standing is Standing.DROPPED and causes:
        signature = signature_of(causes)
        if flag is not None and flag.signature == signature:
            return flag, None
        after = Flag(key=key, site_no=verdict.site_no, since=at if flag is None else flag.since, signature=signature)
        kind = FindingKind.RAISED if flag is None else FindingKind.UPDATED
        return after, _finding(
            kind, key, definition, at, causes, flag_since=after.since, site_no=verdict.site_no, site_id=verdict.site_id
        )
    if flag is None or verdict.standing is Standing.UNKNOWN:
        return flag, None
    return None, _finding(
        FindingKind.CLEARED, key, definition, at, [], flag_since=flag.since, site_no=verdict.site_no,
        site_id=verdict.site_id,
    )  # fmt: skip


def switched_off(flag: Flag, definition: TargetDefinition, at: datetime, *, site_id: str) -> Finding:
    """The target is asked for no more."""
    return _finding(
        FindingKind.CLEARED, flag.key, definition, at, [], flag_since=flag.since, site_no=flag.site_no, site_id=site_id
    )


def shared(
    flag: Flag | None, cause: Evidence | None, sites: int, definition: TargetDefinition, key: str, at: datetime
) -> tuple[Flag | None, Finding | None]:
    """The same for a cause of the district: None = no site has it any more. ``sites``: how many do."""
    if cause is not None:
        if flag is not None:
            return flag, None
        after = Flag(key=key, site_no=0, since=at, signature=signature_of([cause]))
        return after, _finding(
            FindingKind.RAISED, key, definition, at, [cause], flag_since=at, site_no=0, site_id="", sites=sites
        )
    if flag is None:
        return None, None
    return None, _finding(FindingKind.CLEARED, key, definition, at, [], flag_since=flag.since, site_no=0, site_id="")


def proof(one: Evidence) -> dict[str, Any]:
    """A cause as it is kept: with its proof, and with words for people."""
    zh, en = cause_words(one)
    return {
        "requirement": one.requirement,
        "subject": one.subject,
        "known": one.known,
        "since": None if one.since is None else one.since.isoformat(),
        "until": None if one.until is None else one.until.isoformat(),
        "zh": zh,
        "en": en,
        **({"detail": one.detail} if one.detail else {}),
    }


def _finding(
    kind: FindingKind,
    key: str,
    definition: TargetDefinition,
    at: datetime,
    causes: Sequence[Evidence],
    *,
    flag_since: datetime,
    site_no: int,
    site_id: str,
    sites: int | None = None,
) -> Finding:
    told = [proof(one) for one in causes[:MOST_NAMED]]
    detail: dict[str, Any] = {
        "target": definition.target_id,
        "version": definition.version,
        "name_zh": definition.name_zh,
        "name_en": definition.name_en,
    }
    if told:
        detail |= {
            "cause": told[0]["requirement"],
            "causes": told,
            "cause_zh": "；".join(one["zh"] for one in told[:3]),
            "cause_en": "; ".join(one["en"] for one in told[:3]),
        }
        if len(causes) > len(told):
            detail["more"] = len(causes) - len(told)
    if sites is not None:
        detail["sites"] = sites
    return Finding(
        finding_id=finding_id(TARGET_DROPPED, key, kind.value, flag_since.isoformat(), at.isoformat()),
        kind=kind,
        rule=TARGET_DROPPED,
        key=key,
        category=Category.COMPLIANCE,
        severity=Severity.MAJOR,
        life_safety=False,
        site_no=site_no,
        site_id=site_id,
        device_no=None,
        device_id="",
        at=at,
        found_at=at,
        detail=detail,
    )
