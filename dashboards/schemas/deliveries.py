"""What the API answers about deliveries of all incidents."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from dashboards.schemas import PageReply, Reply
from domain.delivery import DeliveryChannel, DeliveryState, Notice


class DeliveryLineReply(Reply):
    """One message to one recipient."""

    delivery_id: UUID
    incident_id: UUID | None = Field(description="Null: of a report, an early warning or a link itself.")
    number: int | None
    rule: str | None
    site_id: str | None
    channel: DeliveryChannel
    recipient: str = Field(description="Link or person; of an address only the scheme is shown.")
    notice: Notice
    state: DeliveryState
    life_safety: bool
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None = Field(description="Of what waits.")
    sent_at: datetime | None
    received_at: datetime | None
    receipt_id: str | None
    last_error: str | None


class DeliveryCountsReply(Reply):
    waiting: int
    retried: int = Field(description="Of the waiting, those that were tried in vain.")
    failed: int = Field(description="Given up, of the last seven days.")


class DeliveriesReply(PageReply[DeliveryLineReply]):
    """A page of deliveries, and how many there are."""

    counts: DeliveryCountsReply
