"""Clocks that are known to be off: what the rules need to tell a wrong clock from late data.

A message of three hours ago may be a backfill, or of this moment from a device whose clock is three hours slow. Only
who watches the device's heartbeats for a while can tell (`detectors.rules.clock_off`); what was found out is kept here
and shared by the rules of a lane.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from domain.observation import Misdated, Observation

#: A message from further in the future than this, by what is known of its clock, is none that the knowledge fits.
FUTURE_S = 60.0


class Clocks:
    """``offsets``: device_no → seconds that its clock is ahead of ours (negative: behind). Who is not in it is right,
    or not known to be wrong.
    """

    def __init__(self, offsets: Mapping[int, float] | None = None) -> None:
        self.offsets: dict[int, float] = dict(offsets or {})

    def use(self, offsets: Mapping[int, float]) -> None:
        """Go on with what was newly read."""
        self.offsets.clear()
        self.offsets.update(offsets)

    def late_s(self, observation: Observation | Misdated) -> float:
        """Seconds that ``observation`` took to reach us.

        Of the two answers, by the device's clock as it is and by what is known of it, the younger one counts unless it
        is absurd: a clock may have been put right a minute ago, and life safety errs towards hearing.
        """
        late_s = (observation.received_at - observation.at).total_seconds()
        offset_s = self.offsets.get(observation.device.device_no)
        if offset_s is None or late_s + offset_s < -FUTURE_S:
            return late_s
        return min(late_s, late_s + offset_s)

    def at(self, observation: Observation | Misdated) -> datetime:
        """When it happened, by our clock: as the device says, put right where `late_s` goes by what is known of it."""
        late_s = (observation.received_at - observation.at).total_seconds()
        offset_s = self.offsets.get(observation.device.device_no)
        if offset_s is None or late_s + offset_s < -FUTURE_S or -FUTURE_S <= late_s <= late_s + offset_s:
            return observation.at
        return min(observation.at - timedelta(seconds=offset_s), observation.received_at)
