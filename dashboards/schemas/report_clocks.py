"""The two-hour clock and its reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from dashboards.moments import Moment
from dashboards.schemas import Reply, SignBody, Text
from domain.report import ClockState, ReportKind


class ClockBody(SignBody):
    """What a clock is started for: an incident, or a matter that ``subject`` names."""

    incident_id: UUID | None = None
    site_id: str = Field(default="", pattern=r"^[a-z0-9-]{0,32}$")
    subject: Text = Field(default="", max_length=200)
    began_at: Moment | None = Field(default=None, description="Missing = now; of an incident, when it was raised.")
    reason: Text = Field(default="", max_length=500)


class DraftBody(SignBody):
    kind: ReportKind


class EditBody(SignBody):
    text: Text = Field(min_length=1, max_length=20_000)


class ClockReply(Reply):
    """A two-hour clock."""

    clock_id: UUID
    incident_id: UUID | None
    number: int | None
    site_id: str
    subject: str
    started_at: datetime
    started_by: str
    reason: str
    due_at: datetime
    state: ClockState
    warned_minutes: int
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str


class ReportReply(Reply):
    report_id: UUID
    clock_id: UUID
    kind: ReportKind
    place: int
    state: str
    text: str
    drafted_at: datetime
    drafted_by: str
    edited_at: datetime
    edited_by: str
    approved_at: datetime | None
    approved_by: str | None
    delivery_id: UUID | None
    delivery_state: str | None
    receipted_at: datetime | None
    receipt_id: str | None


class ReportEventReply(Reply):
    at: datetime
    kind: str
    actor: str
    report_id: UUID | None
    detail: dict[str, Any]


class ClockDetailReply(ClockReply):
    reports: list[ReportReply]
    events: list[ReportEventReply]
