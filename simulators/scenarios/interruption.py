"""What can be said of a run that somebody ended before its end: what was answered, and no verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from simulators.alarm_lines import Language
from simulators.scenarios.happening import Happening
from simulators.scenarios.judge import judge
from simulators.scenarios.script import Script
from simulators.scenarios.times import short_clock


class Interruption(NamedTuple):
    """``text`` in one line; ``timeline`` until then."""

    text: str
    timeline: str


def interruption(
    script: Script, happenings: Sequence[Happening], at_s: float, *, language: Language = Language.ZH
) -> Interruption:
    """At ``at_s`` of a script whose end was never seen; before its beginning nothing had been wanted yet."""
    english = language is Language.EN
    if at_s < script.start_s:
        return Interruption("Interrupted before it began. No verdict." if english else "尚未开始即中断，不作结论。", "")
    missed = judge(script, happenings).missed
    ahead = [want for want in missed if want.by_s > at_s]
    begun = msgspec.structs.replace(
        script,
        steps=tuple(step for step in script.steps if step.at_s <= at_s),
        wants=tuple(want for want in script.wants if want not in ahead),
        quiets=tuple(quiet for quiet in script.quiets if quiet.since_s <= at_s),
    )
    answered, overdue = len(script.wants) - len(missed), len(missed) - len(ahead)
    now, end = short_clock(int(at_s)), short_clock(script.ends_s)
    if english:
        late = f"{overdue} did not come, " if overdue else ""
        text = (
            f"Interrupted at {now} of {end}: {answered} want{'' if answered == 1 else 's'} answered, {late}"
            f"{len(ahead)} not reached. No verdict."
        )
    else:
        late = f"{overdue} 项未出现，" if overdue else ""
        text = f"于 {now} 中断（应至 {end}）：{answered} 项已满足，{late}{len(ahead)} 项未到时间。不作结论。"
    return Interruption(text, judge(begun, happenings, language=language).timeline)
