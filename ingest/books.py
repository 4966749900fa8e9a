"""The books of a parcel: what came in at the door and what became of it, by site and by the hour in which it came.

Both sides are counted by themselves: the door counts what the decoder gave, before anybody has done anything with it;
the rest is counted from what the database says that it took. So they can differ, and a difference means something.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import repeat

from domain.observation import Observation, Reading
from storage.ledger import AUDITED, LedgerPage
from storage.observations import Stored

HOUR = timedelta(hours=1)

#: Hour (aware UTC) → site_no → how many.
Tally = dict[datetime, Counter[int]]


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def add(tally: Tally, other: Tally) -> None:
    for hour, sites in other.items():
        tally.setdefault(hour, Counter()).update(sites)


@dataclass(slots=True)
class Counts:
    """What came in, and what became of it."""

    received: int = 0
    stored: int = 0
    rejected: int = 0
    duplicate: int = 0

    def add(self, other: Counts) -> None:
        self.received += other.received
        self.stored += other.stored
        self.rejected += other.rejected
        self.duplicate += other.duplicate


@dataclass(slots=True)
class _Hour:
    """site_no → how many, a column for each question: in a batch of a whole province nearly each heartbeat brings a
    site of its own, and a line for each would be dearer than to judge the heartbeat. ``written``: rows that tables
    got, as far as the audit counts them.
    """

    received: Counter[int] = field(default_factory=Counter)
    stored: Counter[int] = field(default_factory=Counter)
    rejected: Counter[int] = field(default_factory=Counter)
    duplicate: Counter[int] = field(default_factory=Counter)
    written: Counter[int] = field(default_factory=Counter)

    def page(self) -> LedgerPage:
        sites = list({**self.received, **self.stored, **self.rejected, **self.duplicate})
        columns = (self.received, self.stored, self.rejected, self.duplicate, self.written)
        return LedgerPage(sites, *(list(map(column.get, sites, repeat(0))) for column in columns))


@dataclass(slots=True)
class Books:
    """By the hour of receipt and by site."""

    hours: dict[datetime, _Hour] = field(default_factory=dict)

    def hour(self, hour: datetime) -> _Hour:
        booked = self.hours.get(hour)
        if booked is None:
            booked = self.hours[hour] = _Hour()
        return booked

    def receive(self, door: Tally) -> None:
        for hour, sites in door.items():
            self.hour(hour).received.update(sites)

    def reject(self, turned_away: Tally) -> None:
        for hour, sites in turned_away.items():
            self.hour(hour).rejected.update(sites)

    def store(self, observations: Sequence[Observation], stored: Stored) -> None:
        """Book what the database made of ``observations``."""
        if not observations:
            return
        if len(self.hours) == 1 and not stored.known and not stored.fewer:
            (hour,) = self.hours
            if min([one.at for one in observations]) >= hour - AUDITED:
                self._store_all(self.hours[hour], observations, stored.rows)
                return
        for position, one in enumerate(observations):
            hour, site_no = hour_of(one.received_at), one.device.site_no
            booked = self.hour(hour)
            if position in stored.known:
                booked.duplicate[site_no] += 1
                continue
            booked.stored[site_no] += 1
            if one.at >= hour - AUDITED:
                booked.written[site_no] += stored.fewer.get(position, _rows(one))

    @staticmethod
    def _store_all(booked: _Hour, observations: Sequence[Observation], rows: int) -> None:
        """The usual case: all new, all of one hour, none older than what the audit looks at."""
        sites = [one.device.site_no for one in observations]
        booked.stored.update(sites)
        if rows == len(observations):
            booked.written.update(sites)
        else:
            for site_no, one in zip(sites, observations, strict=True):
                booked.written[site_no] += _rows(one)

    def total(self) -> Counts:
        """Of all hours and sites."""
        hours = self.hours.values()
        return Counts(
            received=sum(hour.received.total() for hour in hours),
            stored=sum(hour.stored.total() for hour in hours),
            rejected=sum(hour.rejected.total() for hour in hours),
            duplicate=sum(hour.duplicate.total() for hour in hours),
        )

    def pages(self) -> dict[datetime, LedgerPage]:
        return {hour: booked.page() for hour, booked in self.hours.items()}


def _rows(observation: Observation) -> int:
    return len(observation.values) if isinstance(observation, Reading) else 1
