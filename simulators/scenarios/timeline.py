"""The timeline of a run: what was done, what came of it, and where something was wanted that did not come.

::

    2026-03-10
       21:50:00.000 >  ignite    s001-smk-14 …            → 180 °C, over 2m
       21:50:00.041 =  incident  Smoke alarm  s001-smk-14 …
       21:50:02.000 ?  notice    duty leader              wanted by now (line 11)
       21:50:03.117 !  incident  Tamper       s001-cam-03 …
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import groupby
from math import inf
from typing import NamedTuple, TypeAlias

from simulators.scenarios.happening import Happening
from simulators.scenarios.script import Script, Want
from simulators.scenarios.telling import Telling, Told, aligned
from simulators.scenarios.times import clock

#: Lines of one excerpt. Of more, those in the middle are counted.
MOST_LINES = 60
#: So many lines that tell the same of several devices, or again and again, are told as one.
MANY = 5

#: Since and until when, both included, seconds since 1970.
Span: TypeAlias = tuple[float, float]


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

    def lines(self) -> str:
        """All of them."""
        return "\n".join(self._told(self._chosen([(-inf, inf)]), MOST_LINES * len(self._lines)))

    def excerpt(self, spans: Sequence[Span]) -> str:
        """Those of ``spans``, which ascend and do not overlap; at most `MOST_LINES` of them."""
        return "\n".join(self._told(self._chosen(spans), MOST_LINES))

    def count(self, spans: Sequence[Span]) -> int:
        """How many lines an excerpt of ``spans`` would have with nothing left out."""
        return len(self._chosen(spans))

    def _chosen(self, spans: Sequence[Span]) -> list[_Line]:
        return [
            line
            for since_s, until_s in spans
            for line in self._together(line for line in self._lines if since_s <= line.at_s <= until_s)
        ]

    def _told(self, chosen: Sequence[_Line], most: int) -> list[str]:
        rows = aligned(self._row(line) for line in chosen) if chosen else []
        left_out = len(chosen) - most
        if left_out <= 0:
            return _with_days(chosen, rows)
        head, tail = slice(None, most // 2), slice(len(chosen) - most // 2, None)
        between = f"   … {left_out} more lines …" if self._english else f"   …… 略去 {left_out} 行 ……"
        return [*_with_days(chosen[head], rows[head]), between, *_with_days(chosen[tail], rows[tail])]

    def _together(self, lines: Iterable[_Line]) -> Iterator[_Line]:
        """Where, between two actions, `MANY` lines and more tell the same of whatever device: the first of them, and
        where the second stood how many more there were.
        """
        for told_of, block in groupby(lines, key=lambda line: line.mark not in ">?"):
            alike: defaultdict[tuple[str, str, str], list[_Line]] = defaultdict(list)
            for line in block:
                alike[line.mark, line.told.kind, line.told.what].append(line)
            shown: list[_Line] = []
            for same in alike.values():
                shown += [same[0], self._more(same)] if told_of and len(same) >= MANY else same
            yield from sorted(shown, key=lambda line: line.at_s)

    def _more(self, same: Sequence[_Line]) -> _Line:
        more, until = len(same) - 1, clock(same[-1].at_s)
        text = f"… {more} more until {until}" if self._english else f"…… 至 {until} 又 {more} 次"
        return same[1]._replace(told=same[1].told._replace(where=text, beside=""))

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
