"""Whose silence is it? What a site as a whole testifies when one of its devices missed its time.

A device that missed its time is lost by itself only when others prove that it could have been heard: more than half of
its site has spoken since it should have, and so has what it hangs on, and neither of them has only just come back. As
long as that is open it is waited for, and one of two things happens soon: they speak, or they miss their time as well.

So a lone device waits for nothing where the rest of the site speaks as often as itself. In doubt it waits until most
of the site would have missed its time, `WAIT_S` at most, and for what it hangs on until that is judged.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

import msgspec

from detectors.lives import Life

#: So long at most the rest of a site is waited for.
WAIT_S = 120.0
#: Fewer silent devices are no silent site.
SILENT_LEAST = 3


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """The figures; those that ship, the rule `site_silent` tunes them."""

    wait_s: float = WAIT_S
    least: int = SILENT_LEAST

    def is_larger_part(self, silent: int, size: int) -> bool:
        """Whether so many silent devices are a silent site."""
        return silent >= self.least and 2 * silent > size


class Assembly:
    """The devices of a site that are heard or missed together; ``deadlines_s``: when each misses its time.
    Worked out when it is first asked for.
    """

    def __init__(self, lives: Sequence[Life], doubt: Doubt, deadlines_s: Callable[[], list[float]]) -> None:
        self._lives = lives
        self._doubt = doubt
        self._deadlines_s = deadlines_s
        self._heard: list[float] | None = None
        self._most_missed_s: float | None = None

    def speaks_on(self, by_s: float) -> bool:
        """Whether more than half has spoken at ``by_s`` or after, and has not come back since then."""
        if self._heard is None:
            self._heard = sorted(life.heard_s for life in self._lives)
        size = len(self._lives)
        if 2 * (size - bisect_left(self._heard, by_s)) <= size:
            return False
        return 2 * sum(1 for life in self._lives if life.heard_s >= by_s and life.since_s <= by_s) > size

    def in_doubt(self, deadline_s: float, by_s: float, now_s: float) -> bool:
        """Whether one that missed its time at ``deadline_s`` may be the first of many."""
        least, wait_s = self._doubt.least, self._doubt.wait_s
        if len(self._lives) < least:
            return False
        if self._most_missed_s is None:
            deadlines = sorted(self._deadlines_s())
            self._most_missed_s = deadlines[max(len(deadlines) // 2, least - 1)]
        return now_s < self._most_missed_s <= deadline_s + wait_s and not self.speaks_on(by_s)
