"""The programme of a district: the acts of all its sites in the order of their times, worked out a day at a time.

Nothing needs a history: the acts of a date follow from the seed, the site and the date.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Final

from domain.device import Device
from domain.site import Site
from simulators.day.act import Act, SiteDay
from simulators.day.cameras import camera_acts
from simulators.day.gates import gate_acts
from simulators.day.guards import guard_acts
from simulators.day.patrol import patrol_acts
from simulators.day.standing import standing_acts
from simulators.day.zones import zone_acts
from simulators.message import CHINA_TIME

#: What there is to a day. Another part of it is another line.
PARTS: Final[tuple[Callable[[SiteDay], Iterator[Act]], ...]] = (
    gate_acts,
    guard_acts,
    patrol_acts,
    camera_acts,
    zone_acts,
)

_due_ms = attrgetter("due_ms")


#: Tomorrow is worked out little by little, in so many portions, so that nothing stands still at midnight.
_PORTIONS: Final = 1000


class Programme:
    """The days of ``sites``. Devices of other sites have none."""

    def __init__(self, seed: int, sites: Sequence[Site], devices: Sequence[Device]) -> None:
        self._seed = seed
        self._sites = sites
        self._places = {site.site_id: place for place, site in enumerate(sites)}
        self._numbered: list[list[tuple[int, Device]]] = [[] for _ in sites]
        self._site_ids = [device.site_id for device in devices]
        for device_no, device in enumerate(devices):
            if (place := self._places.get(device.site_id)) is not None:
                self._numbered[place].append((device_no, device))
        self._today: tuple[date | None, list[Act]] = (None, [])
        self._tomorrow: tuple[date | None, list[Act]] = (None, [])
        self._worked_out = 0  # so many sites of tomorrow

    def acts(self, since_ms: int, until_ms: int) -> list[Act]:
        """Those due from ``since_ms`` up to ``until_ms`` (not included), in order. Faster when asked for in order."""
        found: list[Act] = []
        day, last = _date(since_ms), _date(until_ms - 1)
        while day <= last and self._sites:
            acts = self._of(day)
            left = bisect_left(acts, since_ms, key=_due_ms)
            found += acts[left : bisect_left(acts, until_ms, left, key=_due_ms)]
            day += timedelta(days=1)
        return found

    def before(self, device_no: int, at_ms: int) -> Act | None:
        """The device's newest act before ``at_ms``, on its date or the one before."""
        place = self._places.get(self._site_ids[device_no])
        if place is None:
            return None
        days = (_date(at_ms), _date(at_ms) - timedelta(days=1))
        acts = (act for day in days for act in self._site_acts(place, day))
        return max(
            (act for act in acts if act.device_no == device_no and act.due_ms < at_ms), key=_due_ms, default=None
        )

    def standing(self, at_ms: int) -> Iterator[Act]:
        """How doors and barriers stand at ``at_ms``: what they reported last."""
        for place, site in enumerate(self._sites):
            yield from standing_acts(self._seed, site, _date(at_ms), self._numbered[place], at_ms)

    def _of(self, day: date) -> list[Act]:
        if self._today[0] != day:
            if self._tomorrow[0] != day:
                self._begin(day)
            self._work_on(len(self._sites))
            acts = self._tomorrow[1]
            acts.sort(key=_due_ms)
            self._today = (day, acts)
            self._begin(day + timedelta(days=1))
        else:
            self._work_on(1 + len(self._sites) // _PORTIONS)
        return self._today[1]

    def _begin(self, day: date) -> None:
        self._tomorrow, self._worked_out = (day, []), 0

    def _work_on(self, sites: int) -> None:
        day, acts = self._tomorrow
        assert day is not None
        first, self._worked_out = self._worked_out, min(len(self._sites), self._worked_out + sites)
        for place in range(first, self._worked_out):
            acts += self._site_acts(place, day)

    def _site_acts(self, place: int, day: date) -> Iterator[Act]:
        return site_acts(self._seed, self._sites[place], day, self._numbered[place])


def site_acts(seed: int, site: Site, day: date, numbered: Sequence[tuple[int, Device]]) -> Iterator[Act]:
    """All acts of one site on one date (China's), in no order."""
    site_day = SiteDay(seed, site, day, numbered)
    for part in PARTS:
        yield from part(site_day)


def _date(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, CHINA_TIME).date()
