"""What is answered about duty and about the response to incidents."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from dashboards.schemas import Reply
from domain.delivery import DeliveryChannel
from domain.duty import DutyRole, Source


class ContactReply(Reply):
    """A way to somebody. Its address is a secret and is shown nowhere."""

    contact_no: int
    channel: DeliveryChannel
    rank: int = Field(description="0 is the way that is preferred.")
    test_ok: bool | None = Field(description="How its last test message went; null before the first.")
    tested_at: datetime | None
    verified_at: datetime | None = Field(description="When somebody last answered what was sent there.")


class PersonReply(Reply):
    person_id: str
    name: str
    site_id: str = Field(description="Empty = the bureau.")
    language: Literal["zh", "en"]
    reachable: bool = Field(description="There is a way that did not fail its last test.")
    contacts: list[ContactReply]


class PeopleReply(Reply):
    items: list[PersonReply]


class OnDutyReply(PersonReply):
    role: DutyRole
    on_duty_for: str = Field(description="The site whose roster names him; empty = the bureau.")
    source: Source


class OnDutyListReply(Reply):
    items: list[OnDutyReply]


class DutyShiftReply(Reply):
    shift_no: int
    name: str
    site_id: str
    role: DutyRole
    starts_at: datetime
    ends_at: datetime


class ShiftsReply(Reply):
    items: list[DutyShiftReply]


class RosterFaultReply(Reply):
    kind: Literal["gap", "no_contact", "test_failed"]
    site_id: str
    role: DutyRole | None
    starts_at: datetime | None
    ends_at: datetime | None
    person: str
    contact_no: int | None
    zh: str
    en: str


class RosterFaultsReply(Reply):
    items: list[RosterFaultReply]


class OverrideReply(Reply):
    override_no: int


class SwapReply(Reply):
    swap_no: int


class HandoverReply(Reply):
    stands_in_until: datetime | None = Field(description="null: who takes over is on duty already.")


class ContactTestReply(Reply):
    ok: bool
    error: str


class DoneReply(Reply):
    item: str
    at: datetime
    actor: str
    note: str


class CheckReply(Reply):
    item: str
    zh: str
    en: str
    done: DoneReply | None


class ResponseReply(Reply):
    """How an incident is answered."""

    incident_id: UUID
    run: int = Field(description="How often its steps were begun anew.")
    state: Literal["running", "taken", "exhausted", "over"]
    grade: int | None = Field(description="1 is the gravest; null before it was graded.")
    plan_version: int | None
    step: int = Field(description="The next one, from 0.")
    round: int
    steps: int
    rounds: int
    life_safety: bool
    began_at: datetime
    next_at: datetime | None = Field(description="When something happens by itself.")
    taken_by: str | None
    taken_at: datetime | None
    taken_before: str | None = Field(description="Who had taken it when it called again; told with the first step.")
    checklist: list[CheckReply]


class PlanReply(Reply):
    """The plan that holds; version 0 is the one that ships."""

    version: int
    plan: dict[str, Any]
    made_at: datetime | None
    made_by: str
    note: str


class VersionReply(Reply):
    version: int


class TemplateReply(Reply):
    title: str
    text: str


class TemplatesReply(Reply):
    call: TemplateReply
    again: TemplateReply
    anew: TemplateReply
    test: TemplateReply
    link: TemplateReply
