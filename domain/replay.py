"""Replay: what became of messages that were put aside once and decoded again."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import msgspec

from domain.quarantine import Reason


class ReplayedAlarm(msgspec.Struct, frozen=True):
    """An alarm that turned out to have been among them: nobody was called, so people have to be told of it."""

    site_id: str
    device_id: str
    alarm: str
    at: datetime
    received_at: datetime
    test: bool
    drill: bool


class ReplayReport(msgspec.Struct):
    """``replayed`` of the messages gave observations (``stored``, or ``duplicate`` where they were there already);
    ``refused`` by what is wrong with them still; ``cut`` ones are not whole in the table. ``next`` is the number to go
    on behind; None = that was all.
    """

    examined: int = 0
    replayed: int = 0
    stored: int = 0
    duplicate: int = 0
    cut: int = 0
    refused: dict[Reason, int] = {}
    alarms: list[ReplayedAlarm] = []
    next: int | None = None

    def add(self, other: ReplayReport) -> None:
        """``other`` is what came after this."""
        self.examined += other.examined
        self.replayed += other.replayed
        self.stored += other.stored
        self.duplicate += other.duplicate
        self.cut += other.cut
        self.refused = dict(Counter(self.refused) + Counter(other.refused))
        self.alarms = [*self.alarms, *other.alarms]
        self.next = other.next
