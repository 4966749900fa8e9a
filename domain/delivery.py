"""Deliveries: one message to one recipient over one channel, and the receipt that proves its arrival.

::

    queued ──send──► sent (taken, no receipt yet) ──receipt──► received ──a person there──► accepted
       │  └─ temporary failure ─► queued again, later             │                            ▲ │
       ├─ permanent failure or tries used up ─► failed            └────────────────────────► refused
       │                                          └─ a person says so ─► queued again
       └─ acknowledged before it was sent ─► cancelled

A person's answer may overtake the receipt: the far end's screen can be faster than its answer on the line.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec


class DeliveryState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    RECEIVED = "received"
    ACCEPTED = "accepted"  # by a person there
    REFUSED = "refused"  # by a person there
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeliveryStep(StrEnum):
    """What befalls a delivery."""

    SEND = "send"  # it was taken, without a receipt
    RECEIPT = "receipt"
    ACCEPT = "accept"
    REFUSE = "refuse"
    RETRY = "retry"  # it was not taken, and is tried again
    FAIL = "fail"
    CANCEL = "cancel"
    RESEND = "resend"  # a person has it sent once more


_S, _T = DeliveryState, DeliveryStep

#: The legal moves. What is not here changes nothing: the second copy of a receipt, a failure after an arrival.
TRANSITIONS: Final[dict[tuple[DeliveryState, DeliveryStep], DeliveryState]] = {
    (_S.QUEUED, _T.RETRY): _S.QUEUED,
    (_S.QUEUED, _T.FAIL): _S.FAILED,
    (_S.QUEUED, _T.CANCEL): _S.CANCELLED,
    (_S.FAILED, _T.RESEND): _S.QUEUED,
    # A try that was under way when the delivery was given up or cancelled has arrived all the same.
    **{(state, _T.SEND): _S.SENT for state in (_S.QUEUED, _S.FAILED, _S.CANCELLED)},
    **{(state, _T.RECEIPT): _S.RECEIVED for state in (_S.QUEUED, _S.SENT, _S.FAILED, _S.CANCELLED)},
    **{
        (state, _T.ACCEPT): _S.ACCEPTED
        for state in (_S.QUEUED, _S.SENT, _S.RECEIVED, _S.FAILED, _S.CANCELLED, _S.REFUSED)
    },
    **{
        (state, _T.REFUSE): _S.REFUSED
        for state in (_S.QUEUED, _S.SENT, _S.RECEIVED, _S.FAILED, _S.CANCELLED, _S.ACCEPTED)
    },
}


def next_state(state: DeliveryState, step: DeliveryStep) -> DeliveryState:
    """The state after ``step``; the same one where the table has no such move."""
    return TRANSITIONS.get((state, step), state)


def before(step: DeliveryStep) -> list[str]:
    """The states in which ``step`` changes something, as the database has them."""
    return [state.value for state, taken in TRANSITIONS if taken is step]


class DeliveryChannel(StrEnum):
    WEBHOOK = "webhook"  # a link to police or education
    APPRISE = "apprise"  # a person, over one of the services that Apprise speaks to
    PEOPLE_WEBHOOK = "people_webhook"  # a person, over a system of his own
    VOICE = "voice"  # a person, called by a gateway that speaks


#: The ways to people; what is left of `DeliveryChannel` are links.
PEOPLE = tuple(channel for channel in DeliveryChannel if channel is not DeliveryChannel.WEBHOOK)


class Notice(StrEnum):
    """Why something is sent."""

    RAISED = "raised"
    RETURNED = "returned"
    RESET = "reset"
    REPORT = "report"  # 初报、续报、终报
    CLOCK = "clock"  # the two-hour clock runs out
    WARNING = "warning"  # an early warning, or a reminder of it
    HEARTBEAT = "heartbeat"  # never queued
    TEST = "test"  # of the link by the system itself; never queued


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """``delivery_id`` stays the same over all tries: the receiver recognises a second copy by it (``webhook-id``).
    ``incident_id`` None: it is about no incident.
    ``step_key``: the step of an escalation that it belongs to.
    """

    delivery_id: UUID
    incident_id: UUID | None
    channel: DeliveryChannel
    recipient: str
    notice: Notice
    body: dict[str, Any]
    state: DeliveryState = DeliveryState.QUEUED
    attempts: int = 0
    created_at: datetime
    next_attempt_at: datetime
    step_key: str | None = None

    @property
    def webhook_id(self) -> str:
        """What receivers know it by."""
        return f"msg_{self.delivery_id.hex}"


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the other side answered: its own number for the alarm and when it had it."""

    receipt_id: str
    received_at: datetime
    detail: dict[str, Any] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person at the far end said of a delivery, some time after its receipt. ``at`` is by the far end's clock,
    ``heard_at`` by ours (None = the same).
    """

    delivery_id: UUID
    accepted: bool
    by: str
    at: datetime
    note: str = ""
    heard_at: datetime | None = None
