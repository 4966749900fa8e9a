"""The timeline of a run: what was done, what came of it, and where something was wanted that did not come.

::

    2026-03-10
       21:50:00.000 >  ignite    s001-smk-14 …            → 180 °C, over 2m
       21:50:00.041 =  incident  Smoke alarm  s001-smk-14 …
       21:50:02.000 ?  notice    duty leader              wanted by now (line 11)
       21:50:03.117 !  incident  Tamper       s001-cam-03 …
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import inf
from typing import NamedTuple

from simulators.scenarios.happening import Happening
from simulators.scenarios.script import Script, Want
from simulators.scenarios.telling import Telling, Told, aligned
from simulators.scenarios.times import clock

#: Lines of one excerpt. Of more, those in the middle are counted.
MOST_LINES = 60


class Fate(Enum):
    """What became of a happening."""

    WANTED = "="
    UNWANTED = "!"
    OPEN = " "  # nobody asked for it, and nobody asked for quiet


class _Line(NamedTuple):
    at_s: float
    order: int  # of lines at the same time: what was done before what came of it before what did not come
    mark: str
    told: Told
    line: int


class Timeline:
    """``missed``: what was wanted and did not come; it stands where it should have been there at the latest."""

    def __init__(
        self,
        script: Script,
        happenings: Sequence[Happening],
        fates: Sequence[Fate],
        missed: Sequence[Want],
        telling: Telling,
    ) -> None:
        self._english = telling.english
        found = [_Line(step.at_s, 0, ">", telling.act(step.act), step.line) for step in script.steps]
        found += [
            _Line(one.at_s, 1, fate.value, telling.happening(one), 0)
            for one, fate in zip(happenings, fates, strict=True)
        ]
        found += [_Line(want.by_s, 2, "?", telling.want(want), want.line) for want in missed]
        self._lines = sorted(found, key=lambda line: (line.at_s, line.order))

    def lines(self, since_s: float = -inf, until_s: float = inf) -> str:
        """Those between the two times; with both, at most `MOST_LINES` of them."""
        chosen = [line for line in self._lines if since_s <= line.at_s <= until_s]
        left_out = len(chosen) - MOST_LINES if since_s > -inf else 0
        rows = aligned(self._row(line) for line in chosen) if chosen else []
        if left_out > 0:
            half = MOST_LINES // 2
            between = f"… {left_out} more …" if self._english else f"…… 略去 {left_out} 行 ……"
            rows = [*rows[:half], f"   {between}", *rows[len(rows) - half :]]
            chosen = [*chosen[:half], chosen[half], *chosen[len(chosen) - half :]]
        return "\n".join(_with_days(chosen, rows))

    def _row(self, line: _Line) -> tuple[str, ...]:
        told = line.told
        beside = [told.beside]
        if line.mark == "?":
            beside.append("wanted by now" if self._english else "最迟此时应有")
        if line.line:
            beside.append(f"(line {line.line})" if self._english else f"（第 {line.line} 行）")
        return (f"   {clock(line.at_s)} {line.mark}", told.kind, told.what, told.where, " ".join(filter(None, beside)))


def _with_days(lines: Sequence[_Line], rows: Sequence[str]) -> list[str]:
    """The date above the first row of each day."""
    shown: list[str] = []
    day = ""
    for line, row in zip(lines, rows, strict=True):
        of_line = clock(line.at_s, day=True)[:10]
        if of_line != day:
            shown.append(of_line)
            day = of_line
        shown.append(row)
    return shown
