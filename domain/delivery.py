"""Deliveries: one message to one recipient over one channel, and the receipt that proves its arrival.

::

    queued ──send──► sent (taken, no receipt asked) ──receipt──► received
       │  └─ temporary failure ─► queued again, later
       ├─ permanent failure or tries used up ─► failed
       └─ acknowledged before it was sent ─► cancelled
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec


class DeliveryState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    RECEIVED = "received"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeliveryChannel(StrEnum):
    WEBHOOK = "webhook"  # a link to police or education
    APPRISE = "apprise"  # a duty leader


class Notice(StrEnum):
    """Why something is sent."""

    RAISED = "raised"
    RETURNED = "returned"
    RESET = "reset"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """``delivery_id`` stays the same over all tries: the receiver recognises a second copy by it (``webhook-id``)."""

    delivery_id: UUID
    incident_id: UUID
    channel: DeliveryChannel
    recipient: str
    notice: Notice
    body: dict[str, Any]
    state: DeliveryState = DeliveryState.QUEUED
    attempts: int = 0
    created_at: datetime
    next_attempt_at: datetime


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the other side answered: its own number for the alarm and when it had it."""

    receipt_id: str
    received_at: datetime
    detail: dict[str, Any] = {}
