"""Which camera is looked at next: every one at least once in a cycle, doubtful ones more often.

::

    ordinary  ── due once a cycle ──────────────────────► first
    doubtful  ── due after `doubt_s`, `DOUBT_TURNS` times ─► then, with what pace is left

The pace is twice what a cycle needs, so that one half of it covers everybody whatever the other half does: doubtful
cameras, or catching up after a restart. Cameras of one site, and of one recorder, are looked at a few at a time,
and one that hangs gives its room to the others; the first round goes from site to site. Pure: time comes in as seconds,
and what is remembered of a camera (when it was looked at, whether it is doubtful) is what the database holds, so that a
restart goes on where it was.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

#: A cycle is aimed at this much shorter, so that a look that takes its time is still within it.
AIM = 0.9
#: What is behind this many times what a cycle needs is looked at in a second.
PACE = 2.0
#: Who has been asked for so long and has not answered burdens nobody: its site's room is for the others.
HANGS_S = 5.0
#: So often a camera stays doubtful before it is looked at like all others again.
DOUBT_TURNS = 8
#: Cameras that cannot be looked at now, for others of their site are: so many are passed over in one go.
MOST_PASSED = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One camera. ``through``: what its pictures come through, a recorder or a host; ``looked_s`` None: never yet."""

    number: int
    site: int
    through: Hashable
    looked_s: float | None = None
    doubtful: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """``covered``: looked at within the last cycle; ``oldest_s``: how long ago the one was that waits longest (None:
    one was never looked at, or there is none).
    """

    cameras: int
    covered: int
    overdue: int
    doubtful: int
    under_way: int
    oldest_s: float | None

    @property
    def share(self) -> float | None:
        return self.covered / self.cameras if self.cameras else None


@dataclass(slots=True)
class _Place:
    stop: Stop
    looked_s: float | None
    due_s: float
    deadline_s: float
    doubts: int = 0
    busy: bool = False
    hangs: bool = False  # its room was given to others
    turn: int = 0  # entries in the heaps of an earlier turn are out of date

    @property
    def doubtful(self) -> bool:
        return self.doubts > 0


