"""The JSON of the registry behind the targets as pydantic models; see `dashboards.schemas`."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from typing import Annotated, Any, Self

from fastapi import Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from dashboards.schemas import Actor, Reply, Text
from domain.premises import BarrierKind
from domain.school_calendar import SpanKind

ShortId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,32}$")]
SiteKey = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$", description="Site.", examples=["s001"])]
DeviceKey = Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]{1,64})?$")]
_NO_NUL = r"^[^\x00]*$"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_NO_NUL)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=_NO_NUL)]
Code = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64, pattern=_NO_NUL)]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2999, 12, 31))]
VersionNo = Annotated[int, Field(ge=1, le=2**63 - 1)]
Seen = Annotated[
    VersionNo | None,
    Field(description="`version` of what you saw; null to register what is not registered yet. 409 if it is another."),
]

GuardId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,32}$", description="Guard.", examples=["s001-g01"])]
PostId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,32}$", description="Guard post of the site.")]
GateId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,32}$", description="Gate of the site.")]
BarrierId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,32}$", description="Barrier of the site.")]
OfSite = Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,32}$", description="Of one site.")]
AsOf = Annotated[AwareDatetime | None, Query(description="As it was registered at this time; without it now.")]
Since = Annotated[AwareDatetime, Query(description="At this time or later.")]
Until = Annotated[AwareDatetime, Query(description="Before this time.")]
ByWhom = Annotated[
    str,
    Query(min_length=1, max_length=64, pattern=_NO_NUL, description="Who does it, as it will stand in the audit."),
]
SeenVersion = Annotated[int, Query(ge=1, le=2**63 - 1, description="`version` of what you saw; 409 if it is another.")]


def wrong(field: str, message: str) -> PydanticCustomError:
    return PydanticCustomError("inconsistent", "{field}: {message}", {"field": field, "message": message})


class Versioned(Reply):
    """What is registered, and since when it is so."""

    version: int = Field(description="For an edit: nobody overwrites what he did not see.")
    since: datetime = Field(description="When the registry began to say so.")


class Edit(BaseModel):
    """A change of what is registered, whole: what is left out gets its default."""

    model_config = ConfigDict(extra="forbid")

    actor: Actor
    version: Seen = None

    def facts(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).model_fields if name not in ("actor", "version")}


class Removed(Reply):
    """What was registered and is no more; its past stays."""

    removed: str


# -- people -----------------------------------------------------------------------------------------------------------


class GuardReply(Versioned):
    """A guard. The telephone number is masked."""

    guard_id: str
    site_id: str
    name: str
    born_on: date
    first_hired_on: date
    serves_from: date
    serves_until: date | None = Field(description="The last day; null: still serving.")
    full_time: bool
    certificate_no: str = Field(description="保安员证; empty: none.")
    certificate_from: date | None
    certificate_until: date | None = Field(description="The last day; null: it does not expire.")
    company: str
    phone: str
    card: str = Field(description="What access control calls the guard by: its use is the check-in.")


class GuardBody(Edit):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "actor": "安监科 李敏",
                    "version": None,
                    "site_id": "s001",
                    "name": "王强",
                    "born_on": "1985-05-01",
                    "first_hired_on": "2021-03-01",
                    "certificate_no": "苏3204002",
                    "card": "C-0012",
                }
            ]
        },
    )

    site_id: SiteKey
    name: Name
    born_on: Day
    first_hired_on: Day
    serves_from: Day | None = Field(default=None, description="Null: the day of the first hire.")
    serves_until: Day | None = None
    full_time: bool = True
    certificate_no: Code = ""
    certificate_from: Day | None = None
    certificate_until: Day | None = None
    company: Words = ""
    phone: Code | None = Field(default=None, description="Null, or a masked one: as it is.")
    card: Code = ""

    @model_validator(mode="after")
    def _dates_fit(self) -> Self:
        if self.first_hired_on.year - self.born_on.year < 16:
            raise wrong("first_hired_on", "younger than 16 when first hired")
        for later, earlier in (
            ("serves_from", "first_hired_on"),
            ("serves_until", "serves_from"),
            ("serves_until", "first_hired_on"),
            ("certificate_until", "certificate_from"),
        ):
            after, before = getattr(self, later), getattr(self, earlier)
            if after is not None and before is not None and after < before:
                raise wrong(later, f"before {earlier}")
        return self


class PhoneBody(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"actor": "值班员 张伟"}]})

    actor: Actor


class PhoneReply(Reply):
    guard_id: str
    phone: str


class ShiftReply(Versioned):
    guard_id: str
    site_id: str
    starts_at: datetime
    ends_at: datetime


class Shift(BaseModel):
    model_config = ConfigDict(extra="forbid")

    guard_id: ShortId
    site_id: SiteKey
    starts_at: AwareDatetime
    ends_at: AwareDatetime

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if not 0 < (self.ends_at - self.starts_at).total_seconds() <= 48 * 3600:
            raise wrong("ends_at", "expected after starts_at, by 48 hours at most")
        return self


class ShiftsBody(BaseModel):
    """Shifts to plan, or to change: a shift is known by its guard and its beginning."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "actor": "安全干部 王芳",
                    "shifts": [
                        {
                            "guard_id": "s001-g01",
                            "site_id": "s001",
                            "starts_at": "2026-12-01T07:00:00+08:00",
                            "ends_at": "2026-12-01T19:00:00+08:00",
                        }
                    ],
                }
            ]
        },
    )

    actor: Actor
    shifts: list[Shift] = Field(min_length=1, max_length=1000)


