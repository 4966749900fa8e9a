"""Rosters as they are edited."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from dashboards.moments import Moment, SaidDay
from dashboards.schemas import Actor, Incoming, Reply, Text
from domain.duty import DutyRole, Source
from domain.school_calendar import DayKind

_SITE = r"^[a-z0-9-]{0,32}$"


def _plain(at: time) -> time:
    if at.tzinfo is not None:
        raise PydanticCustomError("zoned", "expected a time by the district's clock, such as 08:00")
    return at.replace(second=0, microsecond=0)


ClockTime = Annotated[time, AfterValidator(_plain)]
PersonId = Annotated[Text, Field(min_length=1, max_length=64, description="What lists call somebody.")]


class DutySpanReply(Reply):
    """Who is on duty without a break, after swaps and overrides."""

    role: DutyRole
    person_id: str
    name: str
    source: Source
    starts_at: datetime
    ends_at: datetime


class GapReply(Reply):
    site_id: str
    role: DutyRole
    starts_at: datetime
    ends_at: datetime


class WrittenShiftReply(Reply):
    shift_no: int
    role: DutyRole
    person_id: str = Field(description="Empty: somebody who is not on the list.")
    name: str
    starts_at: datetime
    ends_at: datetime


class WrittenPatternReply(Reply):
    pattern_no: int
    role: DutyRole
    person_id: str
    name: str
    day_kinds: list[DayKind]
    weekdays: list[int] = Field(description="1 is Monday.")
    starts: time
    ends: time = Field(description="Not later than `starts`: of the next day.")
    first_day: date
    last_day: date


class WrittenOverrideReply(Reply):
    override_no: int
    role: DutyRole
    person_id: str
    name: str
    instead_of: str = Field(description="A name; empty: of everybody who would be on duty.")
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    made_by: str
    note: str
    voided_at: datetime | None = Field(description="It holds no more.")
    voided_by: str | None
    void_reason: str | None


class WrittenSwapReply(Reply):
    swap_no: int
    shift_no: int
    other_no: int
    made_at: datetime
    made_by: str
    note: str


class RequirementReply(Reply):
    site_id: str
    role: DutyRole
    day_kinds: list[DayKind]
    starts: time
    ends: time


class DutyCalendarReply(Reply):
    """A roster over a time."""

    since: datetime
    until: datetime
    spans: list[DutySpanReply]
    gaps: list[GapReply] = Field(description="When nobody is on duty who should be; nothing required = always.")
    shifts: list[WrittenShiftReply]
    patterns: list[WrittenPatternReply]
    overrides: list[WrittenOverrideReply] = Field(description="Those that were voided too.")
    swaps: list[WrittenSwapReply]
    requirements: list[RequirementReply]


class ShiftBody(Incoming):
    actor: Actor
    person_id: PersonId
    site_id: str = Field(default="", pattern=_SITE, description="Empty = the bureau.")
    role: DutyRole = DutyRole.LEADER
    starts_at: Moment
    ends_at: Moment


class PatternBody(Incoming):
    """What holds where no shift is written; times by the district's clock."""

    actor: Actor
    person_id: PersonId
    site_id: str = Field(default="", pattern=_SITE, description="Empty = the bureau.")
    role: DutyRole = DutyRole.LEADER
    day_kinds: list[DayKind] = Field(min_length=1, max_length=4)
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(default=[1, 2, 3, 4, 5, 6, 7], min_length=1, max_length=7)
    starts: ClockTime
    ends: ClockTime
    first_day: SaidDay
    last_day: SaidDay


class WantedBody(Incoming):
    day_kinds: list[DayKind] = Field(min_length=1, max_length=4)
    starts: ClockTime
    ends: ClockTime


class RequirementsBody(Incoming):
    """When somebody has to be on duty; an empty list: nothing says so."""

    actor: Actor
    site_id: str = Field(default="", pattern=_SITE, description="Empty = the bureau.")
    role: DutyRole = DutyRole.LEADER
    required: list[WantedBody] = Field(max_length=20)


class ShiftNoReply(Reply):
    shift_no: int


class PatternNoReply(Reply):
    pattern_no: int


class DoneReply(Reply):
    done: bool
