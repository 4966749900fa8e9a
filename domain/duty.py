"""Duty: who leads (带班领导) and when."""

from __future__ import annotations

from datetime import datetime

import msgspec


class DutyShift(msgspec.Struct, frozen=True, kw_only=True):
    """One leader's shift, for the whole district when ``site_id`` is empty.

    ``contacts`` are Apprise URLs and hold secrets: never log or show them.
    """

    shift_no: int
    leader: str
    site_id: str
    contacts: tuple[str, ...]
    language: str
    starts_at: datetime
    ends_at: datetime
