"""Whom to look at when, at a constant cost for each message.

A wheel of seconds. A device waits in one slot; a deadline that moves later (what every heartbeat does) costs nothing:
the device is looked at when its slot comes, and put into the slot of its deadline of then. So what a heartbeat costs
does not depend on how many devices there are, and a waiting device costs four bytes, which the garbage collector does
not look at.
"""

from __future__ import annotations

import heapq
from array import array
from math import inf


class Deadlines:
    """Slots of whole epoch seconds, each with the numbers of the devices that wait in it."""

    def __init__(self) -> None:
        self._waiting: dict[int, array[int]] = {}
        self._slots: list[int] = []  # a heap of the keys

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put(self, device_no: int, at_s: float) -> int:
        """Look at ``device_no`` at ``at_s`` or up to a second before; the slot that it waits in."""
        slot = int(at_s)
        waiting = self._waiting.get(slot)
        if waiting is None:
            self._waiting[slot] = array("i", (device_no,))
            heapq.heappush(self._slots, slot)
        else:
            waiting.append(device_no)
        return slot

    @property
    def first_s(self) -> float:
        """The second of the first slot in which anybody waits; infinite where nobody does."""
        return self._slots[0] if self._slots else inf

    def due(self, now_s: float) -> list[tuple[int, int]]:
        """Take out every (slot, device_no) whose second has begun, earliest first."""
        found: list[tuple[int, int]] = []
        while self._slots and self._slots[0] <= now_s:
            slot = heapq.heappop(self._slots)
            found.extend((slot, device_no) for device_no in self._waiting.pop(slot))
        return found
