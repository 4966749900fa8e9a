"""It is such a time at the site: schedules as conditions. They remember nothing."""

from __future__ import annotations

from typing import Any

from detectors.conditions.leaf import Leaf
from detectors.documents.form import Schedule, Weekly
from detectors.grounds import Grounds
from detectors.hours import Hours
from domain.bells import Bells


class Time(Leaf):
    """``number`` is a site."""

    timed = True

    def __init__(self, form: Schedule | Weekly, grounds: Grounds) -> None:
        super().__init__("schedule")
        self._form = form
        self._grounds = grounds
        self._hours: dict[int, Hours] = {}  # of sites
        self._by_bells: dict[Bells, Hours] = {}

    def use(self, grounds: Grounds) -> None:
        self._grounds = grounds
        self._hours.clear()
        self._by_bells.clear()

    def _of(self, site_no: int) -> Hours:
        hours = self._hours.get(site_no)
        if hours is None:
            bells = self._grounds.bells_of(site_no)
            hours = self._by_bells.get(bells)
            if hours is None:
                hours = self._by_bells[bells] = Hours(self._form, bells, self._grounds.calendar, self._grounds.zone)
            self._hours[site_no] = hours
        return hours

    def holds(self, number: Any, now_s: float) -> bool:
        return self._of(number).holds(now_s)

    def next_s(self, number: Any, now_s: float) -> float:
        return self._of(number).next_s(now_s)
