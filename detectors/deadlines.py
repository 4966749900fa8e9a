"""Deadlines of many devices at a constant cost for each message.

A device has one entry in a heap. Moving a deadline later (what every heartbeat does) writes one number; the entry is
looked at when its old time comes, and put back at the new one. Moving it earlier puts in a second entry.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator


class Deadlines:
    """``device_no`` → epoch seconds."""

    def __init__(self) -> None:
        self._at: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []
        self._queued: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._at)

    def put(self, device_no: int, at_s: float) -> None:
        """Set or move the deadline of ``device_no``."""
        self._at[device_no] = at_s
        queued = self._queued.get(device_no)
        if queued is None or at_s < queued:
            self._queued[device_no] = at_s
            heapq.heappush(self._heap, (at_s, device_no))

    def drop(self, device_no: int) -> None:
        self._at.pop(device_no, None)

    def due(self, now_s: float) -> Iterator[tuple[int, float]]:
        """Take out every device whose deadline has passed, earliest first, with its deadline."""
        heap = self._heap
        while heap and heap[0][0] <= now_s:
            queued_s, device_no = heapq.heappop(heap)
            if self._queued.get(device_no) != queued_s:
                continue  # an entry that an earlier deadline made obsolete
            del self._queued[device_no]
            at_s = self._at.get(device_no)
            if at_s is None:
                continue
            if at_s <= now_s:
                del self._at[device_no]
                yield device_no, at_s
            else:
                self._queued[device_no] = at_s
                heapq.heappush(heap, (at_s, device_no))
