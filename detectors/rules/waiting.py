"""Of which subjects a rule waits for a moment: what may change by time alone, and when."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from math import inf
from typing import Any


class Waiting:
    """``due`` maps a subject to the moment (s) at which it has to be looked at. Changed here and nowhere else."""

    def __init__(self) -> None:
        self.due: dict[Any, float] = {}
        self._heap: list[tuple[float, Any]] = []  # may hold moments that are no longer waited for

    def put(self, subject: Any, due_s: float) -> None:
        """Wait for ``due_s`` and no other moment; infinite: for none."""
        if due_s == inf:
            self.due.pop(subject, None)
        elif self.due.get(subject) != due_s:
            self.due[subject] = due_s
            heappush(self._heap, (due_s, subject))

    def put_early(self, subject: Any, due_s: float) -> None:
        """Wait for ``due_s``, if not for an earlier moment."""
        self.put(subject, min(self.due.get(subject, inf), due_s))

    def forget(self, subject: Any) -> None:
        self.due.pop(subject, None)

    def taken(self, until_s: float) -> Iterator[tuple[float, Any]]:
        """Whoever is due by ``until_s``, in order, with those put down meanwhile. They are waited for no more."""
        while self._heap and self._heap[0][0] <= until_s:
            due_s, subject = heappop(self._heap)
            if self.due.get(subject) == due_s:
                del self.due[subject]
                yield due_s, subject

    def taken_of(self, subject: Any, until_s: float) -> Iterator[float]:
        """The moments of one subject by ``until_s``."""
        while (due_s := self.due.get(subject, inf)) <= until_s:
            del self.due[subject]
            yield due_s

    def next_s(self) -> float:
        while self._heap and self.due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else inf

    def any_by(self, until_s: float) -> bool:
        """Whether it is worth asking `taken`: no by far the most of the time."""
        return bool(self._heap) and self._heap[0][0] <= until_s
