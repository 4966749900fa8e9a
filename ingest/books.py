"""The books of a parcel: what came in at the door and what became of it, by site and by the hour in which it came.

Both sides are counted by themselves: the door counts what the decoder gave, before anybody has done anything with it;
the rest is counted from what the database says that it took. So they can differ, and a difference means something.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.observation import Observation, Reading
from storage.ledger import AUDITED, LedgerLine
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
    """What came in of one site. ``written``: rows that tables got of it, as far as the audit counts them."""

    received: int = 0
    stored: int = 0
    rejected: int = 0
    duplicate: int = 0
    written: int = 0

    def add(self, other: Counts) -> None:
        self.received += other.received
        self.stored += other.stored
        self.rejected += other.rejected
        self.duplicate += other.duplicate
        self.written += other.written


@dataclass(slots=True)
class Books:
    """Hour → site_no → counts."""

    lines: dict[datetime, dict[int, Counts]] = field(default_factory=dict)

    def line(self, hour: datetime, site_no: int) -> Counts:
        sites = self.lines.setdefault(hour, {})
        counts = sites.get(site_no)
        if counts is None:
            counts = sites[site_no] = Counts()
        return counts

    def receive(self, door: Tally) -> None:
        for hour, sites in door.items():
            for site_no, count in sites.items():
                if count:
                    self.line(hour, site_no).received += count

    def reject(self, turned_away: Tally) -> None:
        for hour, sites in turned_away.items():
            for site_no, count in sites.items():
                self.line(hour, site_no).rejected += count

    def store(self, observations: Sequence[Observation], stored: Stored) -> None:
        """Book what the database made of ``observations``."""
        if not observations:
            return
        if len(self.lines) == 1 and not stored.known and not stored.fewer:
            (hour,) = self.lines
            if min([one.at for one in observations]) >= hour - AUDITED:
                self._store_all(hour, observations, stored.rows)
                return
        for position, one in enumerate(observations):
            hour = hour_of(one.received_at)
            line = self.line(hour, one.device.site_no)
            if position in stored.known:
                line.duplicate += 1
                continue
            line.stored += 1
            if one.at >= hour - AUDITED:
                line.written += stored.fewer.get(position, len(one.values) if isinstance(one, Reading) else 1)

    def _store_all(self, hour: datetime, observations: Sequence[Observation], rows: int) -> None:
        """The usual case: all new, all of one hour, none older than what the audit looks at."""
        simple = rows == len(observations)
        for site_no, count in Counter([one.device.site_no for one in observations]).items():
            line = self.line(hour, site_no)
            line.stored += count
            if simple:
                line.written += count
        if not simple:
            for one in observations:
                self.line(hour, one.device.site_no).written += len(one.values) if isinstance(one, Reading) else 1

    def by_site(self) -> dict[int, Counts]:
        found: dict[int, Counts] = {}
        for sites in self.lines.values():
            for site_no, counts in sites.items():
                found.setdefault(site_no, Counts()).add(counts)
        return found

    def ledger_lines(self) -> dict[datetime, list[LedgerLine]]:
        return {
            hour: [
                LedgerLine(site_no, c.received, c.stored, c.rejected, c.duplicate, c.written)
                for site_no, c in sites.items()
            ]
            for hour, sites in self.lines.items()
        }
