"""Device silent: no proof of life for three heartbeat intervals, the figure of GB/T 28181 (offline after 3 missed).

::

                            3 intervals without proof, and it is its own fault
    unknown ──proof──► online ───────────────────────────────────────────► offline
       ▲                 ▲ │                                                  │
       │           proof │ │ what it hangs on is dead, or its whole site      │ proof
       │                 │ ▼                                                  ▼
       │                unknown, behind ──that is back──► unknown, returning ──► online
       │                                                     │
       └── we were deaf                                      └──its time is over──► offline

    never heard: all of three children and more missed their time ──► offline, inferred ──one speaks──► unknown

News of a device proves its life (`detectors.lives`); a repetition or a backfill proves nothing. What counts is when it
reached us: a wrong clock does not kill a device. One that was never heard is unknown, and no incident.

Who missed its time is judged at each tick, with the whole site in view (`detectors.rules.silence`): where the larger
part of it is silent it is one outage (`detectors.outages`); where what a device hangs on is dead, the device is unknown
behind it; otherwise it is lost itself. What was lost by itself stays so, whatever happens above it. Once what it hangs
on is back, each has three intervals, and a minute at least, to report.

A parent that never speaks testifies through those that hang on it (`detectors.rules.testimony`): while one of them
speaks it lives, and where all of them fell silent together it is the one that is lost.

A tick says «everything until now was heard». When more than `DEAF_AFTER_S` lie between two ticks we were deaf
ourselves: the broker or the database was away, the process stood still or was restarted. Then too each device has three
intervals, and a minute at least. The time of the last tick is kept with the rest, so a restart needs no rule of its
own. A device whose messages are new and come far too late is not silent either: they are being worked off, by its
gateway or by our broker, and the newest has yet to come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any

import msgspec

from detectors.deadlines import Deadlines
from detectors.lives import Heard, Life, Lives
from detectors.outages import Outage, Outages
from detectors.rule import NOTHING, Changes, Rule, Watcher
from detectors.rules.silence import Assembly, Doubt
from detectors.rules.testimony import Testimony, Witness
from detectors.topology import Topology
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Category, Finding, FindingKind, Severity
from domain.liveness import Connectivity, LivenessChange, Reason
from domain.observation import Misdated, Observation

MISSED_INTERVALS = 3
#: More between two ticks means that we were deaf.
DEAF_AFTER_S = 10.0
#: Whoever reports every few seconds is given so long all the same: its connection may have to be made anew first.
SETTLE_S = 60.0
#: Our own clock was set back when it is further behind the last tick than this.
SET_BACK_S = 1.0

#: The number of no device: its row of marks holds (…, last tick, since when all were given time).
_OURSELVES = 0
#: Silent, and accounted for by something above.
_HIDDEN = (Reason.BEHIND, Reason.SITE)


class HeartbeatLost(Rule):
    name = "heartbeat_lost"
    category = Category.DEVICE
    severity = Severity.MINOR

    def __init__(self) -> None:
        self.lives: Lives = Lives()
        self.missed_intervals = MISSED_INTERVALS
        #: Who is told of the number of each device that went offline, online or unknown.
        self.concerned: list[Callable[[int], None]] = []
        self._devices: Mapping[int, RegisteredDevice] = {}
        self._topology = Topology({})
        self.outages = Outages()
        self.doubt = Doubt()
        self._deadlines = Deadlines()
        self._overdue: set[int] = set()  # missed their time and are not judged yet; follows from the lives
        self._rewired = False  # whether what hangs on what may have changed since the last tick
        self._turns: list[LivenessChange] = []
        self._heard_until_s = 0.0
        self._marked_until_s = 0.0
        self._resumed_s = 0.0

    def wait_for(self, missed_intervals: int) -> None:
        """Whoever waits already is measured by it as well."""
        if missed_intervals != self.missed_intervals:
            self.missed_intervals = missed_intervals
            self._queue_all()

    def watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return self._observe

    def steady_watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return None  # that a device is online is no news

    def overhearer(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return self._observe

    def _observe(self, observation: Observation | Misdated, heard: Heard) -> Sequence[Finding]:
        device = observation.device
        life = self.lives.get(device.device_no)
        if heard is not Heard.NEWS:
            if life is not None and life.slot:
                self._queue(device, life)  # what was set aside before and gave it time is forgotten with this
            return NOTHING
        if life is None or life.connectivity is Connectivity.ONLINE:
            return NOTHING
        return self._proved(device, life, observation.received_at)

    def _proved(self, device: RegisteredDevice, life: Life, at: datetime) -> Sequence[Finding]:
        """``device`` was not online and has spoken."""
        was_offline, silent_s = life.connectivity is Connectivity.OFFLINE, life.heard_s - life.since_s
        self._turn(device.device_no, life, Connectivity.ONLINE, life.heard_s)
        self._queue(device, life)
        found = self._back(device, life.heard_s, at) if self._topology.children(device.device_no) else []
        for above_no in self._topology.above(device.device_no):
            if (above := self.lives.get(above_no)) is not None and above.reason is Reason.INFERRED:
                found += self._lives_after_all(above_no, above, life.heard_s, at)
        if was_offline:
            found.insert(0, self.finding(FindingKind.CLEARED, device, at, at, {"silent_s": round(silent_s)}))
        return found or NOTHING

    # -- silence ------------------------------------------------------------------------------------------------------

    def tick(self, now: datetime) -> Sequence[Finding]:
        now_s = now.timestamp()
        if now_s < self._heard_until_s - SET_BACK_S:
            self._our_clock_was_set_back(now_s)
        elif self._heard_until_s and now_s - self._heard_until_s > DEAF_AFTER_S:
            self._resume(now_s)
        self._heard_until_s = now_s
        rewired: list[Finding] = []
        if self._rewired:
            self._rewired = False
            rewired = self._rewire(now_s, now)
        devices, missed_intervals = self._devices, self.missed_intervals
        known, put = self.lives.get, self._deadlines.put
        for slot, device_no in self._deadlines.due(now_s):
            life = known(device_no)
            if life is None or life.slot != slot:
                continue
            life.slot = 0
            device = devices.get(device_no)
            if device is None:
                continue
            deadline_s = life.heard_s + missed_intervals * device.heartbeat_s
            if deadline_s <= now_s:
                deadline_s = self._deadline_s(device, life)
            if deadline_s > now_s:
                life.slot = put(device_no, deadline_s)
            else:
                self._overdue.add(device_no)
        if not self._overdue and not self.outages.sites:
            return [*rewired, *self.outages.tick(now_s)]
        overdue_by_site: dict[int, list[int]] = {site_no: [] for site_no in self.outages.sites}
        for device_no in self._overdue:
            overdue_by_site.setdefault(self._devices[device_no].site_no, []).append(device_no)
        found = rewired
        for site_no in sorted(overdue_by_site):
            self._judge_site(site_no, overdue_by_site[site_no], now, now_s, found)
        found += self.outages.tick(now_s)
        return found

    def next_s(self) -> float:
        return -inf if self._overdue else min(self._deadlines.first_s, self.outages.next_s())

    def _judge_site(self, site_no: int, overdue: list[int], now: datetime, now_s: float, found: list[Finding]) -> None:
        missed: list[tuple[int, float, int]] = []  # depth, deadline, number: what others hang on comes first
        for number in overdue:
            life, device = self.lives.get(number), self._devices[number]
            if life is None or self._is_settled(life):
                self._overdue.discard(number)
            elif self._deadline_s(device, life) > now_s:
                self._overdue.discard(number)
                self._queue(device, life)
            elif (deadline_s := self._extended_s(device, life)) <= now_s:
                missed.append((self._topology.depth(number), deadline_s, number))
        missed.sort()
        outage = self.outages.sites.get(site_no)
        if not missed and outage is None:
            return
        together = [
            (number, life)
            for number in self._topology.members(site_no)
            if (life := self.lives.get(number)) is not None
            and life.heard_s
            and life.connectivity is not Connectivity.OFFLINE
            and life.reason is not Reason.BEHIND
        ]
        hidden = sum(1 for _, life in together if life.reason is Reason.SITE)
        if self.doubt.is_larger_part(len(missed) + hidden, len(together)):
            self._site_is_silent(site_no, missed, together, now, now_s, found)
            return
        if outage is not None and not outage.returned_s:
            outage.returned_s = now_s
            self.outages.changed(outage)
            self._rewired = True  # what was hung on one of these meanwhile is behind it no longer
            for number, life in together:
                if life.reason is Reason.SITE:
                    self._give_time(self._devices[number], life, now_s)
            self._mark_the_dead(site_no, Reason.NONE, now, found)
        assembly = Assembly(
            [life for _, life in together],
            self.doubt,
            lambda: [self._deadline_s(self._devices[number], life) for number, life in together],
        )
        spared = self._judge_mute_parents(missed, assembly, now, now_s, found)
        for _, deadline_s, number in missed:
            if number not in spared:
                self._judge(number, deadline_s, assembly, now, now_s, found)
        if outage is not None and not any(life.reason is Reason.RETURNING for _, life in together):
            found += self.outages.end(site_no, now_s)

    def _judge(
        self, number: int, deadline_s: float, assembly: Assembly, now: datetime, now_s: float, found: list[Finding]
    ) -> None:
        """``number`` has missed its time, and its site speaks; see `detectors.rules.silence`."""
        device, life = self._devices[number], self.lives.get(number)
        assert life is not None
        by_s = deadline_s - device.heartbeat_s
        above = self._speaking_above(number)
        if above is not None and _is_dead(above):
            self._overdue.discard(number)
            self._turn(number, life, Connectivity.UNKNOWN, deadline_s, Reason.BEHIND)
            return
        if assembly.in_doubt(deadline_s, by_s, now_s):
            return
        if above is not None and above.heard_s < by_s:
            return
        self._overdue.discard(number)
        self._turn(number, life, Connectivity.OFFLINE, deadline_s)
        detail: dict[str, Any] = {
            "last_seen_at": _instant(life.heard_s).isoformat(),
            "heartbeat_s": device.heartbeat_s,
        }
        below: list[Finding] = []
        if hidden := self._hide_below(number, by_s, deadline_s, now, below):
            detail["children"] = hidden
        found.append(self.finding(FindingKind.RAISED, device, _instant(deadline_s), now, detail))
        found += below

    def _judge_mute_parents(
        self,
        missed: list[tuple[int, float, int]],
        assembly: Assembly,
        now: datetime,
        now_s: float,
        found: list[Finding],
    ) -> set[int]:
        """Look at the parents of ``missed`` that never spoke: who of these is not to be judged by itself, because its
        parent is lost, or may be.
        """
        deadlines_s = {number: deadline_s for _, deadline_s, number in missed}
        silent: dict[int, list[int]] = {}
        for number in deadlines_s:
            for above_no in self._mute_above(number):
                silent.setdefault(above_no, []).append(number)
        spared: set[int] = set()
        for parent in sorted(silent, key=self._place):
            testimony = Testimony(
                [
                    Witness(number, life.heard_s, self._extended_s(self._devices[number], life))
                    for number, life in self._heard_below(parent)
                    if life.connectivity is not Connectivity.OFFLINE and life.reason not in _HIDDEN
                ],
                self.doubt,
            )
            above = self._speaking_above(parent)
            asked = [
                number
                for number in silent[parent]
                if number not in spared
                and (above is None or not _is_dead(above))
                and testimony.may_be_lost(deadlines_s[number], self._devices[number].heartbeat_s)
            ]
            if not asked:
                continue
            by_s = {number: deadlines_s[number] - self._devices[number].heartbeat_s for number in asked}
            if not testimony.is_lost(now_s):
                spared.update(number for number in asked if testimony.in_doubt(deadlines_s[number], now_s))
            elif (above is not None and above.heard_s < max(by_s.values())) or any(
                assembly.in_doubt(deadlines_s[number], by_s[number], now_s) for number in asked
            ):
                spared.update(asked)  # what is above it, or the whole site, speaks soon or is judged itself
            else:
                self._lose_mute(parent, testimony, now, found)
                spared.update(testimony.numbers)
        return spared

    def _mute_above(self, number: int) -> Iterator[int]:
        """What ``number`` hangs on and never spoke, up to the first that did."""
        for above_no in self._topology.above(number):
            life = self.lives.get(above_no)
            if life is not None and life.heard_s:
                return
            yield above_no

    def _heard_below(self, number: int) -> Iterator[tuple[int, Life]]:
        """All that hangs on ``number`` at any depth and was ever heard."""
        for child_no in self._topology.children(number):
            life = self.lives.get(child_no)
            if life is not None and life.heard_s and life.reason is not Reason.INFERRED:
                yield child_no, life
            yield from self._heard_below(child_no)

    def _lose_mute(self, number: int, testimony: Testimony, now: datetime, found: list[Finding]) -> None:
        """``number`` never spoke, and all that hangs on it is silent: it is the one that is lost."""
        device, since_s = self._devices[number], testimony.first_missed_s
        life = Life(said_s=testimony.last_heard_s, heard_s=testimony.last_heard_s)
        if (known := self.lives.get(number)) is None:
            self.lives.seed(number, life)
        else:
            known.said_s, known.heard_s, life = life.said_s, life.heard_s, known
        self._turn(number, life, Connectivity.OFFLINE, since_s, Reason.INFERRED)
        below: list[Finding] = []
        detail: dict[str, Any] = {
            "last_seen_at": _instant(life.heard_s).isoformat(),
            "inferred": True,
            "children": self._hide_below(number, inf, since_s, now, below),
        }
        found.append(self.finding(FindingKind.RAISED, device, _instant(since_s), now, detail))
        found += below

    def _lives_after_all(self, number: int, life: Life, heard_s: float, now: datetime) -> list[Finding]:
        """What hangs on ``number`` speaks, so ``number`` lives; of itself nothing was ever heard."""
        device = self._devices[number]
        detail = {"silent_s": round(heard_s - life.since_s)}
        self._turn(number, life, Connectivity.UNKNOWN, heard_s)
        self.lives.forget(number)
        self._turns[-1] = msgspec.structs.replace(self._turns[-1], last_seen_at=None)
        return [self.finding(FindingKind.CLEARED, device, now, now, detail), *self._back(device, heard_s, now)]

    def _site_is_silent(
        self,
        site_no: int,
        missed: list[tuple[int, float, int]],
        together: list[tuple[int, Life]],
        now: datetime,
        now_s: float,
        found: list[Finding],
    ) -> None:
        """The larger part of the site is; so is whoever has said nothing since the last of them spoke."""
        missed_s = {number: deadline_s for _, deadline_s, number in missed}
        silent = [life for number, life in together if number in missed_s or life.reason is Reason.SITE]
        last_s = max(life.heard_s for life in silent)
        for number, life in together:
            if life.reason is not Reason.SITE and (number in missed_s or life.heard_s <= last_s):
                self._overdue.discard(number)
                self._turn(number, life, Connectivity.UNKNOWN, missed_s.get(number, now_s), Reason.SITE)
        outage = self.outages.sites.get(site_no)
        if outage is None:
            site_id = self._devices[together[0][0]].site_id
            outage = Outage(site_no=site_no, site_id=site_id, found_s=now_s, silent_s=last_s)
            self.outages.found(outage)
        elif not missed and not outage.returned_s:
            return
        self._mark_the_dead(site_no, Reason.SITE, now, found)
        numbers = [number for number, life in together if life.reason is Reason.SITE]
        outage.returned_s = 0.0
        outage.devices = len(numbers)
        outage.kinds = dict(Counter(self._devices[number].kind.value for number in numbers))
        outage.root = self._root(numbers)
        self.outages.changed(outage)

    def _mark_the_dead(self, site_no: int, reason: Reason, now: datetime, found: list[Finding]) -> None:
        """Who was lost before says that it would not be heard now anyway, or that it would again."""
        for number in self._topology.members(site_no):
            life = self.lives.get(number)
            if (
                life is None
                or life.connectivity is not Connectivity.OFFLINE
                or life.reason in (Reason.BEHIND, Reason.INFERRED)
            ):
                continue
            if life.reason is not reason:
                device = self._devices[number]
                self._turn(number, life, Connectivity.OFFLINE, life.since_s, reason)
                detail = {"behind" if reason is Reason.SITE else "no_longer_behind": device.site_id}
                found.append(self.finding(FindingKind.UPDATED, device, now, now, detail))

    def _root(self, numbers: Sequence[int]) -> str:
        """The one of ``numbers`` that all the others hang on."""
        among = set(numbers)
        roots = [number for number in numbers if among.isdisjoint(self._topology.above(number))]
        return self._devices[roots[0]].device_id if len(roots) == 1 and len(numbers) > 1 else ""

    # -- what hangs on what -------------------------------------------------------------------------------------------

    def _speaking_above(self, number: int) -> Life | None:
        """The nearest that it hangs on of which anything was ever heard; the others can testify nothing."""
        for above_no in self._topology.above(number):
            life = self.lives.get(above_no)
            if life is not None and life.heard_s:
                return life
        return None

    def _is_behind(self, number: int) -> bool:
        above = self._speaking_above(number)
        return above is not None and _is_dead(above)

    def _behind_no(self, number: int) -> int | None:
        """The device that is to blame: the nearest that was lost by itself."""
        for above_no in self._topology.above(number):
            life = self.lives.get(above_no)
            if life is not None and life.connectivity is Connectivity.OFFLINE:
                return above_no
        return None

    def _hide_below(self, number: int, by_s: float, since_s: float, now: datetime, found: list[Finding]) -> int:
        """``number`` is lost: nobody can tell of what hangs on it and has not spoken since ``by_s``. How many."""
        hidden = 0
        for child_no in self._topology.children(number):
            child, life = self._devices[child_no], self.lives.get(child_no)
            if life is None or not life.heard_s:
                hidden += self._hide_below(child_no, by_s, since_s, now, found)
            elif life.connectivity is Connectivity.OFFLINE:
                if life.reason not in (Reason.BEHIND, Reason.INFERRED):
                    self._turn(child_no, life, Connectivity.OFFLINE, life.since_s, Reason.BEHIND)
                    behind = self._devices[self._behind_no(child_no) or number].device_id
                    found.append(self.finding(FindingKind.UPDATED, child, now, now, {"behind": behind}))
            elif life.heard_s < by_s and life.reason not in _HIDDEN:
                self._overdue.discard(child_no)
                self._turn(child_no, life, Connectivity.UNKNOWN, since_s, Reason.BEHIND)
                hidden += 1 + self._hide_below(child_no, by_s, since_s, now, found)
        return hidden

    def _back(self, device: RegisteredDevice, now_s: float, now: datetime) -> list[Finding]:
        """``device`` speaks again: what was behind it has its time to report, what was dead before is only dead."""
        found: list[Finding] = []
        for child_no in self._topology.children(device.device_no):
            child, life = self._devices[child_no], self.lives.get(child_no)
            if life is not None and life.connectivity is Connectivity.OFFLINE:
                if life.reason is Reason.BEHIND:
                    self._turn(child_no, life, Connectivity.OFFLINE, life.since_s)
                    detail = {"no_longer_behind": device.device_id}
                    found.append(self.finding(FindingKind.UPDATED, child, now, now, detail))
                continue
            if life is not None and life.heard_s:
                if life.connectivity is Connectivity.ONLINE or life.reason is Reason.SITE:
                    continue
                if life.reason is not Reason.NONE:
                    self._give_time(child, life, now_s)
            found += self._back(child, now_s, now)
        return found

    def _give_time(self, device: RegisteredDevice, life: Life, now_s: float) -> None:
        self._overdue.discard(device.device_no)
        self._turn(device.device_no, life, Connectivity.UNKNOWN, now_s, Reason.RETURNING)
        self._queue(device, life)

    def _rewire(self, now_s: float, now: datetime) -> list[Finding]:
        """What hangs on what has changed: who is behind nothing dead any more has its time to report."""
        found: list[Finding] = []
        for number in sorted(one for one, life in self.lives.items() if life.reason is Reason.INFERRED):
            life = self.lives.get(number)
            if number not in self._devices or life is None:
                continue
            below = [one for _, one in self._heard_below(number)]
            if not below or any(one.connectivity is Connectivity.ONLINE for one in below):
                found += self._lives_after_all(number, life, now_s, now)
        behind = [number for number, life in self.lives.items() if life.reason is Reason.BEHIND]
        for number in sorted((one for one in behind if one in self._devices), key=self._place):
            life = self.lives.get(number)
            if life is not None and not self._is_behind(number):
                if life.connectivity is Connectivity.OFFLINE:
                    self._turn(number, life, Connectivity.OFFLINE, life.since_s)
                else:
                    self._give_time(self._devices[number], life, now_s)
        return found

    def _place(self, number: int) -> tuple[int, int]:
        """What others hang on comes first."""
        return (self._topology.depth(number), number)

    # -- time ---------------------------------------------------------------------------------------------------------

    def _deadline_s(self, device: RegisteredDevice, life: Life) -> float:
        patience_s = float(self.missed_intervals * device.heartbeat_s)
        time_s = max(patience_s, SETTLE_S)
        heard_s = max(life.heard_s, life.aside_heard_s) if life.aside_said_s > life.said_s else life.heard_s
        deadline_s = max(heard_s + patience_s, self._resumed_s + time_s)
        return max(deadline_s, life.since_s + time_s) if life.reason is Reason.RETURNING else deadline_s

    def _extended_s(self, device: RegisteredDevice, life: Life) -> float:
        """The same, where what it hangs on was away for less than its time: then its return gives time as well."""
        deadline_s = self._deadline_s(device, life)
        above = self._speaking_above(device.device_no)
        if above is not None and above.connectivity is Connectivity.ONLINE and above.since_s > life.heard_s:
            return max(deadline_s, above.since_s + max(self.missed_intervals * device.heartbeat_s, SETTLE_S))
        return deadline_s

    @staticmethod
    def _is_settled(life: Life) -> bool:
        return life.connectivity is Connectivity.OFFLINE or life.reason in _HIDDEN or not life.heard_s

    def _turn(
        self,
        device_no: int,
        life: Life,
        connectivity: Connectivity,
        since_s: float,
        reason: Reason = Reason.NONE,
    ) -> None:
        life.connectivity, life.since_s, life.reason = connectivity, since_s, reason
        if connectivity is not Connectivity.ONLINE:
            life.device = None
        if reason in _HIDDEN:
            life.slot = 0  # it waits for nothing; where it waited, nobody looks for it any more
        self.lives.changed(device_no)
        for concerned in self.concerned:
            concerned(device_no)
        self._turns.append(
            LivenessChange(
                device_no=device_no,
                connectivity=connectivity,
                since=_instant(since_s),
                last_seen_at=_instant(life.heard_s),
                reason=reason,
                behind_no=self._behind_no(device_no) if reason is Reason.BEHIND else None,
            )
        )

    # -- our own deafness ---------------------------------------------------------------------------------------------

    def hearing_resumed(self, now: datetime) -> None:
        self._resume(now.timestamp())

    def _resume(self, now_s: float) -> None:
        """Everybody has its full time from now on. Of whom nothing was heard for longer than that, nobody can tell."""
        self._resumed_s = now_s
        self._marked_until_s = 0.0
        for device_no, life in self.lives.items():
            device = self._devices.get(device_no)
            if device is None or life.connectivity is not Connectivity.ONLINE:
                continue
            if now_s - life.heard_s > self.missed_intervals * device.heartbeat_s:
                self._turn(device_no, life, Connectivity.UNKNOWN, now_s)

    def _our_clock_was_set_back(self, now_s: float) -> None:
        """Whatever was heard in what is the future now counts as heard now."""
        self._resumed_s, self._marked_until_s = now_s, 0.0
        for device_no, life in self.lives.items():
            if life.heard_s > now_s or life.aside_heard_s > now_s or life.since_s > now_s:
                life.heard_s, life.aside_heard_s = min(life.heard_s, now_s), min(life.aside_heard_s, now_s)
                life.since_s = min(life.since_s, now_s)
                self.lives.changed(device_no)
        self.outages.clock_set_back(now_s)
        self._queue_all()

    # -- the registry -------------------------------------------------------------------------------------------------

    def enrol(self, devices: Mapping[int, RegisteredDevice], now: datetime) -> None:
        before, self._devices = self._devices, devices
        self._topology, self._rewired = Topology(devices), True
        self._overdue.intersection_update(devices)
        for device_no, life in self.lives.items():
            device, was = devices.get(device_no), before.get(device_no)
            if device is not None and (was is None or device.heartbeat_s < was.heartbeat_s):
                self._queue(device, life)

    def retire(self, device: RegisteredDevice, now: datetime) -> Sequence[Finding]:
        life = self.lives.get(device.device_no)
        if life is None:
            return NOTHING
        self.lives.forget(device.device_no)
        if life.connectivity is not Connectivity.UNKNOWN or life.reason is not Reason.NONE:
            self._turns.append(
                LivenessChange(
                    device_no=device.device_no, connectivity=Connectivity.UNKNOWN, since=now, last_seen_at=None
                )
            )
        return self.retired(device, now) if life.connectivity is Connectivity.OFFLINE else NOTHING

    # -- what survives a restart --------------------------------------------------------------------------------------

    def restore_liveness(self, liveness: Iterable[LivenessChange], now: datetime) -> None:
        for known in liveness:
            seen_s = known.last_seen_at.timestamp() if known.last_seen_at else 0.0
            said_s = known.said_at.timestamp() if known.said_at else seen_s
            if seen_s:
                life = Life(known.connectivity, known.since.timestamp(), said_s, seen_s, reason=known.reason)
                self.lives.seed(known.device_no, life)
                self._heard_until_s = max(self._heard_until_s, seen_s)

    def restore(self, device_no: int, state: dict[str, Any]) -> None:
        """Outages are kept under the numbers of their sites (`Outages.restore`)."""
        self.outages.restore(device_no, state)

    def recall(self, row: list[Any], generation: int) -> None:
        if row[0] == _OURSELVES:
            _, self._heard_until_s, self._resumed_s = row
        else:
            self.lives.recall(row, generation, self._devices)

    def restored(self) -> None:
        self._rewired = True
        self._queue_all()

    def _queue_all(self) -> None:
        self._deadlines = Deadlines()
        self._overdue.clear()
        for device_no, life in self.lives.items():
            life.slot = 0
            if (device := self._devices.get(device_no)) is not None:
                self._queue(device, life)

    def _queue(self, device: RegisteredDevice, life: Life) -> None:
        """It waits no longer than until its deadline. Whatever can bring that forward has to call this: who is overdue
        follows from the lives alone, so that it is the same after a restart.
        """
        if not self._is_settled(life):
            deadline_s = self._deadline_s(device, life)
            if not life.slot or deadline_s < life.slot:
                life.slot = self._deadlines.put(device.device_no, deadline_s)

    @property
    def turned(self) -> bool:
        """Whether devices stand otherwise since the last `collect`."""
        return bool(self._turns)

    def collect(self, changes: Changes) -> None:
        changes.liveness.extend(self._turns)
        self._turns.clear()
        changes.states.extend((self.name, number, state) for number, state in self.outages.states())

    def marks(self, generation: int) -> list[tuple[Any, ...]]:
        rows = self.lives.marks(generation)
        if rows or self._heard_until_s != self._marked_until_s:
            self._marked_until_s = self._heard_until_s
            rows.append((_OURSELVES, self._heard_until_s, self._resumed_s))
        return rows

    def remembered(self) -> list[int]:
        return self.lives.device_nos

    def mark(self, numbers: Iterable[int], generation: int) -> None:
        self.lives.mark(numbers, generation)
        self._marked_until_s = 0.0


def _is_dead(above: Life) -> bool:
    """Nothing can be told of what hangs on it."""
    return above.connectivity is Connectivity.OFFLINE or above.reason in _HIDDEN


def _instant(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