class ChangesReply(Reply):
    added: int
    changed: int
    unchanged: int


class CheckInReply(Reply):
    """A guard was seen. ``source``: `card/` or `patrol/` and the device, or `word/` and who said so."""

    check_in_no: int
    guard_id: str
    site_id: str
    at: datetime
    source: str


class CheckInBody(BaseModel):
    """Somebody's word that a guard is there."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"actor": "安全干部 王芳", "guard_id": "s001-g01", "site_id": "s001"}]},
    )

    actor: Actor
    guard_id: ShortId
    site_id: SiteKey
    at: AwareDatetime | None = Field(default=None, description="Null: now. Not in the future, nor over a day ago.")


class CheckInsReply(Reply):
    recorded: int = Field(description="0: it was known already.")


class PostReply(Versioned):
    site_id: str
    post_id: str
    place: str
    required: int
    at_arrival: bool
    at_leaving: bool


class PostBody(Edit):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"actor": "安全干部 王芳", "version": None, "place": "正门", "required": 3}]},
    )

    place: Name
    required: int = Field(ge=1, le=100, description="Guards, teachers and police together.")
    at_arrival: bool = True
    at_leaving: bool = True


class PostReportReply(Reply):
    report_no: int
    site_id: str
    post_id: str
    at: datetime
    present: int
    reporter: str


class PostReportBody(BaseModel):
    """Who stands there."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"actor": "值日教师 陈静", "present": 3}]}
    )

    actor: Actor
    present: int = Field(ge=0, le=1000)
    at: AwareDatetime | None = Field(default=None, description="Null: now. Not in the future, nor over a day ago.")


class OfficerReply(Versioned):
    """A safety officer. The telephone number is masked, and contacts, which are secrets, are counted only."""

    site_id: str
    name: str
    phone: str
    contacts: int
    language: str


class OfficerBody(Edit):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "actor": "安监科 李敏",
                    "version": None,
                    "phone": "13900000000",
                    "contacts": ["wecombot://key"],
                    "language": "zh",
                }
            ]
        },
    )

    phone: Code | None = Field(default=None, description="Null, or a masked one: as it is.")
    contacts: list[Annotated[str, Field(pattern=r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\x00]+$", max_length=500)]] | None = (
        Field(default=None, max_length=10, description="Apprise URLs; null: as they are.")
    )
    language: str = Field(default="zh", pattern=r"^(zh|en)$")


# -- premises ---------------------------------------------------------------------------------------------------------


class GateReply(Versioned):
    site_id: str
    gate_id: str
    name: str
    main: bool = Field(description="Main gates need hard barriers.")
    device_id: str = Field(description="The access control that tells whether it is open; empty: none.")
    closed_in_class: bool


class GateBody(Edit):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "actor": "安全干部 王芳",
                    "version": None,
                    "name": "正门",
                    "main": True,
                    "device_id": "s001-door-01",
                    "closed_in_class": True,
                }
            ]
        },
    )

    name: Name
    main: bool = False
    device_id: DeviceKey = ""
    closed_in_class: bool = True


class BarrierReply(Versioned):
    site_id: str
    barrier_id: str
    gate_id: str
    kind: BarrierKind
    installed_on: date | None
    inspected_on: date | None
    inspection_passed: bool
    inspection_days: int = Field(description="How long an inspection holds.")
    device_id: str = Field(description="Its state sensor; empty: none.")


class BarrierBody(Edit):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "actor": "安全干部 王芳",
                    "version": None,
                    "gate_id": "gate-1",
                    "kind": "lifting_bollard",
                    "installed_on": "2024-09-01",
                }
            ]
        },
    )

    gate_id: ShortId
    kind: BarrierKind
    installed_on: Day | None = None
    inspected_on: Day | None = None
    inspection_passed: bool = True
    inspection_days: int = Field(default=180, ge=1, le=3660)
    device_id: DeviceKey = ""


class InspectionReply(Reply):
    inspection_no: int
    site_id: str
    barrier_id: str
    inspected_on: date
    passed: bool
    inspector: str
    note: str


class InspectionBody(BaseModel):
    """Somebody looked at the barrier."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"actor": "安全干部 王芳", "inspected_on": "2026-11-20", "passed": True}]},
    )

    actor: Actor
    inspected_on: Day
    passed: bool
    note: Annotated[Text, Field(max_length=500)] = ""


# -- time -------------------------------------------------------------------------------------------------------------


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


class SpanBody(BaseModel):
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


class EnrolmentBody(BaseModel):
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
