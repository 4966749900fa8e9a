"""Why a message was put aside. A quarantined message is kept whole, can be looked at and replayed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Reason(StrEnum):
    BAD_TOPIC = "bad_topic"  # not campus/v1/{site}/{device}/{channel}, or not UTF-8
    EMPTY_PAYLOAD = "empty_payload"
    TOO_LARGE = "too_large"
    BAD_JSON = "bad_json"
    BAD_FIELD = "bad_field"  # a field is missing or of the wrong type
    BAD_VERSION = "bad_version"
    UNKNOWN_SITE = "unknown_site"
    UNKNOWN_DEVICE = "unknown_device"  # offered for adoption
    ABSURD_VALUE = "absurd_value"
    FROM_THE_FUTURE = "from_the_future"
    TOO_OLD = "too_old"
    RATE_LIMITED = "rate_limited"  # nothing wrong with it but that its device sends too much (ADR 10)
    UNSTORABLE = "unstorable"  # well-formed as far as we can see, and yet the database refused it


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """One message, or one entry of a batch, that was put aside. ``payload`` is cut at 64 KiB, ``size`` is whole.

    ``device_no`` is 0 where no registered device can be told. ``said_at`` is the time it named, where that is what is
    wrong with it. ``place`` tells equal entries of one batch apart; ``again``: the broker may have sent it before.
    """

    received_at: datetime
    topic: str
    site_id: str
    device_id: str
    channel: str
    reason: Reason
    detail: str
    payload: bytes
    size: int
    device_no: int = 0
    said_at: datetime | None = None
    place: int = 0
    again: bool = False
