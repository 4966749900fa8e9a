"""Troubles of the house itself: books that do not balance, a journal that fills, a session that the broker forgot.

Pure. Whoever sees the facts (a lane, the alerting role) asks for the findings and hands them on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from domain.ledger import LedgerDifference

LEDGER_DIFFERENCE = "ledger_difference"
JOURNAL_FILLING = "journal_filling"
SESSION_FORGOTTEN = "session_forgotten"

#: A journal is told of when it is half full, again when it is nearly so, and is over it when it is nearly empty.
HALF, NEARLY_FULL, NEARLY_EMPTY = 0.5, 0.9, 0.2
#: Sites of one hour that are told of one by one. More of them are one trouble of the house.
MOST_SITES = 5


def _finding(
    rule: str,
    key: str,
    at: datetime,
    *cause: str,
    detail: dict[str, Any],
    kind: FindingKind = FindingKind.RAISED,
    severity: Severity = Severity.MAJOR,
    site_no: int = 0,
    site_id: str = "",
) -> Finding:
    return Finding(
        finding_id=finding_id(rule, key, kind.value, *cause),
        kind=kind,
        rule=rule,
        key=key,
        category=Category.SYSTEM,
        severity=severity,
        life_safety=False,
        site_no=site_no,
        site_id=site_id,
        device_no=None,
        device_id="",
        at=at,
        found_at=at,
        detail=detail,
    )


def session_forgotten(lane: str, at: datetime) -> Finding:
    """The broker has no session of ours any more: what it held for us may be lost, and nobody can count it."""
    return _finding(
        SESSION_FORGOTTEN,
        f"{SESSION_FORGOTTEN}/{lane}",
        at,
        at.isoformat(),
        detail={"reason": SESSION_FORGOTTEN, "lane": lane},
    )


class JournalWatch:
    """One lane's journal over time: says when it fills and when it is empty again."""

    def __init__(self, lane: str) -> None:
        self._lane = lane
        # None: an earlier process may have raised it. To end what never began does nothing.
        self._raised: dict[float, bool | None] = {HALF: None, NEARLY_FULL: None}

    def look(self, fill: float, messages: int, at: datetime) -> list[Finding]:
        """``fill``: 0 to 1. What is new."""
        found: list[Finding] = []
        for level, severity in ((HALF, Severity.MAJOR), (NEARLY_FULL, Severity.CRITICAL)):
            if fill >= level and self._raised[level] is not True:
                self._raised[level] = True
                found.append(self._say(FindingKind.RAISED, level, severity, fill, messages, at))
            elif fill < NEARLY_EMPTY and self._raised[level] is not False:
                self._raised[level] = False
                found.append(self._say(FindingKind.CLEARED, level, severity, fill, messages, at))
        return found

    def _say(
        self, kind: FindingKind, level: float, severity: Severity, fill: float, messages: int, at: datetime
    ) -> Finding:
        key = f"{JOURNAL_FILLING}/{self._lane}/{level:.0%}"
        detail = {"lane": self._lane, "fill_pct": round(fill * 100), "messages": messages}
        return _finding(JOURNAL_FILLING, key, at, at.isoformat(), detail=detail, kind=kind, severity=severity)


def ledger_differences(found: Iterable[LedgerDifference], now: datetime) -> list[Finding]:
    """One finding for a site and hour, the same one however often it is asked for."""
    hours: defaultdict[datetime, list[LedgerDifference]] = defaultdict(list)
    for difference in found:
        hours[difference.hour].append(difference)
    return [
        _ledger_difference(difference, now)
        for _, of_hour in sorted(hours.items())
        for difference in (of_hour if len(of_hour) <= MOST_SITES else (_together(of_hour),))
    ]


def _together(of_hour: list[LedgerDifference]) -> LedgerDifference:
    names = ("received", "stored", "rejected", "duplicate", "booked", "found")
    sums = {name: sum(getattr(one, name) for one in of_hour) for name in names}
    return LedgerDifference(hour=of_hour[0].hour, site_no=0, site_id="", sites=len(of_hour), **sums)


def _ledger_difference(difference: LedgerDifference, now: datetime) -> Finding:
    hour = difference.hour.isoformat()
    detail: dict[str, Any] = {"hour": hour}
    if difference.sites > 1:
        detail["sites"] = difference.sites
    if difference.unaccounted:
        detail |= {
            "difference": difference.unaccounted,
            "received": difference.received,
            "stored": difference.stored,
            "rejected": difference.rejected,
            "duplicate": difference.duplicate,
        }
    if difference.missing_rows:
        detail |= {"rows_booked": difference.booked, "rows_found": difference.found}
    place = difference.site_id if difference.sites == 1 else "*"
    return _finding(
        LEDGER_DIFFERENCE,
        f"{LEDGER_DIFFERENCE}/{place}/{hour}",
        now,
        detail=detail,
        site_no=difference.site_no,
        site_id=difference.site_id,
    )
