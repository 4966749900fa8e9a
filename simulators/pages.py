"""What an incident's page tells of happenings, for whoever sees the control room from outside."""

from __future__ import annotations

from domain.delivery import DeliveryChannel, DeliveryState
from simulators.operator import SeenDetail, SeenIncident
from simulators.scenarios.happening import DUTY, Happening, HappeningKind, of_incident, of_line

_TAKEN = (DeliveryState.SENT, DeliveryState.RECEIVED)


def happenings_of(incident: SeenIncident, detail: SeenDetail) -> list[Happening]:
    """What an incident's page tells. A receipt happened when the other side says so, a notice when it was sent."""
    lines = (
        of_line(incident, entry.at.timestamp(), word=entry.kind, actor=entry.actor, detail=entry.detail)
        for entry in detail.timeline
    )
    found = [line for line in lines if line is not None]
    for delivery in detail.deliveries:
        at = delivery.received_at or delivery.sent_at
        if delivery.state in _TAKEN and at is not None:
            link = delivery.channel is DeliveryChannel.WEBHOOK
            kind, what = (HappeningKind.RECEIPT, delivery.recipient) if link else (HappeningKind.NOTICE, DUTY)
            found.append(of_incident(incident, at.timestamp(), kind, what, to=delivery.recipient, text=delivery.notice))
    return found
