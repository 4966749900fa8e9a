"""Duty: people, the ways to them, and shifts: who leads (带班领导), who watches (值班员), and when.

`domain.roster` answers who is on duty at a moment.
"""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum

import msgspec

from domain.delivery import DeliveryChannel
from domain.school_calendar import DayKind

#: Stands for the bureau where a site's id would stand.
BUREAU = ""


class DutyRole(StrEnum):
    LEADER = "leader"  # 带班领导
    OFFICER = "officer"  # 值班员


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A way to a person. The address is a secret and stays in storage; ``test_ok`` is None before its first test."""

    contact_no: int
    channel: DeliveryChannel
    rank: int = 0
    test_ok: bool | None = None
    tested_at: datetime | None = None
    verified_at: datetime | None = None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """``person_id`` is what lists call somebody; ``site_id`` is `BUREAU` for people of the bureau. ``contacts`` stand
    in the order in which they are preferred. ``shift_no``: nobody of the list, but named in this very shift with ways
    of his own; ``officer_no``: a site's safety officer (安全干部), whose ways stand in the registry.
    """

    person_no: int
    person_id: str
    name: str
    site_id: str = BUREAU
    language: str = "zh"
    contacts: tuple[Contact, ...] = ()
    shift_no: int | None = None
    officer_no: int | None = None

    @property
    def brings_own_ways(self) -> bool:
        """Whether his ways stand somewhere else than in the list of people."""
        return self.shift_no is not None or self.officer_no is not None

    @property
    def reachable(self) -> bool:
        """Whether there is a way that did not fail its last test."""
        return self.brings_own_ways or any(contact.test_ok is not False for contact in self.contacts)


class DutyShift(msgspec.Struct, frozen=True, kw_only=True):
    """One person's shift, for the whole district when ``site_id`` is `BUREAU`.

    ``contacts`` are Apprise URLs of somebody who is not on the list of people; they hold secrets: never log or show
    them.
    """

    shift_no: int
    leader: str
    site_id: str
    contacts: tuple[str, ...]
    language: str
    starts_at: datetime
    ends_at: datetime
    role: DutyRole = DutyRole.LEADER
    person_no: int | None = None


class DutyPattern(msgspec.Struct, frozen=True, kw_only=True):
    """On days of these kinds and weekdays (1 = Monday), from ``starts`` to ``ends`` by the district's clock; where that
    is not later it is the next day's. The kind is that of the day on which it starts.
    """

    pattern_no: int
    site_id: str
    role: DutyRole
    person_no: int
    day_kinds: frozenset[DayKind]
    weekdays: frozenset[int] = frozenset(range(1, 8))
    starts: time
    ends: time
    first_day: date
    last_day: date


class DutySwap(msgspec.Struct, frozen=True, kw_only=True):
    """Two shifts change hands. Later swaps begin from where earlier ones ended."""

    swap_no: int
    shift_no: int
    other_no: int


class DutyOverride(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody stands in, instead of one person or (None) of everybody who would be on duty."""

    override_no: int
    site_id: str
    role: DutyRole
    person_no: int
    instead_of: int | None = None
    starts_at: datetime
    ends_at: datetime


class DutyRequirement(msgspec.Struct, frozen=True, kw_only=True):
    """When somebody has to be on duty; times as in `DutyPattern`."""

    site_id: str
    role: DutyRole
    day_kinds: frozenset[DayKind]
    starts: time
    ends: time


class Source(StrEnum):
    """What put somebody on duty."""

    SHIFT = "shift"
    SWAP = "swap"
    PATTERN = "pattern"
    OVERRIDE = "override"


class OnDuty(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on duty, and because of what."""

    person: Person
    site_id: str
    role: DutyRole
    source: Source
