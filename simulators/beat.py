"""When regular messages are due: each device has a phase of its own in every interval, so that a district never speaks
all at once, and is a little late each time.

The n-th message of a stream is due at ``n * interval + phase + lateness(n)`` counted from 1970, in whole milliseconds;
the lateness is at most a twentieth of the interval. Nothing depends on when anybody began to ask.

What is due is written as one number, which sorts by time: the milliseconds, and in its last `BITS` bits who speaks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from simulators.chance import BLOCK, block_of, unit

BITS = 26
MASK = (1 << BITS) - 1
#: So much is worked out and sorted at a time; less of a large district, which has other things to do meanwhile.
WINDOW_MS, SHORT_WINDOW_MS = 60_000, 6_000
_MANY = 4000
_LATE_SHARE = 0.05
#: So many of a stream's messages are looked back for the newest that was not swallowed.
_LOOK_BACK = 40


class Beat:
    """All streams with one interval. Streams are known by their numbers."""

    def __init__(self, interval_ms: int) -> None:
        self.interval_ms = interval_ms
        self._offsets: list[int] = []
        self._keys: list[int] = []
        self._lateness = [(int(interval_ms * _LATE_SHARE) * byte // 256) << BITS for byte in range(256)]
        self._block: int | None = None
        self._blocks: list[bytes] = []
        self._ahead: list[bytes] = []  # the next block, little by little

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, number: int, key: int) -> int:
        """A stream with its own key of chance; its place here."""
        self._offsets.append(int(self.interval_ms * unit(key, -1)) << BITS | number)
        self._keys.append(key)
        return len(self._keys) - 1

    def row(self, n: int) -> list[int]:
        """The n-th message of each stream."""
        block, place = divmod(n, BLOCK)
        if block != self._block:
            if self._block is None or block != self._block + 1:
                self._ahead = []
            self._work_ahead(block, len(self._keys))
            self._block, self._blocks, self._ahead = block, self._ahead, []
        else:
            self._work_ahead(block + 1, 1 + len(self._keys) // BLOCK)
        began, late = (n * self.interval_ms) << BITS, self._lateness
        return [
            began + offset + late[chance[place]] for offset, chance in zip(self._offsets, self._blocks, strict=True)
        ]

    def _work_ahead(self, block: int, streams: int) -> None:
        done = len(self._ahead)
        self._ahead += [block_of(key, block) for key in self._keys[done : done + streams]]

    def before(self, place: int, at_ms: int) -> Iterator[int]:
        """When the stream at ``place`` spoke last before ``at_ms``, and before that, and so on for a while."""
        newest = at_ms // self.interval_ms
        for n in range(newest, newest - _LOOK_BACK, -1):
            block, at = divmod(n, BLOCK)
            late = self._lateness[block_of(self._keys[place], block)[at]]
            due_ms = ((n * self.interval_ms << BITS) + self._offsets[place] + late) >> BITS
            if due_ms < at_ms:
                yield due_ms


class Agenda:
    """What is due next, in order. It works ahead a window at a time and forgets what was taken."""

    def __init__(self, beats: Sequence[Beat], more: Callable[[int, int], list[int]], at_ms: int) -> None:
        """:param more: whatever else is due from one moment up to another (not included), in any order."""
        self._beats = beats
        self._window_ms = WINDOW_MS if sum(map(len, beats)) < _MANY else SHORT_WINDOW_MS
        self._more = more
        self.seek(at_ms)

    def seek(self, at_ms: int) -> None:
        """Go on from ``at_ms``."""
        self.now_ms = at_ms
        self._planned_ms = at_ms - at_ms % self._window_ms
        self._next = [self._planned_ms // beat.interval_ms - 2 for beat in self._beats]
        self._keys: list[int] = []
        self._place = 0
        self._later: list[int] = []

    def take(self, until_ms: int) -> Iterator[tuple[int, int, list[int]]]:
        """What is due from now up to ``until_ms`` (not included), by windows: since when, until when, what."""
        while self.now_ms < until_ms:
            if self.now_ms >= self._planned_ms:
                self._plan()
            since_ms, self.now_ms = self.now_ms, min(until_ms, self._planned_ms)
            left = self._place
            self._place = bisect_left(self._keys, self.now_ms << BITS, left)
            yield since_ms, self.now_ms, self._keys[left : self._place]

    def _plan(self) -> None:
        began_ms, self._planned_ms = self._planned_ms, self._planned_ms + self._window_ms
        keys = self._later
        for number, beat in enumerate(self._beats):
            while self._next[number] * beat.interval_ms < self._planned_ms:
                keys += beat.row(self._next[number])
                self._next[number] += 1
        keys += self._more(began_ms, self._planned_ms)
        keys.sort()
        self._later = keys[bisect_left(keys, self._planned_ms << BITS) :]
        self._keys, self._place = keys, bisect_left(keys, self.now_ms << BITS)
