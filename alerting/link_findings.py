"""What the supervision of a link finds: it is silent, or its test alarm brings no receipt; and that it is over."""

from __future__ import annotations

from datetime import datetime

from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from storage.links import LinkState

SILENT, UNTESTED = "link_silent", "link_untested"


def silent_finding(state: LinkState, since: datetime, now: datetime, *, error: str) -> Finding:
    detail: dict[str, object] = {"link": state.link_id, "since": since.isoformat(), "error": error}
    return _finding(SILENT, state.link_id, FindingKind.RAISED, since, now, detail)


def heard_finding(state: LinkState, since: datetime, now: datetime) -> Finding:
    seconds = round((now - since).total_seconds())
    return _finding(
        SILENT, state.link_id, FindingKind.CLEARED, since, now, {"link": state.link_id, "silent_s": seconds}
    )


def untested_finding(state: LinkState, since: datetime, now: datetime, *, error: str) -> Finding:
    detail: dict[str, object] = {"link": state.link_id, "since": since.isoformat(), "error": error}
    return _finding(UNTESTED, state.link_id, FindingKind.RAISED, since, now, detail)


def tested_finding(state: LinkState, since: datetime, now: datetime, *, receipt_id: str) -> Finding:
    detail: dict[str, object] = {"link": state.link_id, "receipt_id": receipt_id}
    return _finding(UNTESTED, state.link_id, FindingKind.CLEARED, since, now, detail)


def _finding(
    rule: str, link_id: str, kind: FindingKind, since: datetime, now: datetime, detail: dict[str, object]
) -> Finding:
    return Finding(
        finding_id=finding_id(rule, link_id, since.isoformat(), kind.value),
        kind=kind,
        rule=rule,
        key=f"{rule}/{link_id}",
        category=Category.SYSTEM,
        severity=Severity.MAJOR,
        life_safety=False,
        site_no=0,
        site_id="",
        device_no=None,
        device_id="",
        at=now,
        found_at=now,
        detail=detail,
    )
