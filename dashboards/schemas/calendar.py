"""The school calendar, bells, and enrolment."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from dashboards.schemas import Actor, Incoming, Reply
from dashboards.schemas.registry import Day, Edit, Versioned, VersionNo, Words, wrong
from domain.school_calendar import SpanKind


class SpanReply(Reply):
    first: date
    last: date = Field(description="Included.")
    kind: SpanKind
    name: str


class CalendarYearReply(Reply):
    """A year of the calendar: what no span names is an ordinary day."""

    year: int
    spans: list[SpanReply]
    version: int | None = Field(description="Null: nobody in the district has said it; it is as shipped.")
    since: datetime | None


class CalendarReply(Reply):
    years: list[CalendarYearReply]


class SpanBody(Incoming):
    model_config = ConfigDict(extra="forbid")

    first: Day
    last: Day
    kind: SpanKind
    name: Words = ""


class CalendarBody(Edit):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "actor": "安监科 李敏",
                    "version": None,
                    "spans": [
                        {"first": "2027-01-01", "last": "2027-01-03", "kind": "holiday", "name": "元旦"},
                        {"first": "2027-02-20", "last": "2027-02-20", "kind": "made_up", "name": "春节调休"},
                    ],
                }
            ]
        },
    )

    spans: list[SpanBody] = Field(max_length=200)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(span.last < span.first for span in self.spans):
            raise wrong("spans", "one ends before it begins")
        return self


class BellsReply(Versioned):
    """The bells of a site from a day on, in minutes after midnight."""

    site_id: str
    from_day: date
    arrival: int
    lessons: int
    noon: int
    afternoon: int
    leaving: int
    leaving_to: int
    staff_leave: int
    evening_study: int | None
    lights_out: int | None


class BellsListReply(Reply):
    items: list[BellsReply]


_Minute = Annotated[int, Field(ge=0, le=1439)]


class BellsBody(Edit):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "actor": "安全干部 王芳",
                    "version": None,
                    "arrival": 450,
                    "lessons": 490,
                    "noon": 700,
                    "afternoon": 810,
                    "leaving": 950,
                    "leaving_to": 1060,
                    "staff_leave": 1080,
                }
            ]
        },
    )

    arrival: _Minute
    lessons: _Minute
    noon: _Minute
    afternoon: _Minute
    leaving: _Minute
    leaving_to: _Minute
    staff_leave: _Minute
    evening_study: _Minute | None = None
    lights_out: _Minute | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for earlier, later in pairwise(("arrival", "lessons", "noon", "afternoon", "leaving", "leaving_to")):
            if getattr(self, later) <= getattr(self, earlier):
                raise wrong(later, f"expected after {earlier}")
        for late in ("staff_leave", "evening_study", "lights_out"):
            at = getattr(self, late)
            if at is not None and at <= self.leaving:
                raise wrong(late, "expected after leaving")
        return self


class EnrolmentReply(Versioned):
    site_id: str
    pupils: int | None = Field(description="Null: nobody said.")
    boarders: int
    key_site: bool = Field(description="反恐重点单位.")


class EnrolmentBody(Incoming):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"actor": "安监科 李敏", "version": 12, "pupils": 1210, "boarders": 0, "key_site": False}]
        },
    )

    actor: Actor
    version: VersionNo
    pupils: int | None = Field(ge=0, le=100_000)
    boarders: int = Field(default=0, ge=0, le=100_000)
    key_site: bool = False

    @model_validator(mode="after")
    def _fewer_boarders(self) -> Self:
        if self.boarders > (self.pupils or 0):
            raise wrong("boarders", "more than there are pupils")
        return self
