"""The judge: what was wanted against what came. Pure.

Wants are taken in the order of the file; each takes the earliest happenings that fit and that no want before it took.
What no want took may not be where it was to be quiet, and what an operator could not do fails wherever it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from simulators.alarm_lines import Language
from simulators.scenarios.excerpts import Failure, Fault, failures_of
from simulators.scenarios.happening import OPERATOR, Happening, HappeningKind
from simulators.scenarios.script import OperatorAct, Quiet, Script, Want
from simulators.scenarios.telling import Telling
from simulators.scenarios.timeline import Fate, Span, Timeline
from simulators.scenarios.times import clock, lasting, short_clock

#: What is shown around a failure, seconds before and after.
AROUND_S = 15.0
#: Unexpected happenings that a failure names one by one.
MOST_NAMED = 5


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """``missed``: the wants that nothing answered. ``timeline``: the whole of it."""

    ok: bool
    failures: tuple[Failure, ...]
    missed: tuple[Want, ...]
    timeline: str


def judge(script: Script, happenings: Iterable[Happening], *, language: Language = Language.ZH) -> Judgement:
    return _Judge(script, happenings, language).judgement()


class _Judge:
    def __init__(self, script: Script, happenings: Iterable[Happening], language: Language) -> None:
        self._script = script
        self._happenings = sorted(happenings, key=lambda one: one.at_s)
        self._language = language
        self._telling = Telling(script.district, language)
        self._taken: dict[int, Want] = {}
        self._prevented: list[int] = []
        self._unexpected: set[int] = set()
        self._missed: list[tuple[Want, int]] = []
        self._disturbed: list[tuple[Quiet, list[int]]] = []

    def judgement(self) -> Judgement:
        for want in self._script.wants:
            self._take(want)
        self._prevented = [
            number
            for number, one in enumerate(self._happenings)
            if one.kind is HappeningKind.FAILURE and one.what == OPERATOR and number not in self._taken
        ]
        self._unexpected.update(self._prevented)
        for quiet in self._script.quiets:
            self._listen(quiet)
        fates = [
            Fate.WANTED if number in self._taken else Fate.UNWANTED if number in self._unexpected else Fate.OPEN
            for number in range(len(self._happenings))
        ]
        missed = tuple(want for want, _ in self._missed)
        timeline = Timeline(self._script, self._happenings, fates, missed, self._telling)
        faults = [
            Fault(want.line, self._missing_text(want, came), tuple(self._spans(want))) for want, came in self._missed
        ]
        faults += [self._prevented_fault(self._happenings[number]) for number in self._prevented]
        faults += [
            Fault(quiet.line, self._disturbed_text(quiet, numbers), (self._around(numbers),))
            for quiet, numbers in self._disturbed
        ]
        return Judgement(
            ok=not faults, failures=failures_of(faults, timeline), missed=missed, timeline=timeline.lines()
        )

    # -- wants --------------------------------------------------------------------------------------------------------

    def _take(self, want: Want) -> None:
        left = want.times
        for number, happening in enumerate(self._happenings):
            if number not in self._taken and not _unlike(want, happening) and _in_time(want, happening):
                self._taken[number] = want
                left -= 1
                if not left:
                    return
        self._missed.append((want, want.times - left))

    def _missing_text(self, want: Want, came: int) -> str:
        told = self._telling.want(want)
        what = " ".join(filter(None, (told.kind, told.what, told.where, told.beside)))
        within = f"{short_clock(want.since_s)} – {short_clock(want.by_s)}"
        if self._language is Language.EN:
            count = f"{came} of {want.times} came" if want.times > 1 else "did not come"
            return f"line {want.line}: wanted {what}, {within}: {count}{self._nearest_text(want)}"
        count = f"应有 {want.times} 次，只有 {came} 次" if want.times > 1 else "没有出现"
        return f"第 {want.line} 行：应有 {what}，{within}：{count}{self._nearest_text(want)}"

    def _spans(self, want: Want) -> Iterator[Span]:
        """When it was wanted, the action that it is counted from, and what was right but for its time."""
        yield want.since_s - AROUND_S, want.by_s + AROUND_S
        if before := [step for step in self._script.steps if step.line < want.line]:
            action = max(before, key=lambda step: (step.line, -step.at_s))
            yield action.at_s, action.at_s
        if (one := self._misplaced(want)) is not None:
            yield one.at_s, one.at_s

    def _free(self) -> list[Happening]:
        """What no want took."""
        return [one for number, one in enumerate(self._happenings) if number not in self._taken]

    def _misplaced(self, want: Want) -> Happening | None:
        """The nearest one that is right but for its time."""
        fits = [one for one in self._free() if not _unlike(want, one)]
        return min(fits, key=lambda one: max(want.since_s - one.at_s, one.at_s - want.by_s), default=None)

    def _nearest_text(self, want: Want) -> str:
        """What came that is nearest to it: right but at another time, or in time and with something else."""
        english = self._language is Language.EN
        if (one := self._misplaced(want)) is not None:
            early = one.at_s < want.since_s
            by = lasting(want.since_s - one.at_s if early else one.at_s - want.by_s)
            if english:
                return f"; one came {by} too {'early' if early else 'late'}, at {clock(one.at_s)}"
            return f"；{'早' if early else '晚'}了 {by}，出现在 {clock(one.at_s)}"
        alike = [(unlike, one) for one in self._free() if _in_time(want, one) and (unlike := _unlike(want, one))]
        alike = [(unlike, one) for unlike, one in alike if "kind" not in unlike and len(unlike) == 1]
        if not alike:
            return ""
        [field], one = min(alike, key=lambda pair: pair[1].at_s)
        got = self._field_text(field, one)
        return f"; at {clock(one.at_s)} one came with {got}" if english else f"；{clock(one.at_s)} 出现的是 {got}"

    def _field_text(self, field: str, one: Happening) -> str:
        match field:
            case "test" | "drill":
                if self._language is Language.EN:
                    return f"{field}: {str(getattr(one, field)).lower()}"
                return f"{'有' if getattr(one, field) else '无'}{self._telling.word(field)}标记"
            case "what":
                return self._telling.matter(one.what)
            case "of":
                return self._telling.rule(one.rule)
            case "standing":
                return self._telling.word(one.standing)
            case "cause":
                return ", ".join(map(self._telling.cause, one.causes)) or "-"
            case "proof":
                return self._telling.proofs(one.proofs)
            case "severity":
                return self._telling.severity(one.severity) if one.severity else "-"
            case _:
                return str(getattr(one, field)) or "-"

    # -- quiet --------------------------------------------------------------------------------------------------------

    def _listen(self, quiet: Quiet) -> None:
        numbers = [
            number
            for number, one in enumerate(self._happenings)
            if number not in self._taken
            and number not in self._prevented
            and quiet.since_s <= one.at_s <= quiet.until_s
            and _concerns(quiet, one)
        ]
        if numbers:
            self._unexpected.update(numbers)
            self._disturbed.append((quiet, numbers))

    def _disturbed_text(self, quiet: Quiet, numbers: Sequence[int]) -> str:
        named = []
        for number in numbers[:MOST_NAMED]:
            told = self._telling.happening(self._happenings[number])
            at = clock(self._happenings[number].at_s)
            named.append(" ".join(filter(None, (at, told.kind, told.what, told.where.partition(" ")[0]))))
        within = f"{short_clock(quiet.since_s)} – {short_clock(quiet.until_s)}"
        more = len(numbers) - len(named)
        if self._language is Language.EN:
            rest = f" and {more} more" if more else ""
            return f"line {quiet.line}: wanted nothing else, {within}; {len(numbers)} came: {'; '.join(named)}{rest}"
        rest = f" 等，另有 {more} 项" if more else ""
        return f"第 {quiet.line} 行：{within} 应无其他情况，却有 {len(numbers)} 项：{'；'.join(named)}{rest}"

    def _around(self, numbers: Sequence[int]) -> Span:
        shown = numbers[:MOST_NAMED]
        return self._happenings[shown[0]].at_s - AROUND_S, self._happenings[shown[-1]].at_s + AROUND_S

    # -- operators ----------------------------------------------------------------------------------------------------

    def _prevented_fault(self, one: Happening) -> Fault:
        """Of what an operator should have done and could not."""
        line = max(
            (
                (step.at_s, step.line)
                for step in self._script.steps
                if isinstance(step.act, OperatorAct)
                and step.at_s <= one.at_s
                and one.text.startswith(step.act.action.value)
            ),
            default=(0.0, 0),
        )[1]
        if self._language is Language.EN:
            text = f"line {line}: the operator could not {one.text}; if that is right: want: {{failure: operator, …}}"
        else:
            text = f"第 {line} 行：值班员未能操作（{one.text}）；若本应如此，请写 want: {{failure: operator, …}}"
        return Fault(line, text, ((one.at_s - AROUND_S, one.at_s + AROUND_S),))


def _in_time(want: Want, one: Happening) -> bool:
    return want.since_s <= one.at_s <= want.by_s


def _unlike(want: Want, one: Happening) -> tuple[str, ...]:
    """The fields in which ``one`` is not what was wanted, its time apart."""
    pairs = {
        "kind": (want.kind.value, one.kind.value),
        "what": (want.what, one.what),
        "of": (want.of, one.rule),
        "site": (want.site, one.site),
        "device": (want.device, one.device),
        "severity": (want.severity, one.severity),
        "standing": (want.standing, one.standing),
        "to": (want.to, one.to),
    }
    unlike = [field for field, (wanted, got) in pairs.items() if wanted and wanted != got]
    if want.cause and want.cause not in one.causes:
        unlike.append("cause")
    if want.proof and not any(_proves(want, proof) for proof in one.proofs):
        unlike.append("proof")
    unlike += [field for field in ("test", "drill") if getattr(want, field) != getattr(one, field)]
    return tuple(unlike)


def _proves(want: Want, proof: Mapping[str, Any]) -> bool:
    """Whether the fields that were wanted are so, of the cause that was wanted. Of a list one is enough."""
    if want.cause and proof.get("requirement") != want.cause:
        return False
    return all(
        wanted in got if isinstance(got := proof.get(field), list) else got == wanted
        for field, wanted in want.proof.items()
    )


def _concerns(quiet: Quiet, one: Happening) -> bool:
    matters = {one.kind.value, one.what, one.rule}
    if quiet.site and one.site != quiet.site:
        return False
    if one.kind is HappeningKind.TARGET and one.kind.value not in quiet.only:
        return False
    return (not quiet.only or bool(matters & quiet.only)) and not matters & quiet.but
