"""A loop: a device that says the same thing over and over, as a gateway does whose program hangs."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import msgspec

from simulators.message import Message


class Loop(msgspec.Struct):
    """A device that sends what it said last again, ``times`` times from ``at_s`` on.

    ``ordered``: the newest message that an order had it send. What it says of itself may be newer, and is known to
    whoever lets it speak: ``last`` is what he found, once he has ``looked``.
    """

    device_no: int
    at_s: float
    times: int
    over_s: float
    ordered: Message | None = None
    last: Message | None = None
    looked: bool = False

    @property
    def ends_s(self) -> float:
        return self.at_s + self.over_s

    def turns(self, since_s: float, until_s: float) -> Iterator[float]:
        """When it says it again, from ``since_s`` up to ``until_s`` (not included)."""
        if self.ends_s < since_s or self.at_s >= until_s:
            return
        every_s = self.over_s / self.times
        first = max(0, ceil((since_s - self.at_s) / every_s) - 1) if every_s else 0
        for turn in range(first, self.times):
            due_s = self.at_s + turn * every_s
            if due_s >= until_s:
                return
            if due_s >= since_s:
                yield due_s
