"""Incidents with what was done and who was told."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from dashboards.schemas import EXAMPLE_AT, Reply
from domain.delivery import DeliveryChannel, DeliveryState, Notice
from domain.finding import Category, Severity
from domain.incident import IncidentState
from domain.verification import Verification

_EXAMPLE: dict[str, JsonValue] = {
    "incident_id": "0198f3a4-6f2e-7d7a-9c39-0d4cf5b8f001",
    "number": 1042,
    "rule": "one_key_alarm",
    "category": "panic",
    "severity": "critical",
    "life_safety": True,
    "test": False,
    "drill": False,
    "site_id": "s001",
    "site_name": "前黄实验学校",
    "site_name_en": "Qianhuang Experimental School",
    "device_id": "s001-btn-01",
    "device_name": "门卫一键报警",
    "place": "门卫室",
    "state": "raised",
    "raised_at": EXAMPLE_AT.isoformat(),
    "last_event_at": EXAMPLE_AT.isoformat(),
    "occurrences": 1,
    "acknowledged_at": None,
    "acknowledged_by": None,
    "returned_at": None,
    "reset_at": None,
    "closed_at": None,
    "detail": {},
    "grade": None,
    "verification": None,
    "verification_reason": None,
    "verified_at": None,
    "verified_by": None,
    "merged_into": None,
    "shelved_until": None,
    "shelved_by": None,
    "shelve_reason": None,
    "assigned_to": None,
    "assigned_at": None,
    "assigned_by": None,
    "aside": False,
}


class IncidentReply(Reply):
    """An incident. States and their order: ISA-18.2 / IEC 62682."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [_EXAMPLE]},
    )

    incident_id: UUID
    number: int | None = Field(description="The short one that people say aloud.")
    rule: str
    category: Category
    severity: Severity
    life_safety: bool = Field(description="Ends only through a person's acknowledgement and reset.")
    test: bool
    drill: bool
    site_id: str
    site_name: str
    site_name_en: str
    device_id: str
    device_name: str
    place: str
    state: IncidentState
    raised_at: datetime
    last_event_at: datetime
    occurrences: int
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    returned_at: datetime | None
    reset_at: datetime | None
    closed_at: datetime | None
    detail: dict[str, Any]
    grade: int | None = Field(description="Graded response: 1 (I, the gravest) to 4 (IV); null: not graded.")
    verification: Verification | None = Field(description="What a person found out; it ends nothing.")
    verification_reason: str | None = Field(description="A code of `/verification-reasons`.")
    verified_at: datetime | None
    verified_by: str | None
    merged_into: UUID | None = Field(description="The incident that it is handled under; it keeps a state of its own.")
    shelved_until: datetime | None = Field(description="Out of the queue until then; never life safety.")
    shelved_by: str | None
    shelve_reason: str | None
    assigned_to: str | None = Field(description="Who has it in hand; that acknowledges nothing.")
    assigned_at: datetime | None
    assigned_by: str | None
    aside: bool = Field(description="Not in the open queue: shelved, or handled under another.")


class TimelineReply(Reply):
    at: datetime
    kind: str
    actor: str
    detail: dict[str, Any]


class DeliveryReply(Reply):
    delivery_id: UUID
    channel: DeliveryChannel
    recipient: str = Field(description="Link or duty leader; of an address only the scheme is shown.")
    notice: Notice
    state: DeliveryState
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    received_at: datetime | None = Field(description="When the other side says it had it.")
    receipt_id: str | None
    last_error: str | None
    answered_at: datetime | None = Field(description="When a person at the link accepted or refused it.")
    answered_by: str | None
    answer_note: str | None


class RelatedReply(Reply):
    """An incident that is handled with another."""

    incident_id: UUID
    number: int
    rule: str
    site_id: str
    device_id: str
    state: IncidentState
    life_safety: bool


class AttachmentReply(Reply):
    """A file, without its content."""

    attachment_no: int
    incident_id: UUID
    at: datetime
    actor: str
    name: str
    media_type: str = Field(description="By its content.")
    size: int
    sha256: str


class IncidentDetailReply(IncidentReply):
    """An incident with what was done (the newest 500 entries), who was told, what is handled with it and attached."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    **_EXAMPLE,
                    "timeline": [{"at": EXAMPLE_AT.isoformat(), "kind": "raised", "actor": "", "detail": {}}],
                    "deliveries": [],
                    "related": [],
                    "attachments": [],
                }
            ]
        },
    )

    timeline: list[TimelineReply]
    deliveries: list[DeliveryReply]
    related: list[RelatedReply] = Field(description="What it is merged into, and what is merged into it.")
    attachments: list[AttachmentReply]
