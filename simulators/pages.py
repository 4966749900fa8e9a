"""What an incident's page tells of happenings, for whoever sees the control room from outside."""

from __future__ import annotations

from datetime import datetime

from domain.delivery import DeliveryChannel, DeliveryState
from simulators.operator import SeenDelivery, SeenDetail, SeenEntry, SeenIncident
from simulators.scenarios.happening import CHANGES, DUTY, Happening, HappeningKind

_KINDS = {
    "raised": HappeningKind.INCIDENT,
    "delivery_delayed": HappeningKind.FAILURE,
    "delivery_failed": HappeningKind.FAILURE,
    **dict.fromkeys(CHANGES, HappeningKind.CHANGE),
}
_TAKEN = (DeliveryState.SENT, DeliveryState.RECEIVED)


def happenings_of(incident: SeenIncident, detail: SeenDetail) -> list[Happening]:
    """What an incident's page tells. A receipt happened when the other side says so, a notice when it was sent."""
    found = [_entry(incident, entry, kind) for entry in detail.timeline if (kind := _KINDS.get(entry.kind))]
    for delivery in detail.deliveries:
        at = delivery.received_at or delivery.sent_at
        if delivery.state in _TAKEN and at is not None:
            found.append(_delivery(incident, delivery, at))
    return found


def _entry(incident: SeenIncident, entry: SeenEntry, kind: HappeningKind) -> Happening:
    recipient = str(entry.detail.get("recipient", ""))
    match kind:
        case HappeningKind.INCIDENT:
            what = incident.rule
        case HappeningKind.CHANGE:
            what = entry.kind
        case _:
            what = recipient if entry.detail.get("channel") == DeliveryChannel.WEBHOOK.value else DUTY
    text = str(entry.detail.get("error", "")) or (entry.actor if kind is HappeningKind.CHANGE else "")
    return _of(incident, entry.at, kind, what, to=recipient, text=text)


def _delivery(incident: SeenIncident, delivery: SeenDelivery, at: datetime) -> Happening:
    if delivery.channel is DeliveryChannel.WEBHOOK:
        return _of(incident, at, HappeningKind.RECEIPT, delivery.recipient, to=delivery.recipient, text=delivery.notice)
    return _of(incident, at, HappeningKind.NOTICE, DUTY, to=delivery.recipient, text=delivery.notice)


def _of(incident: SeenIncident, at: datetime, kind: HappeningKind, what: str, *, to: str, text: str) -> Happening:
    return Happening(
        at_s=at.timestamp(),
        kind=kind,
        what=what,
        rule=incident.rule,
        site=incident.site_id,
        device=incident.device_id,
        to=to,
        severity=incident.severity,
        test=incident.test,
        drill=incident.drill,
        text=text,
    )
