"""How long things took, in bounded memory however many there were."""

from __future__ import annotations

from math import log

import msgspec

#: Everything shorter counts as this, everything longer than the last bucket as that (the maximum stays exact).
_SHORTEST_S, _LONGEST_S = 1e-5, 1e3
#: Each bucket reaches this much further than the one before: the error of a quantile.
_RATIO = 1.02
_LOG_RATIO = log(_RATIO)
_LAST = int(log(_LONGEST_S / _SHORTEST_S) / _LOG_RATIO)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """``count`` durations in milliseconds: their middle, the one that 99 of 100 do not pass, and the longest."""

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float


class Latencies:
    """Durations in seconds, kept to two parts in a hundred."""

    __slots__ = ("_buckets", "_longest_s", "count")

    def __init__(self) -> None:
        self._buckets = [0] * (_LAST + 1)
        self._longest_s = 0.0
        self.count = 0

    def add(self, seconds: float) -> None:
        place = int(log(seconds / _SHORTEST_S) / _LOG_RATIO) if seconds > _SHORTEST_S else 0
        self._buckets[min(place, _LAST)] += 1
        self.count += 1
        if seconds > self._longest_s:
            self._longest_s = seconds

    def quantile(self, share: float) -> float:
        """The upper end of the bucket that holds this share of all, but never more than the longest; 0 for none."""
        wanted, seen = share * self.count, 0
        for place, count in enumerate(self._buckets):
            seen += count
            if count and seen >= wanted:
                return min(self._longest_s, _SHORTEST_S * _RATIO ** (place + 1))
        return 0.0

    def spread(self) -> Spread:
        return Spread(
            count=self.count,
            p50_ms=round(1e3 * self.quantile(0.5), 2),
            p99_ms=round(1e3 * self.quantile(0.99), 2),
            max_ms=round(1e3 * self._longest_s, 2),
        )
