"""Our own deafness: what rules that go by time have to know of it. One for all rules of a lane.

A tick says «everything until now was heard». More than `DEAF_AFTER_S` between two ticks means that we were deaf (broker
or database away, the process stood still or was restarted): then time that has passed proves nothing, and whoever waits
for something to last begins anew. The time of the last tick is kept, so a restart needs no rule of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from detectors.rule import NOTHING, Rule
from domain.finding import Category, Finding, Severity

DEAF_AFTER_S = 10.0
#: Our own clock was set back when it is further behind the last tick than this.
SET_BACK_S = 1.0


class Deafness(Rule):
    """``heard_until_s``: the last tick; ``ended_s``: since when everybody can be heard again (epoch seconds).

    No rule that people know of: it concludes nothing, and stands in front of those that ask it.
    """

    name = "deafness"
    category = Category.SYSTEM
    severity = Severity.MINOR

    def __init__(self) -> None:
        self.heard_until_s = 0.0
        self.ended_s = 0.0
        self.concerned: list[Rule] = []  #: who is told when we hear again
        self._marked: tuple[float, float] = (0.0, 0.0)

    def tick(self, now: datetime) -> Sequence[Finding]:
        now_s, last_s = now.timestamp(), self.heard_until_s
        if last_s and (now_s - last_s > DEAF_AFTER_S or now_s < last_s - SET_BACK_S):
            self.ended_s = now_s
            for rule in self.concerned:
                rule.hearing_resumed(now)
        self.heard_until_s = now_s
        return NOTHING

    def hearing_resumed(self, now: datetime) -> None:
        """The engine tells the others itself."""
        self.ended_s = now.timestamp()

    def marks(self, generation: int) -> list[tuple[Any, ...]]:
        told = (self.heard_until_s, self.ended_s)
        if told == self._marked:
            return []
        self._marked = told
        return [(0, *told)]

    def mark(self, numbers: Any, generation: int) -> None:
        self._marked = (0.0, 0.0)

    def recall(self, row: list[Any], generation: int) -> None:
        _, self.heard_until_s, self.ended_s = row
