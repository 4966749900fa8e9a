"""Excess: a speaker said more than its share, and part of it was not stored."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.device import RegisteredDevice


class Excess(msgspec.Struct, frozen=True, kw_only=True):
    """What was over the limit in one batch.

    With a ``device`` it was that device's own limit. Without one and ``unregistered`` it was the limit that all
    unregistered names of the site share; without either the limit of the site as a whole. ``site_no`` 0 = no known
    site. ``rate_per_s`` is how fast the speaker spoke when it was last measured, ``over`` how many were not stored.
    ``at`` is when the last of them arrived (aware UTC).
    """

    site_no: int
    site_id: str
    device: RegisteredDevice | None
    unregistered: bool
    channel: str
    rate_per_s: float
    limit_per_s: float
    over: int
    at: datetime
