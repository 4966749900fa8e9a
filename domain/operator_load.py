"""Load on operators by EEMUA 191 and IEC 62682, from calls counted in slots of ten minutes. Pure.

=================  ==========================================================================================
call               an incident was opened, or called again after it had returned
flood              begins with a slot of more than 10 calls an operator, ends with one of fewer than 5
chattering         an incident that was reported 3 times or more within a minute
stale              open for more than 24 hours
acceptable         about one call an operator in ten minutes on average; less than 1% of the time in flood
answer             80% of grave calls within 30 s, 98.5% within 60 s (EN 50518, NFPA 72; shared by the field)
=================  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

SLOT = timedelta(minutes=10)
FLOOD_BEGINS_ABOVE, FLOOD_ENDS_BELOW = 10, 5
CHATTERING_TIMES, CHATTERING_WITHIN = 3, timedelta(minutes=1)
STALE_AFTER = timedelta(hours=24)
ANSWER_S = (30.0, 60.0)
ANSWER_SHARES = (0.80, 0.985)
#: Longest period of one answer.
LONGEST = timedelta(days=31)


class Flood(msgspec.Struct, frozen=True, kw_only=True):
    """``calls`` of all operators together."""

    began_at: datetime
    ended_at: datetime
    calls: int


class BadActor(msgspec.Struct, frozen=True, kw_only=True):
    """A device and rule that called often. ``share`` of all calls, 0 to 1."""

    rule: str
    site_id: str
    device_id: str
    calls: int
    share: float


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """Of calls that are major or worse: how many came, and how many were acknowledged in time. Shares are 0 to 1, None
    where none came.
    """

    calls: int
    acknowledged: int
    within_30_s: int
    within_60_s: int
    median_s: float | None

    @property
    def shares(self) -> tuple[float | None, float | None]:
        if not self.calls:
            return None, None
        return self.within_30_s / self.calls, self.within_60_s / self.calls


class SlotsLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What the slots of a period come to; calls for each operator."""

    calls: int
    mean: float
    peak: float
    peak_at: datetime | None
    flood_share: float
    floods: tuple[Flood, ...]


def load_of(slots: Mapping[datetime, int], *, since: datetime, until: datetime, operators: int) -> SlotsLoad:
    """``slots``: calls by the beginning of each slot, counted from ``since``; those without calls may be left out."""
    starts = _starts(since, until)
    counted = [slots.get(start, 0) for start in starts]
    floods: list[Flood] = []
    flooded = 0
    began: int | None = None
    for place, calls in enumerate(counted):
        each = calls / operators
        if began is None and each > FLOOD_BEGINS_ABOVE:
            began = place
        elif began is not None and each < FLOOD_ENDS_BELOW:
            floods.append(_flood(starts, counted, began, place, until))
            began = None
        flooded += began is not None
    if began is not None:
        floods.append(_flood(starts, counted, began, len(counted), until))
    top = max(range(len(counted)), key=counted.__getitem__, default=None)
    total = sum(counted)
    return SlotsLoad(
        calls=total,
        mean=total / operators / ((until - since) / SLOT),
        peak=0.0 if top is None else counted[top] / operators,
        peak_at=None if top is None or not counted[top] else starts[top],
        flood_share=flooded / len(counted) if counted else 0.0,
        floods=tuple(floods),
    )


def _starts(since: datetime, until: datetime) -> list[datetime]:
    count = -((since - until) // SLOT)  # the last one may be cut short
    return [since + place * SLOT for place in range(count)]


def _flood(starts: Sequence[datetime], counted: Sequence[int], began: int, ended: int, until: datetime) -> Flood:
    return Flood(
        began_at=starts[began],
        ended_at=starts[ended] if ended < len(starts) else until,
        calls=sum(counted[began:ended]),
    )
