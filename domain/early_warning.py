"""Early warnings (预警): weather and others, issued to groups of sites, read by each of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec


class WarningLevel(StrEnum):
    """As the state's warnings are coloured, the gravest last."""

    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


LEVEL_WORDS: Final[dict[WarningLevel, tuple[str, str]]] = {
    WarningLevel.BLUE: ("蓝色", "blue"),
    WarningLevel.YELLOW: ("黄色", "yellow"),
    WarningLevel.ORANGE: ("橙色", "orange"),
    WarningLevel.RED: ("红色", "red"),
}

#: Between two reminders of who has not read it, and how many there are.
REMIND_EVERY: Final[dict[WarningLevel, timedelta]] = {
    WarningLevel.BLUE: timedelta(hours=2),
    WarningLevel.YELLOW: timedelta(hours=1),
    WarningLevel.ORANGE: timedelta(minutes=30),
    WarningLevel.RED: timedelta(minutes=10),
}
MOST_REMINDERS: Final = 6


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """Which sites: all of them where nothing is named; else those that are named, of a township or of a kind."""

    townships: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()

    @property
    def everybody(self) -> bool:
        return not (self.townships or self.kinds or self.sites)


class EarlyWarning(msgspec.Struct, frozen=True, kw_only=True):
    """``kind`` is a word of the issuer's (rainstorm, heat, typhoon, food); the English texts may be empty."""

    warning_id: UUID
    number: int
    kind: str
    level: WarningLevel
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str
    audience: Audience
    issued_at: datetime
    issued_by: str
    valid_from: datetime
    valid_until: datetime
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None
    cancel_reason: str = ""


class SiteReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one site has read it. ``reachable`` False: there was nobody on duty there to tell."""

    site_id: str
    site_name: str
    told_at: datetime | None
    reachable: bool | None
    reminders: int
    read_at: datetime | None
    read_by: str | None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many sites it is for, have read it, have not, and could not be told. ``median_s``: from issue to reading."""

    sites: int
    read: int
    unread: int
    unreachable: int
    median_s: float | None


def next_reminder(warning: EarlyWarning, *, reminders: int, now: datetime) -> datetime | None:
    """When a site that has not read it is reminded next, None where it is left alone."""
    if reminders >= MOST_REMINDERS or warning.cancelled_at is not None:
        return None
    at = now + REMIND_EVERY[warning.level]
    return at if at < warning.valid_until else None
