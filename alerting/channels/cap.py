"""CAP 1.2 documents over the same signed POST as webhooks, answered with the same receipt."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from alerting.cap import CapAddress, cap_document
from alerting.channels.webhook import Form
from domain.delivery import Delivery

MEDIA_TYPE = "application/cap+xml"


def cap_form(address: CapAddress, zone: ZoneInfo) -> Form:
    """How a `WebhookLink` says a delivery in CAP; times are told in ``zone``."""

    def form(delivery: Delivery) -> tuple[str, bytes]:
        return MEDIA_TYPE, cap_document(delivery.body, delivery.webhook_id, address, zone)

    return form
