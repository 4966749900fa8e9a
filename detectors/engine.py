"""The engine: hands each observation to the rules that watch its kind of device, and lets time pass.

Pure: what comes out depends on the observations, the times given and the state that was restored, on nothing else.
A step costs the same whatever the number of devices: rules are found by (type of observation, kind of device), and
waiting is done by `detectors.deadlines`.

An engine that was restored is the engine that was lost: every number of its state is the same one. That time passed in
between is noticed as it always is, by the first tick.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import inf
from typing import Any

import msgspec

from detectors.lives import UNBROKEN_INTERVALS, Heard
from detectors.rule import BareHeartbeat, Changes, Rule, Watcher
from domain.device import DeviceKind, RegisteredDevice
from domain.excess import Excess
from domain.finding import Finding
from domain.liveness import Connectivity, LivenessChange
from domain.marks import Marks
from domain.observation import Heartbeat, Misdated, Observation, Reading

#: A generation of marks ends after so long, or when it takes so much room: then whoever said nothing all the while is
#: written down, a few at a time, and the generations before are needless. So what a restart has to read is bounded by
#: the number of devices.
GENERATION_S = 300.0
GENERATION_BYTES, BYTES_A_DEVICE = 1 << 20, 64
#: Of so many devices at most it is looked up in one go what is to be written down: milliseconds.
SLICE = 4000

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(dict[str, list[list[Any]]])


_Way = tuple[Watcher, ...]
_PLACES = {kind: place for place, kind in enumerate(DeviceKind)}
_NEWS = Heard.NEWS
#: A little less than any rule takes for right.
_RIGHT_S = 4.9


class _ShortWays:
    """Who hears the usual message of each kind of device: by the kind's place in `DeviceKind`, for what nearly all
    messages are.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.rules = rules
        self.unsteady = next((rule.unsteady for rule in rules.values() if rule.unsteady is not None), set[int]())
        self._others: dict[tuple[type, DeviceKind], _Way] = {}
        self.heartbeats = [self.way(Heartbeat, kind) for kind in DeviceKind]
        self.bare = [self.way(BareHeartbeat, kind) for kind in DeviceKind]
        self.readings = [self.way(Reading, kind) for kind in DeviceKind]

    def way(self, observation: type, kind: DeviceKind) -> _Way:
        way = self._others.get((observation, kind))
        if way is None:
            watchers = (rule.steady_watcher(observation, kind) for rule in self.rules.values())
            way = self._others[observation, kind] = tuple(watcher for watcher in watchers if watcher is not None)
        return way


