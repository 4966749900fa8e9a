"""So many events in a window, or too few of them in a window or a day.

A window ends now and begins so long ago, by our clock. A day is the district's, by the devices' clocks, and is judged
at its end, if it was watched from its beginning; once it fell short, that holds until a day does not.

Too few can only be concluded of time in which somebody could have been heard: after we were deaf everybody has the
window once more, an hour at most.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from math import inf
from typing import Any

import msgspec

from detectors.conditions.leaf import TURNED, Leaf
from detectors.deafness import Deafness
from detectors.documents.form import Count
from detectors.grounds import Grounds
from detectors.hours import day_of, start_of
from detectors.lives import Heard
from domain.observation import Event, EventKind

_MOST_GRACE_S = 3600.0


class _Times(msgspec.Struct, gc=False, omit_defaults=True):
    """``heard_s``, ``said_s``: of the newest events, oldest first, no more than decide. ``short``: there were too few,
    and there are still.
    """

    since_s: float
    short: bool = False
    heard_s: list[float] = []
    said_s: list[float] = []


class CountInWindow(Leaf):
    """``number`` is the rule's subject: of a site, the events of all its devices count."""

    of_subject = True
    timed = True
    hears = (Event,)

    def __init__(self, form: Count, deafness: Deafness) -> None:
        assert form.within is not None
        super().__init__(f"count:{form.count_of}")
        self._event, self._window_s = EventKind(form.count_of), form.within
        self._fewer = form.fewer_than is not None
        self._many = form.fewer_than or form.at_least or 1
        self._grace_s = min(self._window_s, _MOST_GRACE_S)
        self._deafness = deafness
        self._times: dict[Any, _Times] = {}

    def take(self, said: Event, heard: Heard, number: Any) -> int:
        if said.event is not self._event or not said.active or heard is Heard.PAST:
            return 0
        heard_s, said_s = said.received_at.timestamp(), said.at.timestamp()
        times = self._times.get(number)
        if times is None:
            times = self._times[number] = _Times(heard_s)
        if said_s in times.said_s and said_s != heard_s:
            return 0  # the same one once more
        times.heard_s.append(heard_s)
        times.said_s.append(said_s)
        del times.heard_s[: -self._many], times.said_s[: -self._many]
        self.note(number)
        return TURNED

    def watch(self, number: Any, now_s: float) -> None:
        """It is watched from now on; silence counts from here."""
        if self._fewer and number not in self._times:
            self._times[number] = _Times(now_s)
            self.note(number)

    def _until_s(self, times: _Times) -> float:
        """Until when so many are in the window."""
        return times.heard_s[-self._many] + self._window_s if len(times.heard_s) >= self._many else -inf

    def _judged_s(self, times: _Times) -> float:
        """From when on too few are too few."""
        earliest_s = max(times.since_s + self._window_s, self._deafness.ended_s + self._grace_s)
        return max(earliest_s, self._until_s(times))

    def holds(self, number: Any, now_s: float) -> bool:
        times = self._times.get(number)
        if times is None:
            return False
        if not self._fewer:
            return now_s < self._until_s(times)
        short = now_s >= self._until_s(times) if times.short else now_s >= self._judged_s(times)
        if short is not times.short:
            times.short = short
            self.note(number)
        return short

    def next_s(self, number: Any, now_s: float) -> float:
        times = self._times.get(number)
        if times is None:
            return inf
        turns_s = self._judged_s(times) if self._fewer and not times.short else self._until_s(times)
        return turns_s if turns_s > now_s else inf

    def detail(self, number: Any) -> dict[str, Any]:
        times = self._times.get(number)
        return {} if times is None else {"count": len(times.heard_s), "within_s": round(self._window_s)}

    def memory(self, number: Any) -> Any:
        times = self._times.get(number)
        return None if times is None else msgspec.to_builtins(times)

    def recall(self, number: Any, memory: Any) -> None:
        if isinstance(memory, dict) and "day" not in memory:
            times = msgspec.convert(memory, _Times)
            del times.heard_s[: -self._many], times.said_s[: -self._many]
            self._times[number] = times

    def forget(self, number: Any) -> None:
        if self._times.pop(number, None) is not None:
            self.note(number)

    def numbers(self) -> Collection[Any]:
        return self._times


