"""How fast a channel to people may be used. Pure: time comes in as an argument.

Services refuse who sends too much, and a school's alarms must not be refused because of a hundred batteries. Life
safety is never held back: it is sent at once, and counts, so that the rest makes room for it. The limit is that of one
process.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from domain.delivery import DeliveryChannel


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """``burst`` messages at once, ``per_minute`` in the long run."""

    per_minute: float
    burst: int


class Pace:
    """A bucket for each channel that has a limit; `spent` names the empty ones."""

    def __init__(self, limits: Mapping[DeliveryChannel, Limit]) -> None:
        self._limits = limits
        self._left: dict[DeliveryChannel, float] = {channel: float(limit.burst) for channel, limit in limits.items()}
        self._filled_at: dict[DeliveryChannel, datetime] = {}

    def spent(self, now: datetime) -> list[str]:
        """The channels over which nothing but life safety may go at ``now``."""
        for channel, limit in self._limits.items():
            since_s = max(0.0, (now - self._filled_at.get(channel, now)).total_seconds())
            self._filled_at[channel] = now
            self._left[channel] = min(limit.burst, self._left[channel] + since_s * limit.per_minute / 60)
        return [channel.value for channel, left in self._left.items() if left < 1.0]

    def count(self, channel: DeliveryChannel, now: datetime) -> None:
        """Something was sent. What life safety took beyond the limit is made up for by the rest."""
        if channel in self._limits:
            self._filled_at.setdefault(channel, now)
            self._left[channel] = max(-float(self._limits[channel].burst), self._left[channel] - 1.0)
