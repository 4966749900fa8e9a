"""Guards, their shifts, and when they were seen."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Self

from fastapi import Path
from pydantic import ConfigDict, Field, model_validator

from dashboards.moments import Moment
from dashboards.schemas import Actor, Incoming, Reply
from dashboards.schemas.registry import Code, Day, Edit, Name, ShortId, SiteKey, Versioned, Words, wrong

GuardId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,32}$", description="Guard.", examples=["s001-g01"])]


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


class PhoneBody(Incoming):
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


class Shift(Incoming):
    model_config = ConfigDict(extra="forbid")

    guard_id: ShortId
    site_id: SiteKey
    starts_at: Moment
    ends_at: Moment

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if not 0 < (self.ends_at - self.starts_at).total_seconds() <= 48 * 3600:
            raise wrong("ends_at", "expected after starts_at, by 48 hours at most")
        return self


class ShiftsBody(Incoming):
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


class CheckInBody(Incoming):
    """Somebody's word that a guard is there."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"actor": "安全干部 王芳", "guard_id": "s001-g01", "site_id": "s001"}]},
    )

    actor: Actor
    guard_id: ShortId
    site_id: SiteKey
    at: Moment | None = Field(default=None, description="Null: now. Not in the future, nor over a day ago.")


class CheckInsReply(Reply):
    recorded: int = Field(description="0: it was known already.")
