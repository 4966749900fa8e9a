"""Comes and goes: the same trouble is raised and over again and again. It is told once, with a count.

::

    a few times ──too often──► flapping: one incident, nothing else of that trouble ──calm──► over; what stands is told
                                  │   ▲
                                  └───┘ counted; told anew when ten minutes passed

Too often is three times in a minute, the chattering alarm of EEMUA 191 and IEC 62682, or more than ten times in ten
minutes, their flood. A silence cannot come so fast: of one, three times in twenty heartbeat intervals. Only what was
over meanwhile counts. Whatever concerns danger to people (life safety, panic, fire, intrusion) passes untouched.

It hears findings, not observations: the engine hands it what the other rules have found (`Rule.sift`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any

import msgspec

from detectors.rule import Rule
from domain.finding import Category, Finding, FindingKind, Severity, finding_id

FLAPPING = "flapping"
#: So often in so many seconds is too often.
TOO_OFTEN = ((3, 60.0), (11, 600.0))
#: Of a silence: so often in so many heartbeat intervals, and the interval where a finding names none.
SILENCES, SILENCE_INTERVALS, INTERVAL_S = 3, 20.0, 30.0
_SILENT = frozenset({"heartbeat_lost", "site_silent"})
#: Nothing of the trouble for so long (or as long as it would have to be too often) is calm.
CALM_S = 600.0
TELL_AGAIN_S = 600.0


class Tolerance(msgspec.Struct, frozen=True, kw_only=True):
    """The figures; those that ship, the rule `flapping` tunes them."""

    too_often: tuple[tuple[int, float], ...] = TOO_OFTEN
    silences: int = SILENCES
    silence_intervals: float = SILENCE_INTERVALS
    calm_s: float = CALM_S
    tell_again_s: float = TELL_AGAIN_S

    @property
    def most(self) -> int:
        """So many times of a trouble matter."""
        return max(self.silences, *(often for often, _ in self.too_often))

    def window_s(self, finding: Finding) -> float:
        """In which silences count; of other troubles the longest of ``too_often``."""
        longest_s = max(window_s for _, window_s in self.too_often)
        if finding.rule not in _SILENT:
            return longest_s
        return max(longest_s, self.silence_intervals * float(finding.detail.get("heartbeat_s", INTERVAL_S)))

    def how_often(self, trouble: _Trouble) -> int:
        """How often it came within the window in which that is too often; 0 = it is not."""
        limits = [*self.too_often, *([(self.silences, trouble.window_s)] if trouble.last.rule in _SILENT else [])]
        times = trouble.raised_s
        for often, window_s in limits:
            within = sum(1 for one in times if times[-1] - one <= window_s)
            if within >= often:
                return within
        return 0


_DANGER = frozenset({Category.PANIC, Category.FIRE, Category.INTRUSION})
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Finding).decode


class _Trouble(msgspec.Struct, gc=False):
    """One key. ``raised_s``: when it came, as far as it matters; ``up``: whether it stands; ``since_s``: since when it
    is flapping (0 = it is not); ``last``: the newest finding that raised it; ``resumed_s``: since when we hear again.
    """

    last: Finding
    window_s: float
    raised_s: list[float]
    up: bool = True
    since_s: float = 0.0
    told_s: float = 0.0
    count: int = 0
    resumed_s: float = 0.0

    @property
    def number(self) -> int:
        return self.last.device_no or -self.last.site_no

    def over_s(self, calm_s: float) -> float:
        """When it is forgotten, or calm, unless it comes again."""
        return max(self.raised_s[-1], self.resumed_s) + max(self.window_s, calm_s)


class Flapping(Rule):
    name = FLAPPING
    category = Category.DEVICE
    severity = Severity.MINOR
    sifts = True

    def __init__(self) -> None:
        self._troubles: dict[str, _Trouble] = {}
        self._keys: dict[int, set[str]] = {}  # of each number
        self._marked: set[int] = set()
        self._look_s = inf  # nothing is over before
        self._tolerance = Tolerance()

    def tune(self, tolerance: Tolerance) -> None:
        """What came already is measured by it as well, but for the window of a trouble that is remembered."""
        if tolerance != self._tolerance:
            self._tolerance = tolerance
            self.restored()

    def sift(self, found: Sequence[Finding]) -> Sequence[Finding]:
        """What people are told of ``found``."""
        told: list[Finding] = []
        for finding in found:
            if finding.life_safety or finding.category in _DANGER:
                told.append(finding)
            elif finding.kind is FindingKind.RAISED:
                self._came(finding, told)
            else:
                self._went_on(finding, told)
        return told

    def _came(self, finding: Finding, told: list[Finding]) -> None:
        now_s, key = finding.found_at.timestamp(), finding.key
        trouble = self._troubles.get(key)
        if trouble is None:
            trouble = self._troubles[key] = _Trouble(finding, self._tolerance.window_s(finding), [now_s])
            self._note(key, trouble)
            told.append(finding)
            return
        again = not trouble.up
        trouble.last, trouble.up = finding, True
        if again:
            trouble.raised_s = [*trouble.raised_s[-self._tolerance.most + 1 :], now_s]
        self._note(key, trouble)
        if trouble.since_s:
            trouble.count += again
            if now_s - trouble.told_s >= self._tolerance.tell_again_s:
                trouble.told_s = now_s
                told.append(_finding(FindingKind.UPDATED, trouble, finding.found_at))
        elif again and (count := self._tolerance.how_often(trouble)):
            trouble.since_s = trouble.told_s = now_s
            trouble.count = count
            told.append(_finding(FindingKind.RAISED, trouble, finding.found_at))
        else:
            told.append(finding)

    def _went_on(self, finding: Finding, told: list[Finding]) -> None:
        trouble = self._troubles.get(finding.key)
        if trouble is None:
            told.append(finding)
            return
        if finding.kind is FindingKind.CLEARED:
            trouble.up = False
            self._note(finding.key, trouble)
        if not trouble.since_s:
            told.append(finding)
        elif finding.detail.get("retired"):
            told.append(self._end(finding.key, trouble, finding.found_at))

    def tick(self, now: datetime) -> Sequence[Finding]:
        now_s = now.timestamp()
        if now_s < self._look_s:
            return ()
        told: list[Finding] = []
        for key, trouble in sorted(self._troubles.items()):
            if now_s < trouble.over_s(self._tolerance.calm_s):
                continue
            if trouble.since_s:
                told.append(self._end(key, trouble, now))
                if trouble.up:
                    told.append(msgspec.structs.replace(trouble.last, found_at=now))
            else:
                self._forget(key, trouble)
        self.restored()
        return told

    def hearing_resumed(self, now: datetime) -> None:
        """What we could not hear was no calm."""
        for key, trouble in self._troubles.items():
            if trouble.since_s:
                trouble.resumed_s = now.timestamp()
                self._note(key, trouble)

    def next_s(self) -> float:
        return self._look_s

    def _end(self, key: str, trouble: _Trouble, now: datetime) -> Finding:
        self._forget(key, trouble)
        return _finding(FindingKind.CLEARED, trouble, now)

    def _forget(self, key: str, trouble: _Trouble) -> None:
        del self._troubles[key]
        self._keys[trouble.number].discard(key)
        self._marked.add(trouble.number)

    def _note(self, key: str, trouble: _Trouble) -> None:
        self._keys.setdefault(trouble.number, set()).add(key)
        self._marked.add(trouble.number)
        self._look_s = min(self._look_s, trouble.over_s(self._tolerance.calm_s))

    # -- what survives a restart --------------------------------------------------------------------------------------

    def marks(self, generation: int) -> list[tuple[Any, ...]]:
        """A row holds all that is known under its number."""
        rows: list[tuple[Any, ...]] = []
        for number in self._marked:
            known = [self._troubles[key] for key in sorted(self._keys.get(number, ()))]
            rows.append((number, *((_ENCODE(one.last), *msgspec.structs.astuple(one)[1:]) for one in known)))
            if not known:
                self._keys.pop(number, None)
        self._marked.clear()
        return rows

    def remembered(self) -> list[int]:
        return [number for number, keys in self._keys.items() if keys]

    def mark(self, numbers: Iterable[int], generation: int) -> None:
        self._marked.update(number for number in numbers if self._keys.get(number))

    def recall(self, row: list[Any], generation: int) -> None:
        number, *known = row
        for key in self._keys.pop(number, ()):
            del self._troubles[key]
        for last, *rest in known:
            trouble = _Trouble(_DECODE(last), *rest)
            self._troubles[trouble.last.key] = trouble
            self._keys.setdefault(number, set()).add(trouble.last.key)

    def restored(self) -> None:
        calm_s = self._tolerance.calm_s
        self._look_s = min((one.over_s(calm_s) for one in self._troubles.values()), default=inf)


def _finding(kind: FindingKind, trouble: _Trouble, at: datetime) -> Finding:
    of = trouble.last
    key = f"{FLAPPING}/{of.key}"
    return msgspec.structs.replace(
        of,
        finding_id=finding_id(key, kind.value, at.astimezone(UTC).isoformat()),
        kind=kind,
        rule=FLAPPING,
        key=key,
        at=at,
        found_at=at,
        detail={"of_rule": of.rule, "count": trouble.count},
    )