class Engine:
    """All rules over all devices of a shard.

    Findings and the state that they rest on leave together: take `changes` after a step and commit both at once.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._lives = next((rule.lives for rule in rules if rule.lives is not None), None)
        self._watchers: dict[tuple[type, DeviceKind], tuple[Watcher, ...]] = {}
        self._short = _ShortWays(self._rules)
        self._overhearers: dict[tuple[type, DeviceKind], tuple[Watcher, ...]] = {}
        self._known: Mapping[int, RegisteredDevice] = {}
        self._gone: dict[int, RegisteredDevice] = {}
        self._generation = 1
        self._generation_ends_s: float | None = None
        self._generation_over = False
        self._written = 0
        self._rest: Iterator[int] | None = None  # what is left to be written down of the generation that ends
        self._recalled = False  # whether there is a log

    def observe(self, observation: Observation | Misdated) -> Sequence[Finding]:
        """One step: what follows from ``observation``."""
        found = self._observe(observation)
        return self._sifted(found) if found else found

    def _observe(self, observation: Observation | Misdated) -> Sequence[Finding]:
        heard = Heard.NEWS if self._lives is None else self._lives.hear(observation)
        key = (type(observation), observation.device.kind)
        watchers = self._watchers.get(key)
        if watchers is None:
            watchers = self._watchers[key] = tuple(
                watcher
                for rule in self._rules.values()
                if (watcher := rule.watcher(type(observation), observation.device.kind)) is not None
            )
        if len(watchers) == 1:
            return watchers[0](observation, heard)
        found: list[Finding] = []
        for watcher in watchers:
            if concluded := watcher(observation, heard):
                found.extend(concluded)
        return found

    def observe_many(self, observations: Iterable[Observation | Misdated]) -> list[Finding]:
        """The same as `observe` for one after the other, and several times as fast for what nearly all messages are:
        news of a device that is online, by a clock that is right.
        """
        found: list[Finding] = []
        if self._lives is None:
            for observation in observations:
                found.extend(self._observe(observation))
            return list(self._sifted(found))
        get, note, generation = self._lives.get, self._lives.news.extend, self._lives.generation
        if self._short.rules is not self._rules:
            self._short = _ShortWays(self._rules)
        short = self._short
        unsteady, heartbeats, bare, readings = short.unsteady, short.heartbeats, short.bare, short.readings
        for observation in observations:
            device = observation.device
            number = device.device_no
            life = get(number)
            if life is None or life.device is not device:
                found.extend(self._observe_unknown(observation))
                continue
            at, received_at = observation.at, observation.received_at
            heard_s = received_at.timestamp()
            said_s = heard_s if at is received_at else at.timestamp()
            if said_s <= life.said_s or not -_RIGHT_S < heard_s - said_s < _RIGHT_S or number in unsteady:
                found.extend(self._observe(observation))
                continue
            if heard_s - life.heard_s > life.unbroken_s:
                life.since_s = heard_s
            life.said_s = said_s
            life.heard_s = heard_s
            if life.aside_heard_s:
                life.aside_said_s = life.aside_heard_s = 0.0
            life.marked = generation
            note((number, said_s, heard_s, life.since_s))
            if observation.__class__ is Heartbeat:
                watchers = bare[life.kind] if observation.battery_pct is None else heartbeats[life.kind]
            elif observation.__class__ is Reading:
                watchers = readings[life.kind]
            else:
                watchers = short.way(observation.__class__, device.kind)
            for watcher in watchers:
                if concluded := watcher(observation, _NEWS):
                    found.extend(concluded)
        return list(self._sifted(found)) if found else found

    def _observe_unknown(self, observation: Observation | Misdated) -> Sequence[Finding]:
        """`_observe`, and if its device is online after it, its next message goes the short way."""
        found, device = self._observe(observation), observation.device
        life = None if self._lives is None else self._lives.get(device.device_no)
        if life is not None and life.connectivity is Connectivity.ONLINE:
            life.device, life.kind = device, _PLACES[device.kind]
            life.unbroken_s = UNBROKEN_INTERVALS * device.heartbeat_s
        return found

    def overhear(self, observation: Observation) -> Sequence[Finding]:
        """What follows from an observation that is not stored because its device says too much: life safety listens on,
        and who speaks is alive.
        """
        heard = Heard.NEWS if self._lives is None else self._lives.hear(observation)
        kind = observation.device.kind
        hearers = self._overhearers.get((type(observation), kind))
        if hearers is None:
            hearers = self._overhearers[type(observation), kind] = tuple(
                hearer
                for rule in self._rules.values()
                if (hearer := rule.overhearer(type(observation), kind)) is not None
            )
        return self._sifted([finding for hearer in hearers for finding in hearer(observation, heard)])

    def exceeded(self, excess: Excess) -> Sequence[Finding]:
        """What follows from somebody's having said more than his share."""
        return self._sifted([finding for rule in self._rules.values() for finding in rule.exceeded(excess)])

    def _sifted(self, found: Sequence[Finding]) -> Sequence[Finding]:
        """What people are told of ``found``."""
        for rule in self._rules.values():
            if rule.sifts:
                found = rule.sift(found)
        return found

    def tick(self, now: datetime) -> Sequence[Finding]:
        """Let time pass until ``now``: what follows from nothing having been said, and from devices that are gone.

        Only for a time until which everything was heard: a heartbeat that still waits at the broker is no silence.
        """
        found: list[Finding] = []
        for device_no in sorted(self._gone):
            for rule in self._rules.values():
                found.extend(rule.retire(self._gone[device_no], now))
        self._gone.clear()
        for rule in self._rules.values():
            if not rule.sifts:
                found.extend(rule.tick(now))
        told = list(self._sifted(found)) if found else found
        for rule in self._rules.values():
            if rule.sifts:
                told.extend(rule.tick(now))
        self._turn_generation(now.timestamp())
        return told

    @property
    def next_s(self) -> float:
        """Before this moment (seconds since 1970) `tick` concludes nothing, if nothing is heard until then."""
        return -inf if self._gone else min(rule.next_s() for rule in self._rules.values())

    def hearing_resumed(self, now: datetime) -> None:
        """After we ourselves were deaf (broker or database away, process paused): silence until now proves nothing."""
        for rule in self._rules.values():
            rule.hearing_resumed(now)

    def enrol(self, devices: Iterable[RegisteredDevice], now: datetime) -> None:
        """Tell the rules which devices are registered now. Of those that are gone, the next tick ends what stands."""
        known = {device.device_no: device for device in devices}
        for device_no, device in self._known.items():
            if device_no not in known:
                self._gone[device_no] = device
        for device_no in [no for no in self._gone if no in known]:
            del self._gone[device_no]
        self._known = known
        for rule in self._rules.values():
            rule.enrol(known, now)

    def use(self, rules: Sequence[Rule], now: datetime) -> None:
        """Go on with ``rules``. One that takes the place of another of its name takes up what that remembers, in the
        way of a restart; all of it is written down with the next `changes`.
        """
        before, self._rules = self._rules, {rule.name: rule for rule in rules}
        self._watchers.clear()
        self._overhearers.clear()
        for rule in rules:
            old = before.get(rule.name)
            if old is rule:
                continue
            rule.enrol(self._known, now)
            if old is None:
                continue
            states, unwritten = old.states(), Changes()
            old.collect(unwritten)  # among them those of whom nothing is left, which is to be written down as well
            for number, state in states:
                rule.restore(number, state)
            old.mark_all(-1)
            for row in old.marks(-1):
                rule.recall(list(row), -1)
            rule.restored()
            rule.rewrite({number for number, _ in states} | {number for _, number, _ in unwritten.states})
            rule.mark_all(self._generation)

    # -- what survives a restart --------------------------------------------------------------------------------------

    def restore(
        self,
        liveness: Iterable[LivenessChange],
        states: Iterable[tuple[str, int, dict[str, Any]]],
        now: datetime,
        *,
        marks: Iterable[Marks] = (),
        retired: Iterable[RegisteredDevice] = (),
    ) -> None:
        """Take up what was committed before a restart. Call it after `enrol`.

        :param marks: the log, oldest first.
        :param liveness: for devices without marks.
        :param retired: devices that are out of service; something of them may be kept.
        """
        for mark in marks:
            self._recall(mark)
        for rule in self._rules.values():
            rule.restore_liveness(liveness, now)
        for name, device_no, state in states:
            if name in self._rules:
                self._rules[name].restore(device_no, state)
        for rule in self._rules.values():
            rule.restored()
        self._gone.update((device.device_no, device) for device in retired if device.device_no not in self._known)
        # The generation goes on where it was left and is ended at once, so that a process that dies again and again
        # leaves no endless log.
        self._generation_over = True

    def _recall(self, mark: Marks) -> None:
        self._generation, self._recalled = mark.generation, True
        try:
            rows_by_rule = _DECODER.decode(mark.entry)
        except msgspec.DecodeError:
            return  # of a version that is not ours; what is kept elsewhere has to do
        for name, rows in rows_by_rule.items():
            rule = self._rules.get(name)
            if rule is not None:
                for row in rows:
                    rule.recall(row, mark.generation)

    def changes(self) -> Changes:
        """What has to be written with the findings since the last call; it is given out once."""
        changes = Changes()
        generation, over = self._generation, self._end_generation()
        rows = {}
        for rule in self._rules.values():
            rule.collect(changes)
            if of_rule := rule.marks(generation):
                rows[rule.name] = of_rule
        if rows or over:
            entry = _ENCODER.encode(rows) if rows else b""
            self._written += len(entry)
            changes.marks.append(Marks(generation, entry, generation if over else 0))
        if over:
            self._generation += 1
            self._written = 0
        return changes

    def _end_generation(self) -> bool:
        """Where its end has come, go on writing it down; whether all of it is written down with this."""
        if self._rest is None:
            room = max(GENERATION_BYTES, BYTES_A_DEVICE * len(self._known))
            if not self._generation_over and self._written < room:
                return False
            # The first log of all must be whole: what was known without it is not asked for again.
            self._rest = self._write_down(SLICE if self._recalled else sys.maxsize)
            self._generation_over, self._recalled = False, True
        looked_at = 0
        for numbers in self._rest:
            looked_at += numbers
            if looked_at >= SLICE:
                return False
        self._rest = None
        return True

    def _write_down(self, most: int) -> Iterator[int]:
        """Let `marks` hold what was not written down in this generation; numbers of devices that were looked at."""
        for rule in self._rules.values():
            numbers = rule.remembered()
            for start in range(0, max(len(numbers), 1), most):
                some = numbers[start : start + most]
                rule.mark(some, self._generation)
                yield len(some)

    def _turn_generation(self, now_s: float) -> None:
        if self._generation_ends_s is None or now_s < self._generation_ends_s - GENERATION_S:
            self._generation_ends_s = now_s + GENERATION_S
        elif now_s >= self._generation_ends_s:
            self._generation_ends_s = now_s + GENERATION_S
            self._generation_over = True
