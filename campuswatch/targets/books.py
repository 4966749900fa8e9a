"""What the keeper knows: facts, open intervals, flags and warnings; and what it is about to write. No I/O here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from zoneinfo import ZoneInfo

from campuswatch.targets.rulings import Rulings
from detectors.targets import Ruling, judge
from detectors.targets.drops import (
    SHARED,
    Flag,
    Held,
    drop_key,
    follow,
    held_after,
    proof,
    shared,
    shared_key,
    switched_off,
)
from detectors.targets.expiries import (
    Ahead,
    expiring,
    follow_tests,
    link_tests,
    missing_key,
    next_overdue,
    next_warning,
    overdue,
    self_tests,
    warning_finding,
    warnings,
)
from detectors.targets.networking import Networking
from domain.finding import Finding, FindingKind
from domain.self_test import SelfTest
from domain.site_facts import FactKind, LinkFact, SiteFacts, differing
from domain.target import Evidence, Standing, Verdict
from storage.compliance import Closing, Interval, Warned

Pair = tuple[int, str]  # site_no, target_id


@dataclass(slots=True)
class Draft:
    """What follows from one look, to be written in one transaction."""

    intervals: list[Interval] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    flags: dict[str, Flag | None] = field(default_factory=dict)  # None = it is over
    begun: list[tuple[Warned, Finding]] = field(default_factory=list)
    ended: list[tuple[Warned, Finding]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.intervals or self.closings or self.flags or self.begun or self.ended or self.findings)


class Books:
    """`learn` facts, then `look`: what has changed until a moment, in the order of time."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self.rulings = Rulings(())
        self.facts: dict[int, SiteFacts] = {}
        self.verdicts: dict[Pair, Verdict] = {}
        self.held: dict[Pair, Held] = {}
        self.flags: dict[str, Flag] = {}
        self.warned: dict[Pair, set[Ahead]] = {}
        self._links: tuple[LinkFact, ...] = ()
        self._links_at: datetime | None = None  # when one of their tests is overdue
        self._links_due = False
        self._due: set[Pair] = set()
        self._wakes: list[tuple[datetime, Pair]] = []
        self._wake_of: dict[Pair, datetime] = {}
        self._shared: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)  # target, requirement, subject

    # -- learning -----------------------------------------------------------------------------------------------------

    def learn(self, facts: Iterable[SiteFacts]) -> int:
        """Take in facts; how many sites they are new for."""
        touched = 0
        for one in facts:
            before = self.facts.get(one.site_no)
            if before is one or before == one:
                continue
            kinds = set(FactKind) if before is None else differing(before, one)
            self.facts[one.site_no] = one
            if one.links != self._links:
                self._links, self._links_due = one.links, True
            touched += bool(kinds)
            for target_id in self.rulings.target_ids:
                self._touch(one.site_no, target_id, kinds)
        return touched

    def _touch(self, site_no: int, target_id: str, kinds: set[FactKind]) -> None:
        held = self.verdicts.get((site_no, target_id))
        by = None if held is None else self.rulings.version(target_id, held.version)
        if by is None or kinds & by.rests_on:
            self._due.add((site_no, target_id))

    def rule(self, rulings: Rulings) -> None:
        """Judge by these from now on."""
        if rulings == self.rulings:
            return
        self.rulings, self._links_due = rulings, True
        self._due.update((site_no, target_id) for site_no in self.facts for target_id in rulings.target_ids)

    def take_up(self, looked_at: datetime) -> None:
        """After a restart: find out what has changed by itself since ``looked_at``."""
        for site_no in self.facts:
            for target_id in self.rulings.target_ids:
                if (site_no, target_id) in self.held:
                    self._expect((site_no, target_id), looked_at)

    @property
    def next_at(self) -> datetime | None:
        while self._wakes and self._wake_of.get(self._wakes[0][1]) != self._wakes[0][0]:
            heappop(self._wakes)
        site_at = self._wakes[0][0] if self._wakes else None
        return min((at for at in (site_at, self._links_at) if at is not None), default=None)

    # -- looking ------------------------------------------------------------------------------------------------------

    def look(self, now: datetime) -> Draft:
        """Everything that changed until ``now``: by itself at its own time, by its facts now."""
        draft = Draft()
        while (at := self.next_at) is not None and at <= now:
            if at == self._links_at:
                self._look_at_links(at, draft)
                continue
            _, pair = heappop(self._wakes)
            del self._wake_of[pair]
            self._judge(pair, at, draft)
        due, self._due = sorted(self._due), set()
        for pair in due:
            self._judge(pair, now, draft)
        if self._links_due:
            self._links_due = False
            self._look_at_links(now, draft)
        return draft

    def _judge(self, pair: Pair, at: datetime, draft: Draft) -> None:
        site_no, target_id = pair
        facts = self.facts[site_no]
        by = self.rulings.in_force(target_id, at)
        if by is None or not by.definition.enabled:
            self._close(pair, by, facts, at, draft)
            self._wake(pair, self.rulings.next_start(target_id, at))
            return
        held = self.held.get(pair)
        if held is not None and at < held.since:
            at = held.since
        verdict = self.verdicts[pair] = judge(by, facts, at, self._zone)
        after = held_after(held, verdict, at)
        if after is not None:
            self.held[pair] = after
            causes = tuple(map(proof, verdict.causes))
            draft.intervals.append(
                Interval(
                    site_no=site_no,
                    target_id=target_id,
                    version=verdict.version,
                    standing=verdict.standing,
                    since=at,
                    causes=causes,
                )
            )
        self._flag(drop_key(target_id, facts.site_id), *follow(
            self.flags.get(drop_key(target_id, facts.site_id)), verdict, by.definition, at
        ), draft)  # fmt: skip
        self._share(pair, verdict, by, at, draft)
        self._warn(pair, verdict, facts, by, at, draft)
        self._expect(pair, at, verdict)

    def _flag(self, key: str, flag: Flag | None, finding: Finding | None, draft: Draft) -> None:
        if finding is None:
            return
        draft.findings.append(finding)
        draft.flags[key] = flag
        if flag is None:
            self.flags.pop(key, None)
        else:
            self.flags[key] = flag

    def _share(self, pair: Pair, verdict: Verdict, by: Ruling, at: datetime, draft: Draft) -> None:
        site_no, target_id = pair
        for one in verdict.evidence:
            if one.requirement not in SHARED:
                continue
            sites = self._shared[target_id, one.requirement, one.subject]
            wrong = one.known and not one.met
            (sites.add if wrong else sites.discard)(site_no)
            if wrong or not sites:
                self._flag_shared(by, one, one if wrong else None, at, draft)

    def _flag_shared(self, by: Ruling, one: Evidence, cause: Evidence | None, at: datetime, draft: Draft) -> None:
        key = shared_key(by.definition.target_id, one.requirement, one.subject)
        self._flag(key, *shared(self.flags.get(key), cause, len(self.facts), by.definition, key, at), draft)

    def _warn(self, pair: Pair, verdict: Verdict, facts: SiteFacts, by: Ruling, at: datetime, draft: Draft) -> None:
        wanted = warnings(expiring(verdict, facts, by), at)
        given = self.warned.get(pair, set())
        for ahead in sorted(given - wanted.keys()):
            finding = warning_finding(FindingKind.CLEARED, ahead, None, facts, by, at)
            draft.ended.append((Warned(pair[0], pair[1], *ahead), finding))
        for ahead in sorted(wanted.keys() - given):
            finding = warning_finding(FindingKind.RAISED, ahead, wanted[ahead], facts, by, at)
            draft.begun.append((Warned(pair[0], pair[1], *ahead), finding))
        self.warned[pair] = set(wanted)
        if isinstance(by.parameters, Networking):
            missing = overdue(list(self_tests(facts, by.parameters)), at)
            self._follow_tests(facts, missing, by, at, draft)

    def _follow_tests(self, facts: SiteFacts, missing: list[SelfTest], by: Ruling, at: datetime, draft: Draft) -> None:
        key = missing_key(facts.site_id)
        flag = self.flags.get(key)
        after = follow_tests(flag, missing, by, at, key=key, site_no=facts.site_no, site_id=facts.site_id)
        self._flag(key, *after, draft)

    def _look_at_links(self, at: datetime, draft: Draft) -> None:
        """The daily tests of the links themselves, which belong to no site."""
        self._links_at = None
        for target_id in self.rulings.target_ids:
            by = self.rulings.in_force(target_id, at)
            if by is None or not isinstance(by.parameters, Networking):
                continue
            asked = by.parameters.links if by.definition.enabled else ()
            tests = list(link_tests(self._links, asked))
            late = {test.link_id: test for test in overdue(tests, at)}
            for link in self._links:
                key = missing_key(f"link:{link.link_id}")
                missing = [late[link.link_id]] if link.link_id in late else []
                after = follow_tests(self.flags.get(key), missing, by, at, key=key, site_no=0, site_id="")
                self._flag(key, *after, draft)
            moments = (next_overdue(tests, at), self.rulings.next_start(target_id, at), self._links_at)
            self._links_at = min((moment for moment in moments if moment is not None), default=None)

    def _close(self, pair: Pair, by: Ruling | None, facts: SiteFacts, at: datetime, draft: Draft) -> None:
        """The target is switched off: nothing is asked, nothing stands."""
        site_no, target_id = pair
        verdict = self.verdicts.pop(pair, None)
        if self.held.pop(pair, None) is not None:
            draft.closings.append(Closing(site_no, target_id, at))
        if by is None:
            return
        flag = self.flags.get(drop_key(target_id, facts.site_id))
        if flag is not None:
            finding = switched_off(flag, by.definition, at, site_id=facts.site_id)
            self._flag(flag.key, None, finding, draft)
        if verdict is not None:
            for one in verdict.evidence:
                if one.requirement in SHARED:
                    self._shared[target_id, one.requirement, one.subject].discard(site_no)
                    if not self._shared[target_id, one.requirement, one.subject]:
                        self._flag_shared(by, one, None, at, draft)
        for ahead in sorted(self.warned.pop(pair, set())):
            finding = warning_finding(FindingKind.CLEARED, ahead, None, facts, by, at)
            draft.ended.append((Warned(site_no, target_id, *ahead), finding))
        if isinstance(by.parameters, Networking):
            self._follow_tests(facts, [], by, at, draft)

    def _expect(self, pair: Pair, at: datetime, verdict: Verdict | None = None) -> None:
        """Look again when something changes by itself after ``at``."""
        site_no, target_id = pair
        by = self.rulings.in_force(target_id, at)
        moments = [self.rulings.next_start(target_id, at)]
        if by is not None and by.definition.enabled:
            facts = self.facts[site_no]
            verdict = verdict or judge(by, facts, at, self._zone)
            moments += [verdict.changes_at, next_warning(expiring(verdict, facts, by), at)]
            if isinstance(by.parameters, Networking):
                moments.append(next_overdue(list(self_tests(facts, by.parameters)), at))
        self._wake(pair, min((moment for moment in moments if moment is not None), default=None))

    def _wake(self, pair: Pair, at: datetime | None) -> None:
        if at is None:
            self._wake_of.pop(pair, None)
        elif self._wake_of.get(pair) != at:
            self._wake_of[pair] = at
            heappush(self._wakes, (at, pair))

    # -- counting -----------------------------------------------------------------------------------------------------

    def counts(self) -> dict[str, dict[Standing, int]]:
        """Sites by target and standing."""
        found: dict[str, dict[Standing, int]] = {}
        for (_, target_id), held in self.held.items():
            counts = found.get(target_id)
            if counts is None:
                counts = found[target_id] = dict.fromkeys(Standing, 0)
            counts[held.standing] += 1
        return found
