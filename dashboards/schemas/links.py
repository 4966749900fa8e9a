"""Links as they are supervised, and what the other agencies answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from dashboards.schemas import Actor, Incoming, Reasoned, Reply
from domain.delivery import DeliveryState


class LinkStateReply(Reply):
    """One link as it is supervised."""

    link_id: str
    watched_since: datetime | None
    alive_since: datetime | None = Field(description="Null while it is silent or was not proved yet.")
    silent_since: datetime | None
    heartbeat_sent_at: datetime | None
    heartbeat_answered_at: datetime | None
    last_error: str | None
    test_sent_at: datetime | None
    test_receipted_at: datetime | None
    test_receipt_id: str | None
    untested_since: datetime | None = Field(description="Since when test alarms bring no receipt: an incident.")
    paused_until: datetime | None = Field(
        description="Neither heartbeats nor test alarms until then, because the far end is worked on; alarms go out."
    )
    pause_reason: str
    queued: int = Field(description="Deliveries that wait for it.")
    oldest_queued_at: datetime | None


class PauseBody(Incoming):
    """How long, and why: it stands in the audit."""

    actor: Actor
    hours: float = Field(ge=0.1, le=72)
    reason: Reasoned


class ResentReply(Reply):
    delivery_id: UUID
    state: DeliveryState


class AnswerData(Incoming):
    webhook_id: str = Field(description="That of the delivery, `msg_` and 32 hex digits.")
    answer: Literal["accepted", "refused"]
    by: str = Field(default="", max_length=100, description="Who there; shown in the timeline.")
    at: datetime | None = Field(default=None, description="When; missing = now.")
    note: str = Field(default="", max_length=500)


class AnswerBody(Incoming):
    """What the other agency sends; the signature is in the headers."""

    type: Literal["delivery.answered"] = "delivery.answered"
    data: AnswerData


class AnsweredReply(Reply):
    taken: bool
    news: bool = Field(description="False where it was known already.")