class Rota:
    """All cameras of this process. `due` hands out, `looked` takes back."""

    def __init__(
        self, *, cycle_s: float, doubt_s: float, most_at_once: int = 48, most_a_site: int = 4, most_through: int = 2
    ) -> None:
        self._cycle_s = cycle_s
        self._doubt_s = min(doubt_s, cycle_s)
        self._most_at_once = most_at_once
        self._most_a_site = most_a_site
        self._most_through = most_through
        self._places: dict[int, _Place] = {}
        self._ordinary: list[tuple[float, int, int]] = []
        self._doubtful: list[tuple[float, int, int]] = []
        self._at_site: Counter[int] = Counter()
        self._through: Counter[Hashable] = Counter()
        self._under_way = 0
        self._begun: deque[tuple[float, _Place, int]] = deque()
        self._credit = 2.0
        self._credit_s: float | None = None

    def enrol(self, stops: Iterable[Stop], now_s: float) -> None:
        """These are the cameras from now on. Who is known keeps his place; who is under way is taken back."""
        wanted = {stop.number: stop for stop in stops}
        for number in [number for number in self._places if number not in wanted]:
            if not self._places[number].busy:
                del self._places[number]
        fresh = [stop for number, stop in wanted.items() if number not in self._places]
        phases = _spread(fresh)
        for stop in wanted.values():
            known = self._places.get(stop.number)
            if known is not None:
                if not known.busy:
                    known.stop = stop
                continue
            if stop.looked_s is None:
                due_s = deadline_s = now_s + phases[stop.number] * AIM * self._cycle_s
            else:
                looked_s = min(stop.looked_s, now_s)  # a clock that was set back
                deadline_s = looked_s + AIM * self._cycle_s
                due_s = looked_s + self._doubt_s if stop.doubtful else deadline_s
            place = _Place(stop, stop.looked_s, due_s, deadline_s, doubts=DOUBT_TURNS if stop.doubtful else 0)
            self._places[stop.number] = place
            self._queue(place)

    def due(self, now_s: float) -> list[int]:
        """The cameras to look at now; each is under way until `looked` or `dropped`."""
        self._earn(now_s)
        self._pass_by_who_hangs(now_s)
        taken: list[int] = []
        for heap in (self._ordinary, self._doubtful):
            passed: list[tuple[float, int, int]] = []
            while (
                heap
                and heap[0][0] <= now_s
                and self._credit >= 1.0
                and self._under_way < self._most_at_once
                and len(passed) < MOST_PASSED
            ):
                entry = heapq.heappop(heap)
                place = self._places.get(entry[1])
                if place is None or place.turn != entry[2] or place.busy:
                    continue
                if not self._room(place.stop):
                    passed.append(entry)
                    continue
                self._begin(place, now_s)
                taken.append(entry[1])
            for entry in passed:
                heapq.heappush(heap, entry)
        return taken

    def looked(self, number: int, now_s: float, *, doubtful: bool) -> None:
        """The camera was looked at, whatever came of it; also one that sent a picture of its own accord."""
        place = self._places.get(number)
        if place is None:
            return
        self._end(number)
        place.looked_s = now_s
        if not doubtful:
            place.doubts = 0
        elif place.doubts == 0:
            place.doubts = DOUBT_TURNS
        elif place.doubts > 1:
            place.doubts -= 1
        place.deadline_s = now_s + AIM * self._cycle_s
        in_doubt = doubtful and place.doubts > 1
        place.due_s = now_s + self._doubt_s if in_doubt else place.deadline_s
        self._queue(place)

    def dropped(self, number: int, now_s: float) -> None:
        """It could not be looked at for a reason of ours (the database was away): its turn comes again soon."""
        place = self._end(number)
        if place is not None:
            place.due_s = place.deadline_s = now_s + 0.1 * self._doubt_s
            self._queue(place)

    def doubt(self, number: int, now_s: float) -> None:
        """Something happened elsewhere that makes the camera doubtful: it is looked at soon."""
        place = self._places.get(number)
        if place is not None and not place.busy and place.due_s > now_s:
            place.doubts = DOUBT_TURNS
            place.due_s = now_s
            self._queue(place)

    def progress(self, now_s: float) -> Progress:
        ages = [None if place.looked_s is None else now_s - place.looked_s for place in self._places.values()]
        known = [age for age in ages if age is not None]
        return Progress(
            cameras=len(ages),
            covered=sum(age <= self._cycle_s for age in known),
            overdue=sum(place.deadline_s + (1 - AIM) * self._cycle_s < now_s for place in self._places.values()),
            doubtful=sum(place.doubtful for place in self._places.values()),
            under_way=self._under_way,
            oldest_s=max(known) if known and len(known) == len(ages) else None,
        )

    # -- ------------------------------------------------------------------------------------------------------------

    def _earn(self, now_s: float) -> None:
        pace = PACE * max(len(self._places), 1) / self._cycle_s
        passed = 0.0 if self._credit_s is None else max(0.0, now_s - self._credit_s)
        self._credit_s = now_s
        # What was not used is lost, but for a few: no crowd after a quiet time.
        self._credit = min(self._credit + passed * pace, max(2.0, 2.0 * pace))

    def _room(self, stop: Stop) -> bool:
        return self._at_site[stop.site] < self._most_a_site and self._through[stop.through] < self._most_through

    def _begin(self, place: _Place, now_s: float) -> None:
        place.busy, place.hangs = True, False
        place.turn += 1
        self._begun.append((now_s, place, place.turn))
        self._at_site[place.stop.site] += 1
        self._through[place.stop.through] += 1
        self._under_way += 1
        self._credit -= 1.0

    def _end(self, number: int) -> _Place | None:
        place = self._places.get(number)
        if place is None or not place.busy:
            return None
        place.busy = False
        if not place.hangs:
            self._leave(place)
        self._under_way -= 1
        return place

    def _pass_by_who_hangs(self, now_s: float) -> None:
        while self._begun and self._begun[0][0] <= now_s - HANGS_S:
            _, place, turn = self._begun.popleft()
            if place.busy and place.turn == turn:
                place.hangs = True
                self._leave(place)

    def _leave(self, place: _Place) -> None:
        self._at_site[place.stop.site] -= 1
        self._through[place.stop.through] -= 1

    def _queue(self, place: _Place) -> None:
        place.turn += 1
        number = place.stop.number
        # Whoever has to be looked at for the sake of the cycle goes with the ordinary ones, doubtful or not.
        heapq.heappush(self._ordinary, (place.deadline_s, number, place.turn))
        if place.due_s < place.deadline_s:
            heapq.heappush(self._doubtful, (place.due_s, number, place.turn))


def _spread(stops: Iterable[Stop]) -> dict[int, float]:
    """Phases from 0 to 1 in which neighbours are of different sites."""
    seen: Counter[int] = Counter()
    ranked = []
    for stop in sorted(stops, key=lambda one: (one.site, one.number)):
        ranked.append((seen[stop.site], stop.site, stop.number))
        seen[stop.site] += 1
    # By its place within its site: a large school is spread over the whole cycle, as a small one is.
    ranked.sort(key=lambda one: ((one[0] + 0.5) / seen[one[1]], one[1]))
    return {number: place / len(ranked) for place, (_, _, number) in enumerate(ranked)}
