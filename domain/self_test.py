"""Periodic self-tests: a one-key alarm is pressed with its test mark and receipted by police and education; a link is
tried by a test alarm that the system sends itself.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class SelfTest(msgspec.Struct, frozen=True, kw_only=True):
    """When one is due. Without a ``device_id`` it is that of the link itself. ``last_at`` None = it was never tried."""

    site_id: str
    device_id: str
    device_no: int | None
    name: str
    place: str
    link_id: str
    last_at: datetime | None
    due_at: datetime
