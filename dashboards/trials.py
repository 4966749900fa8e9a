"""What the routes know of trials of rules, and what they ask of whoever carries them out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

from dashboards.people import Who


class TrialState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TrialLine(msgspec.Struct, frozen=True, kw_only=True):
    mark: str
    key: str
    site_id: str
    device_id: str
    raised_at: datetime
    ended_at: datetime | None
    known: bool


class TrialResult(msgspec.Struct, frozen=True, kw_only=True):
    observations: int
    seconds: float
    raised: int
    today: int | None
    new: int
    gone: int
    incidents: int
    missed: int
    sites: int
    lines: list[TrialLine]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """``today``: how the rule in force stands beside it; "" = not looked up yet."""

    trial_id: UUID
    rule: str
    since: datetime
    until: datetime
    site_id: str | None
    asked_by: str
    asked_at: datetime
    today: str = ""
    state: TrialState = TrialState.RUNNING
    progress: float = 0.0
    observations: int = 0
    error: str = ""
    result: TrialResult | None = None


class Tester(Protocol):
    async def start(self, said: object, *, since: datetime, until: datetime, site_id: str | None, by: Who) -> Trial:
        """Begin to try a rule on what happened.

        :raises RuleRefused: it is wrong, or of a kind that cannot be tried; says why.
        :raises TrialRefused: another one runs, or the time is too long.
        """

    def trials(self) -> Sequence[Trial]:
        """Those that are kept, the newest first."""

    def trial(self, trial_id: UUID) -> Trial:
        """:raises UnknownTrial: there is none, or none any more."""

    async def cancel(self, trial_id: UUID, *, by: Who) -> Trial:
        """:raises UnknownTrial: :raises TrialRefused: it is over."""
