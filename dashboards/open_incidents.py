"""The open incidents as the wall remembers them: one write costs as little among ten thousand as among ten. Pure.

Each site and the queue keep their incidents in order, so that the worst of a site and the head of the queue lie in
front. Slices keep check sums of what is known, to be compared with those of the database.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from storage.wall import SLICES, IncidentMark, SiteIncidents, Worst


class _InSite(NamedTuple):
    rank: int
    answered: bool
    age: float
    number: int  # the newest first, like `age`; it settles every tie, so that marks are never compared
    mark: IncidentMark


class _InQueue(NamedTuple):
    answered: bool
    rank: int
    age: float
    number: int
    incident_id: UUID


class _Site:
    def __init__(self) -> None:
        self.order: list[_InSite] = []
        self.unacknowledged = 0
        self.aside = 0


def _in_site(mark: IncidentMark) -> _InSite:
    return _InSite(mark.severity.rank, not mark.unacknowledged, -mark.raised_at.timestamp(), -mark.number, mark)


def _in_queue(mark: IncidentMark) -> _InQueue:
    return _InQueue(
        not mark.unacknowledged, mark.severity.rank, -mark.raised_at.timestamp(), -mark.number, mark.incident_id
    )


class OpenIncidents:
    def __init__(self, marks: Iterable[IncidentMark] = ()) -> None:
        self._marks: dict[UUID, IncidentMark] = {}
        self._slices: list[set[UUID]] = [set() for _ in range(SLICES)]
        self._sums = [0] * SLICES
        self._sites: dict[int, _Site] = {}
        self._at_sites: dict[int, SiteIncidents] = {}
        self._queue: list[_InQueue] = []
        for mark in marks:
            self.put(mark)

    def __len__(self) -> int:
        return len(self._marks)

    def put(self, mark: IncidentMark) -> bool:
        """What is known of an incident from now on; False when it was known already."""
        known = self._marks.get(mark.incident_id)
        if known == mark:
            return False
        if known is not None:
            self.drop(known.incident_id)
        part = mark.number % SLICES
        self._marks[mark.incident_id] = mark
        self._slices[part].add(mark.incident_id)
        self._sums[part] ^= mark.version
        if mark.open:
            self._at_sites.pop(mark.site_no, None)
            site = self._sites.setdefault(mark.site_no, _Site())
            insort(site.order, _in_site(mark))
            site.unacknowledged += mark.unacknowledged
            site.aside += mark.aside
            if not mark.aside:
                insort(self._queue, _in_queue(mark))
        return True

    def drop(self, incident_id: UUID) -> IncidentMark | None:
        """Forget an incident; the mark that it had."""
        mark = self._marks.pop(incident_id, None)
        if mark is None:
            return None
        part = mark.number % SLICES
        self._slices[part].discard(incident_id)
        self._sums[part] ^= mark.version
        if mark.open:
            self._at_sites.pop(mark.site_no, None)
            site = self._sites[mark.site_no]
            del site.order[bisect_left(site.order, _in_site(mark))]
            site.unacknowledged -= mark.unacknowledged
            site.aside -= mark.aside
            if not site.order:
                del self._sites[mark.site_no]
            if not mark.aside:
                del self._queue[bisect_left(self._queue, _in_queue(mark))]
        return mark

    def differing(self, sums: Mapping[int, int]) -> list[int]:
        """The slices whose check sums are not those of ``sums``; a slice that is not there is empty."""
        return [part for part, known in enumerate(self._sums) if known != sums.get(part, 0)]

    def in_slices(self, slices: Collection[int]) -> set[UUID]:
        return {incident_id for part in slices for incident_id in self._slices[part]}

    def head(self, most: int) -> list[UUID]:
        """The first of the queue: unacknowledged first, then the worst, then the newest; without what is aside."""
        return [place.incident_id for place in islice(self._queue, most)]

    def head_at(self, site_nos: Iterable[int], most: int) -> list[UUID]:
        """As `head`, of these sites alone."""
        found = [
            _in_queue(place.mark)
            for site_no in site_nos
            if site_no in self._sites
            for place in self._sites[site_no].order
            if not place.mark.aside
        ]
        return [place.incident_id for place in sorted(found)[:most]]

    def at_sites(self) -> Mapping[int, SiteIncidents]:
        """What is open at each site; at sites that are not there, nothing."""
        for site_no, site in self._sites.items():
            if site_no not in self._at_sites:
                worst = site.order[0].mark
                self._at_sites[site_no] = SiteIncidents(
                    len(site.order),
                    site.unacknowledged,
                    Worst(worst.incident_id, worst.category, worst.severity),
                    site.aside,
                )
        return self._at_sites
