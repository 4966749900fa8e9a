"""How something that orders change went over time.

What a device says is worked out for the moment it says it, which may lie a little before or after the newest order:
so the course is kept, and not only how it stands.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

#: An older past is nobody's question any more: it is longer than two intervals of any device.
KEPT_S = 600.0
COOLING_S = 120.0


class Course(Generic[T]):
    """A value that jumps at moments; ``before`` holds until the first of them."""

    __slots__ = ("_since_s", "_values")

    def __init__(self, before: T) -> None:
        self._since_s: list[float] = []
        self._values = [before]

    @property
    def now(self) -> T:
        """After the newest change."""
        return self._values[-1]

    def still(self, at_s: float, value: T) -> bool:
        """Whether it has stood at ``value`` for so long that nobody asks for what was."""
        return self.now == value and (not self._since_s or self._since_s[-1] < at_s - KEPT_S)

    def at(self, at_s: float) -> T:
        return self._values[bisect_right(self._since_s, at_s)]

    def change(self, at_s: float, value: T) -> None:
        """From ``at_s`` on; whatever was to be later is dropped."""
        keep = bisect_right(self._since_s, at_s)
        if keep and self._since_s[keep - 1] == at_s:
            keep -= 1
        del self._since_s[keep:], self._values[keep + 1 :]
        if value == self._values[-1]:
            return
        self._since_s.append(at_s)
        self._values.append(value)
        old = bisect_right(self._since_s, at_s - KEPT_S)
        del self._since_s[:old], self._values[:old]


class Ramp(msgspec.Struct):
    """A sensor that is driven to ``target`` over ``over_s``. ``released_s``: let go, cooling since then.

    ::

        share  1 ┤      ╭────────╮
                 │    ╭╯          ╰╮
               0 ┼────╯            ╰────  t
                 start  +over_s   out  +COOLING_S

    ``before`` is what drove it until then: it goes on from where it stood.
    """

    start_s: float
    over_s: float
    target: float
    often: bool = True
    released_s: float | None = None
    before: Ramp | None = None

    def value(self, at_s: float, natural: float) -> float:
        """What the sensor says where it would say ``natural`` with nothing wrong."""
        until_s = at_s if self.released_s is None else min(at_s, self.released_s)
        base = natural if self.before is None else self.before.value(until_s, natural)
        risen = base + (self.target - base) * self._risen(until_s)
        if until_s == at_s:
            return risen
        return natural + (risen - natural) * max(0.0, 1.0 - (at_s - until_s) / COOLING_S)

    def over(self, at_s: float) -> bool:
        """Let go, and as cold as before, for so long that nobody asks for what was."""
        return self.released_s is not None and at_s > self.released_s + COOLING_S + KEPT_S

    def speaks_often(self, at_s: float) -> bool:
        """Whether it sends readings between the regular ones: from the beginning until it is cold again."""
        return self.often and (self.released_s is None or at_s <= self.released_s + COOLING_S)

    def release(self, at_s: float) -> None:
        self.released_s = at_s

    def settle(self, at_s: float) -> None:
        """Forget what drove the sensor before, once nothing of it is left."""
        if self.before is not None and at_s > self.start_s + self.over_s + KEPT_S:
            self.before = None

    def _risen(self, at_s: float) -> float:
        if at_s < self.start_s:
            return 0.0
        return 1.0 if self.over_s <= 0 else min(1.0, (at_s - self.start_s) / self.over_s)