class _Day(msgspec.Struct, gc=False, omit_defaults=True):
    """``day``: the proleptic number of the day that is counted; ``short``: the last one that was judged fell short."""

    since_s: float
    day: int
    count: int = 0
    before: int = 0
    short: bool = False
    said_s: list[float] = []


class TooFewADay(Leaf):
    """Fewer than so many in a day of the district."""

    of_subject = True
    timed = True
    hears = (Event,)

    def __init__(self, form: Count, grounds: Grounds) -> None:
        super().__init__(f"count:{form.count_of}:day")
        self._event = EventKind(form.count_of)
        self._many = form.fewer_than or 1
        self._school_days = form.per == "school_day"
        self._grounds = grounds
        self._days: dict[Any, _Day] = {}

    def use(self, grounds: Grounds) -> None:
        self._grounds = grounds

    def take(self, said: Event, heard: Heard, number: Any) -> int:
        if said.event is not self._event or not said.active:
            return 0
        heard_s, said_s = said.received_at.timestamp(), said.at.timestamp()
        day = self._turned(number, heard_s)
        of = min(day_of(said_s, self._grounds.zone).toordinal(), day.day)
        if said_s in day.said_s and said_s != heard_s:
            return 0
        if of == day.day:
            day.count += 1
            enough = day.count >= self._many
        elif of == day.day - 1:
            day.before += 1
            enough = day.before >= self._many
        else:
            return 0
        day.said_s.append(said_s)
        del day.said_s[: -2 * self._many]
        self.note(number)
        if day.short and enough:
            day.short = False
            return TURNED
        return 0

    def watch(self, number: Any, now_s: float) -> None:
        if number not in self._days:
            self._days[number] = _Day(now_s, day_of(now_s, self._grounds.zone).toordinal())
            self.note(number)

    def _turned(self, number: Any, now_s: float) -> _Day:
        """The day of ``now_s``; those before it are judged."""
        zone = self._grounds.zone
        day = self._days.get(number)
        if day is None:
            self.watch(number, now_s)
            return self._days[number]
        date = day_of(now_s, zone)
        today = date.toordinal()
        if today <= day.day:
            return day
        ended = date.fromordinal(day.day)
        if today > day.day + 1:
            # Whole days went by unheard: nobody can tell what was in them.
            day.since_s, day.before = now_s, 0
        else:
            if day.since_s <= start_of(ended, zone) and self._counts(ended):
                day.short = day.count < self._many
            day.before = day.count
        day.day, day.count = today, 0
        self.note(number)
        return day

    def _counts(self, day: Any) -> bool:
        return not self._school_days or self._grounds.calendar.is_school_day(day)

    def holds(self, number: Any, now_s: float) -> bool:
        return number in self._days and self._turned(number, now_s).short

    def next_s(self, number: Any, now_s: float) -> float:
        if number not in self._days:
            return inf
        zone = self._grounds.zone
        return start_of(day_of(now_s, zone) + timedelta(days=1), zone)

    def detail(self, number: Any) -> dict[str, Any]:
        day = self._days.get(number)
        if day is None:
            return {}
        return {"count": day.before if day.short else day.count, "at_least": self._many}

    def memory(self, number: Any) -> Any:
        day = self._days.get(number)
        return None if day is None else msgspec.to_builtins(day)

    def recall(self, number: Any, memory: Any) -> None:
        if isinstance(memory, dict) and "day" in memory:
            self._days[number] = msgspec.convert(memory, _Day)

    def forget(self, number: Any) -> None:
        if self._days.pop(number, None) is not None:
            self.note(number)

    def numbers(self) -> Collection[Any]:
        return self._days
