"""Journals: what a lane has on local disk while the database does not take it."""

from __future__ import annotations

from datetime import datetime

import msgspec


class JournalState(msgspec.Struct, frozen=True, kw_only=True):
    """One lane's journal at one moment. ``sites``: messages by the site that their topics name, "" = none."""

    lane: str
    at: datetime
    messages: int
    size_bytes: int
    most_bytes: int
    sites: dict[str, int] = {}

    @property
    def fill(self) -> float:
        """0 to 1: how much of the bound is used."""
        return self.size_bytes / self.most_bytes
