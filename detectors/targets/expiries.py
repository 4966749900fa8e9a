"""What will end by itself: certificates, ages, inspections, test alarms. Warned of 30, 7 and 1 days ahead, once each.

Test alarms of one site are told of together, and not 30 days ahead: that is when the last one was. One that is a day
overdue is `self_test_missing`, and so is a daily test of a link itself: that one belongs to no site.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from detectors.targets import Ruling
from detectors.targets.drops import Flag
from detectors.targets.networking import Networking
from domain.device import DeviceKind
from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from domain.self_test import SelfTest
from domain.site_facts import LinkFact, SiteFacts
from domain.target import Evidence, Verdict
from domain.target_words import EXPIRY_WORDS, LINK_WORDS

EXPIRY_AHEAD: Final = "expiry_ahead"
SELF_TEST_MISSING: Final = "self_test_missing"
DAYS_AHEAD: Final = (1, 7, 30)
SELF_TEST: Final = "self_test"
_EXPIRING: Final = frozenset({"guard", "barrier_inspected", SELF_TEST})
_SEVERITY: Final = {1: Severity.MAJOR, 7: Severity.MINOR, 30: Severity.ADVICE}
_OVERDUE: Final = timedelta(days=1)
#: A link is tested daily, by the system itself.
LINK_TEST_EVERY: Final = timedelta(days=1)


class Ahead(NamedTuple):
    """One warning: what expires when, and how many days ahead it is told."""

    requirement: str
    subject: str
    expires_at: datetime
    days: int


def self_tests(facts: SiteFacts, figures: Networking) -> Iterator[SelfTest]:
    """The schedule of a site's test alarms, by device and link."""
    for device in facts.devices.values():
        if device.kind is not DeviceKind.ONE_KEY_ALARM or not device.networked:
            continue
        proofs = {proof.link_id: proof.proved_at for proof in device.proofs}
        for link_id in figures.links:
            last = proofs.get(link_id)
            due = (
                device.registered_at + timedelta(days=figures.first_days)
                if last is None
                else last + timedelta(days=figures.test_days)
            )
            yield SelfTest(
                site_id=facts.site_id,
                device_id=device.device_id,
                device_no=device.device_no,
                name=device.name,
                place=device.place,
                link_id=link_id,
                last_at=last,
                due_at=due,
            )


def link_tests(links: Iterable[LinkFact], link_ids: Iterable[str] | None = None) -> Iterator[SelfTest]:
    """The schedule of the links' own test alarms: of those that are supervised, and of ``link_ids`` where they are
    given.
    """
    for link in links:
        # A time in which nobody watched, and so nobody tested, is no fault of the link's.
        began = max(filter(None, (link.proved_at, link.watched_since)), default=None)
        if began is None or (link_ids is not None and link.link_id not in link_ids):
            continue
        yield SelfTest(
            site_id="",
            device_id="",
            device_no=None,
            name=link.link_id,
            place="",
            link_id=link.link_id,
            last_at=link.proved_at,
            due_at=began + LINK_TEST_EVERY,
        )


def missing_key(subject: str) -> str:
    """``subject``: a site, or ``link:`` and a link."""
    return f"{SELF_TEST_MISSING}/{subject}"


def expiring(verdict: Verdict, facts: SiteFacts, by: Ruling) -> list[Evidence]:
    """What is met now and will not be any more at its ``until``."""
    found = [one for one in verdict.evidence if one.requirement in _EXPIRING and one.until is not None and _holds(one)]
    if isinstance(by.parameters, Networking):
        tests = list(self_tests(facts, by.parameters))
        if tests:
            first = min(tests, key=lambda one: one.due_at)
            found.append(
                Evidence(
                    requirement=SELF_TEST,
                    subject=facts.site_id,
                    met=True,
                    until=first.due_at,
                    detail={"name": first.name, "device": first.device_id, "link": first.link_id},
                )
            )
    return found


def _holds(one: Evidence) -> bool:
    return one.met and bool(one.detail.get("counts", True))


def warnings(expiries: Sequence[Evidence], at: datetime) -> dict[Ahead, Evidence]:
    """What has to be warned of at ``at``: of each expiry the nearest warning that has come."""
    found = {}
    for one in expiries:
        assert one.until is not None
        left = one.until - at
        days = [days for days in DAYS_AHEAD if left <= timedelta(days=days)]
        if days and left > timedelta(0) and not (one.requirement == SELF_TEST and days[0] > 7):
            found[Ahead(one.requirement, one.subject, one.until, days[0])] = one
    return found


