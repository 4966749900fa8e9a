"""What those that hang on a parent testify of it, where it never speaks itself: an unmanaged switch, a power supply.

A child that speaks proves that its parent lives. Where all of them fell silent together, three at least, the parent is
what was lost, and not each of them by itself. As long as some have not missed their time yet that is open, and is
waited for like the rest of a site (`detectors.rules.silence`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from detectors.rules.silence import Doubt


class Witness(NamedTuple):
    """A child that is neither lost by itself nor behind something else. ``missed_s``: when it misses its time."""

    number: int
    heard_s: float
    missed_s: float


class Testimony:
    """Of one parent; ``witnesses`` are all that hang on it, at any depth."""

    def __init__(self, witnesses: Sequence[Witness], doubt: Doubt) -> None:
        self._witnesses = witnesses
        self._doubt = doubt
        self.last_heard_s = max((one.heard_s for one in witnesses), default=0.0)
        self._all_missed_s = max((one.missed_s for one in witnesses), default=0.0)

    @property
    def numbers(self) -> list[int]:
        return [one.number for one in self._witnesses]

    @property
    def first_missed_s(self) -> float:
        return min(one.missed_s for one in self._witnesses)

    def may_be_lost(self, deadline_s: float, heartbeat_s: float) -> bool:
        """Whether nobody has spoken since a child that missed its time at ``deadline_s`` should have for the second
        time: then the parent may be the reason.
        """
        return len(self._witnesses) >= self._doubt.least and self.last_heard_s < deadline_s - heartbeat_s

    def is_lost(self, now_s: float) -> bool:
        """All of them have missed their time."""
        return self._all_missed_s <= now_s

    def in_doubt(self, deadline_s: float, now_s: float) -> bool:
        """Whether a child that missed its time at ``deadline_s`` waits for the others."""
        return self._all_missed_s > now_s and self._all_missed_s <= deadline_s + self._doubt.wait_s
