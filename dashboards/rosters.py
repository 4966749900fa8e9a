"""What the routes ask of whoever edits rosters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from dashboards.people import Who
from domain.duty import DutyPattern, DutyRequirement, DutyRole
from domain.duty_spans import DutySpan
from domain.roster import Gap
from storage.duty_edits import WrittenOverride, WrittenPattern, WrittenShift, WrittenSwap


class DutyCalendar(msgspec.Struct, frozen=True, kw_only=True):
    """One site's roster (or the bureau's) over a time: what holds, and what it was made of."""

    since: datetime
    until: datetime
    spans: list[DutySpan]
    gaps: list[Gap]
    shifts: list[WrittenShift]
    patterns: list[WrittenPattern]
    overrides: list[WrittenOverride]
    swaps: list[WrittenSwap]
    requirements: list[DutyRequirement]


class Roster(Protocol):
    """All raise `DutyError` where it may not be so, and `UnknownSite` where there is no such site."""

    async def calendar(self, site_id: str, since: datetime, until: datetime) -> DutyCalendar: ...

    async def add_shift(
        self, person_id: str, *, site_id: str, role: DutyRole, starts_at: datetime, ends_at: datetime, by: Who
    ) -> int:
        """Its number."""

    async def remove_shift(self, shift_no: int, *, reason: str, by: Who) -> None:
        """One that has not begun."""

    async def add_pattern(self, person_id: str, pattern: DutyPattern, *, by: Who) -> int:
        """Its number; who ``pattern`` names counts for nothing."""

    async def remove_pattern(self, pattern_no: int, *, reason: str, by: Who) -> None:
        """From today on."""

    async def void_override(self, override_no: int, *, reason: str, by: Who) -> None: ...

    async def require(self, site_id: str, role: DutyRole, wanted: Sequence[DutyRequirement], *, by: Who) -> None:
        """In place of what was required."""