def next_warning(expiries: Sequence[Evidence], at: datetime) -> datetime | None:
    """When the next warning comes, or one of them is over."""
    moments = (
        one.until - timedelta(days=days) for one in expiries if one.until is not None for days in (*DAYS_AHEAD, 0)
    )
    return min((moment for moment in moments if moment > at), default=None)


def warning_finding(
    kind: FindingKind, ahead: Ahead, one: Evidence | None, facts: SiteFacts, by: Ruling, at: datetime
) -> Finding:
    key = f"{EXPIRY_AHEAD}/{facts.site_id}/{ahead.requirement}/{ahead.subject}/{ahead.days}"
    zh, en = EXPIRY_WORDS.get(ahead.requirement, (ahead.requirement, ahead.requirement))
    detail = {
        "target": by.definition.target_id,
        "requirement": ahead.requirement,
        "subject": ahead.subject,
        "expires_at": ahead.expires_at.isoformat(),
        "days_ahead": ahead.days,
    }
    if one is not None:
        name = str(one.detail.get("name", ""))
        detail |= {"cause_zh": f"{ahead.days} 天内到期：{name} {ahead.subject}（{zh}）",
                   "cause_en": f"expires within {ahead.days} d: {name} {ahead.subject} ({en})",
                   "detail": one.detail}  # fmt: skip
    return Finding(
        finding_id=finding_id(EXPIRY_AHEAD, key, kind.value, ahead.expires_at.isoformat()),
        kind=kind,
        rule=EXPIRY_AHEAD,
        key=key,
        category=Category.COMPLIANCE,
        severity=_SEVERITY[ahead.days],
        life_safety=False,
        site_no=facts.site_no,
        site_id=facts.site_id,
        device_no=None,
        device_id="",
        at=at,
        found_at=at,
        detail=detail,
    )


def next_overdue(tests: Sequence[SelfTest], at: datetime) -> datetime | None:
    return min((one.due_at + _OVERDUE for one in tests if one.due_at + _OVERDUE > at), default=None)


def overdue(tests: Sequence[SelfTest], at: datetime) -> list[SelfTest]:
    """The tests that were due for a day and have not come."""
    return [one for one in tests if one.due_at + _OVERDUE <= at]


def follow_tests(
    flag: Flag | None, missing: Sequence[SelfTest], by: Ruling, at: datetime, *, key: str, site_no: int, site_id: str
) -> tuple[Flag | None, Finding | None]:
    """One flag a site or link: raised with the first test that is missing, updated as they change, cleared with the
    last. A link has no site.
    """
    signature = frozenset((SELF_TEST, f"{one.device_id}@{one.link_id}", True) for one in missing)
    if (flag is not None and flag.signature == signature) or (flag is None and not missing):
        return flag, None
    kind = FindingKind.RAISED if flag is None else FindingKind.UPDATED if missing else FindingKind.CLEARED
    since = at if flag is None else flag.since
    after = Flag(key=key, site_no=site_no, since=since, signature=signature) if missing else None
    detail = {
        "target": by.definition.target_id,
        "tests": [
            {"device": one.device_id, "name": one.name, "link": one.link_id, "due_at": one.due_at.isoformat(),
             "last_at": None if one.last_at is None else one.last_at.isoformat()}
            for one in missing[:20]
        ],
    }  # fmt: skip
    if missing:
        named = sorted({_words(one) for one in missing})[:5]
        zh, en = "、".join(words[0] for words in named), ", ".join(words[1] for words in named)
        detail |= {"cause_zh": f"联网测试逾期：{zh}", "cause_en": f"overdue: {en}"}
    return after, Finding(
        finding_id=finding_id(SELF_TEST_MISSING, key, kind.value, since.isoformat(), at.isoformat()),
        kind=kind,
        rule=SELF_TEST_MISSING,
        key=key,
        category=Category.COMPLIANCE,
        severity=Severity.MINOR,
        life_safety=False,
        site_no=site_no,
        site_id=site_id,
        device_no=None,
        device_id="",
        at=at,
        found_at=at,
        detail=detail,
    )


def _words(one: SelfTest) -> tuple[str, str]:
    """What is tested, in both languages: a one-key alarm, or a link itself."""
    if one.device_id:
        button = f"{one.name} {one.device_id}".strip()
        return button, button
    zh, en = LINK_WORDS.get(one.link_id, (one.link_id, one.link_id))
    return f"{zh}链路", f"link to {en}"
