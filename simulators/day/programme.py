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
from simulators.day.patrol import patrol_acts
from simulators.day.zones import zone_acts
from simulators.message import CHINA_TIME

#: What there is to a day. Another part of it is another line.
PARTS: Final[tuple[Callable[[SiteDay], Iterator[Act]], ...]] = (gate_acts, patrol_acts, camera_acts, zone_acts)

_due_ms = attrgetter("due_ms")


class Programme:
    """The days of ``sites``. Devices of other sites have none."""

    def __init__(self, seed: int, sites: Sequence[Site], devices: Sequence[Device]) -> None:
        self._seed = seed
        self._sites = sites
        self._devices: dict[str, list[tuple[int, Device]]] = {site.site_id: [] for site in sites}
        for device_no, device in enumerate(devices):
            if device.site_id in self._devices:
                self._devices[device.site_id].append((device_no, device))
        self._days: dict[date, list[Act]] = {}

    @property
    def days_kept(self) -> int:
        return len(self._days)

    def acts(self, since_ms: int, until_ms: int) -> list[Act]:
        """Those due from ``since_ms`` up to ``until_ms`` (not included), in order."""
        found: list[Act] = []
        day, last = _date(since_ms), _date(until_ms - 1)
        while day <= last and self._sites:
            acts = self._of(day)
            left = bisect_left(acts, since_ms, key=_due_ms)
            found += acts[left : bisect_left(acts, until_ms, left, key=_due_ms)]
            day += timedelta(days=1)
        return found

    def _of(self, day: date) -> list[Act]:
        """Kept for the days about the one that is asked for."""
        acts = self._days.get(day)
        if acts is None:
            acts = [
                act for site in self._sites for act in site_acts(self._seed, site, day, self._devices[site.site_id])
            ]
            acts.sort(key=_due_ms)
            for old in [known for known in self._days if abs(known - day) > timedelta(days=1)]:
                del self._days[old]
            self._days[day] = acts
        return acts


def site_acts(seed: int, site: Site, day: date, numbered: Sequence[tuple[int, Device]]) -> Iterator[Act]:
    """All acts of one site on one date (China's), in no order."""
    site_day = SiteDay(seed, site, day, numbered)
    for part in PARTS:
        yield from part(site_day)


def _date(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, CHINA_TIME).date()
