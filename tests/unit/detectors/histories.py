"""Random histories of a small district, and engines that live through them with and without restarts.

A `History` is a list of batches; a batch is what a lane does between two commits: it hears messages, lets time pass,
learns of changes of the registry. `live` runs one through an engine. Where it is told to, the engine is killed and one
is built anew from what was committed, the way the bulk role does it; what was not committed is heard again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from hypothesis import strategies as st

from detectors.engine import Engine
from detectors.rule import Rule
from detectors.rules import bulk_rules
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Finding
from domain.liveness import LivenessChange
from domain.marks import Marks
from domain.observation import EventKind, Observation
from tests.unit.detectors.sayings import at, device, event, heartbeat, reading, state_report

KINDS = (DeviceKind.TEMPERATURE, DeviceKind.TEMPERATURE, DeviceKind.SMOKE, DeviceKind.CAMERA, DeviceKind.GATEWAY)
#: Three devices hang on the gateway, one more on one of them; four are at another site.
PARENTS = {1: 4, 2: 4, 3: 4, 5: 1}
OF_SITE_2 = range(7, 11)
DEVICES = tuple(
    msgspec.structs.replace(
        device(number, KINDS[number % len(KINDS)], heartbeat_s=(30, 30, 5, 300)[number % 4]),
        parent_no=PARENTS.get(number),
        site_no=2 if number in OF_SITE_2 else 1,
        site_id="s002" if number in OF_SITE_2 else "s001",
    )
    for number in range(1, 11)
)

K = TypeVar("K", bound="Keeping")
Deed = Callable[[Engine], Sequence[Finding]]


@dataclass
class Batch:
    """Deeds up to a commit. ``registered`` is the registry at its end, ``now_s`` the time."""

    deeds: list[Deed] = field(default_factory=list)
    registered: dict[int, RegisteredDevice] = field(default_factory=dict)
    now_s: float = 0.0


# -- what happens -----------------------------------------------------------------------------------------------------

_WHO = st.integers(0, len(DEVICES) - 1)
_WHAT = st.sampled_from(["heartbeat", "heartbeat", "reading", "reading", "battery", "tamper", "whole", "state"])
_DEGREES = st.sampled_from([18.0, 20.0, 21.5, 29.0, 38.0, 49.0, 51.0, 57.0, 61.0, 75.0])
#: Seconds that pass: within a batch, a heartbeat interval, nearly and just over a device's patience.
_PASSING = st.sampled_from([0.0, 0.001, 0.25, 1.0, 4.0, 5.0, 15.0, 29.5, 30.0, 61.0, 89.0, 90.0])
_AGO = st.sampled_from([0.5, 20.0, 59.0, 100.0, 850.0, 901.0, 1800.0, 7200.0, 86_400.0])

STEPS = st.one_of(
    st.tuples(st.just("say"), _WHO, _WHAT, _DEGREES),
    st.tuples(st.just("say"), _WHO, _WHAT, _DEGREES),
    st.tuples(st.just("everybody says"), _DEGREES),
    st.tuples(st.just("all but some say"), st.sets(_WHO, max_size=6), st.integers(1, 5)),
    st.tuples(st.just("pass"), _PASSING),
    st.tuples(st.just("pass"), _PASSING),
    st.tuples(st.just("heat"), _WHO, st.sampled_from([-15.0, 0.0, 2.0, 9.0, 15.0])),
    st.tuples(st.just("commit")),
    st.tuples(st.just("commit")),
    st.tuples(st.just("say late"), _WHO, _WHAT, _DEGREES, _AGO),
    st.tuples(st.just("say again"), _WHO),
    st.tuples(st.just("backfill"), _WHO, _DEGREES, _AGO, st.integers(2, 6)),
    st.tuples(
        st.just("set the clock"), _WHO, st.sampled_from([-86_400.0, -7200.0, -1000.0, -240.0, -30.0, 0.0, 280.0])
    ),
    st.tuples(st.just("deaf"), st.sampled_from([3.0, 9.0, 11.0, 95.0, 400.0, 3600.0])),
    st.tuples(st.just("resumed")),
    st.tuples(st.just("retire"), _WHO),
    st.tuples(st.just("enrol"), _WHO, st.sampled_from([5, 30, 60])),
    st.tuples(st.just("hang"), st.sampled_from([0, 1, 2, 4]), st.sampled_from([None, 1, 4, 6])),
)
HISTORIES = st.lists(STEPS, min_size=10, max_size=90)


class Writer:
    """Turns steps into batches; it knows what the time is, how each clock stands and who is registered."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._clocks_s: dict[int, float] = {}
        self._last: dict[int, Observation] = {}
        self._registered = {one.device_no: one for one in DEVICES}
        self.batches: list[Batch] = [Batch()]
        #: The batches after which nothing was heard for a while, with the times of the last and the next deed.
        self.deaf: list[tuple[int, float, float]] = []

    def write(self, steps: Iterable[Any]) -> list[Batch]:
        self._enrol()
        self._tick()
        self._commit()
        for step in steps:
            self._step(*step)
        self._tick()
        self._commit()
        for _ in range(40):  # and whatever is still due
            self.now_s += 9.5
            self._tick()
            self._commit()
        return self.batches

    def _step(self, what: str, *told: Any) -> None:
        match what:
            case "say":
                self._say(*told)
            case "everybody says":
                for place in range(len(DEVICES)):
                    self._say(place, "reading" if place % 2 else "heartbeat", told[0])
            case "all but some say":
                but, times = told
                for _ in range(times):
                    for place in range(len(DEVICES)):
                        if place not in but:
                            self._say(place, "heartbeat", 50.0)
                    self._pass(29.0)
                    self._commit()
            case "pass":
                self._pass(*told)
            case "heat":
                place, by_c = told
                for number in range(4):
                    self._say(place, "reading", 40.0 + number * by_c)
                    self._pass(30.0)
                    self._commit()
            case "commit":
                self._commit()
            case "say late":
                place, channel, value, ago_s = told
                self._say(place, channel, value, ago_s=ago_s)
            case "say again":
                if (again := self._last.get(DEVICES[told[0]].device_no)) is not None:
                    self._hear(msgspec.structs.replace(again, received_at=at(self._distinct())))
            case "backfill":
                place, value, ago_s, many = told
                for number in range(many):
                    self._say(place, "reading", value + 9 * number, ago_s=ago_s - 30.0 * number)
            case "set the clock":
                self._clocks_s[DEVICES[told[0]].device_no] = told[1]
            case "deaf":
                self._commit()
                self.deaf.append((len(self.batches) - 2, self.now_s, self.now_s + told[0]))
                self.now_s += told[0]
            case "resumed":
                self._do(_resumed(self.now_s))
            case "retire":
                self._registered.pop(DEVICES[told[0]].device_no, None)
                self._enrol()
            case "enrol":
                new = msgspec.structs.replace(DEVICES[told[0]], heartbeat_s=told[1])
                self._registered[new.device_no] = new
                self._enrol()
            case "hang":
                one = self._registered.get(DEVICES[told[0]].device_no)
                if one is not None and one.device_no != told[1]:
                    self._registered[one.device_no] = msgspec.structs.replace(one, parent_no=told[1])
                    self._enrol()

    def _pass(self, seconds: float) -> None:
        """Time passes, and is looked at every few seconds as the lane does."""
        left_s = seconds
        while left_s > 0.0:
            self.now_s += min(left_s, 4.5)
            left_s -= 4.5
            self._tick()

    def _say(self, place: int, channel: str, value: float, *, ago_s: float = 0.0) -> None:
        who = self._registered.get(DEVICES[place].device_no)
        if who is None:
            return  # the decoder knows nobody of that name
        received_s = self._distinct()
        said_s = received_s + self._clocks_s.get(who.device_no, 0.0) - ago_s
        said: Observation
        match channel:
            case "heartbeat":
                said = heartbeat(received_s, said_s=said_s, of=who, battery_pct=value)
            case "reading":
                said = reading(received_s, value, said_s=said_s, of=who)
            case "battery":
                said = event(received_s, EventKind.LOW_BATTERY, value > 30, said_s=said_s, of=who)
            case "state":
                said = state_report(received_s, said_s=said_s, of=who)
            case _:
                said = event(received_s, EventKind.TAMPER, channel == "tamper", said_s=said_s, of=who)
        self._last[who.device_no] = said
        self._hear(said)

    def _distinct(self) -> float:
        """No two messages of a session are received at the same moment."""
        self.now_s += 0.000_001
        return self.now_s

    def _hear(self, said: Observation) -> None:
        who = self._registered.get(said.device.device_no)
        if who is not None:
            heard = msgspec.structs.replace(said, device=who)
            self._do(lambda engine: engine.observe(heard))

    def _tick(self) -> None:
        now = at(self.now_s)
        self._do(lambda engine: engine.tick(now))

    def _enrol(self) -> None:
        self._do(_enrolled(list(self._registered.values()), self.now_s))

    def _do(self, deed: Deed) -> None:
        self.batches[-1].deeds.append(deed)

    def _commit(self) -> None:
        self.batches[-1].registered, self.batches[-1].now_s = dict(self._registered), self.now_s
        self.batches.append(Batch())


def _enrolled(devices: list[RegisteredDevice], now_s: float) -> Deed:
    def deed(engine: Engine) -> Sequence[Finding]:
        engine.enrol(devices, at(now_s))
        return ()

    return deed


def _resumed(now_s: float) -> Deed:
    def deed(engine: Engine) -> Sequence[Finding]:
        engine.hearing_resumed(at(now_s))
        return ()

    return deed


# -- who lives through it ---------------------------------------------------------------------------------------------


class Keeping(Protocol):
    """Where engines keep what must survive them."""

    def commit(self, engine: Engine) -> None: ...

    def engine(self, registered: dict[int, RegisteredDevice], now_s: float) -> Engine: ...


@dataclass
class Kept:
    """The database, as far as detectors use it."""

    liveness: dict[int, LivenessChange] = field(default_factory=dict)
    states: dict[tuple[str, int], Any] = field(default_factory=dict)
    marks: list[Marks] = field(default_factory=list)
    rules: Callable[[], list[Rule]] = bulk_rules

    def commit(self, engine: Engine) -> None:
        changes = engine.changes()
        self.liveness.update((change.device_no, change) for change in changes.liveness)
        for rule, device_no, state in changes.states:
            self.states.pop((rule, device_no), None)
            if state is not None:
                self.states[rule, device_no] = msgspec.json.decode(msgspec.json.encode(state))  # as jsonb keeps it
        for mark in changes.marks:
            self.marks = [one for one in self.marks if one.generation >= mark.obsolete_before]
            if mark.entry:
                self.marks.append(mark)

    def engine(self, registered: dict[int, RegisteredDevice], now_s: float) -> Engine:
        """Built anew, as the bulk role does it."""
        engine = Engine(self.rules())
        engine.enrol(registered.values(), at(now_s))
        engine.restore(
            () if self.marks else self.liveness.values(),
            [(rule, device_no, state) for (rule, device_no), state in self.states.items()],
            at(now_s),
            marks=self.marks,
            retired=[one for one in DEVICES if one.device_no not in registered],
        )
        return engine


@dataclass
class Lived(Generic[K]):
    engine: Engine
    kept: K
    found: list[Finding]


def live(
    batches: Sequence[Batch],
    kept: K,
    *,
    dies_before: Collection[int] = (),
    dies_after: Collection[int] = (),
    rules: Callable[[], list[Rule]] = bulk_rules,
) -> Lived[K]:
    """``dies_before``: batches that were worked through and not committed when the engine was killed; they are heard
    again. ``dies_after``: batches after whose commit it was killed.
    """
    engine, found = Engine(rules()), list[Finding]()
    for place, batch in enumerate(batches):
        if place in dies_before:
            _work_through(engine, batch)
            last = batches[max(place - 1, 0)]
            engine = kept.engine(last.registered, last.now_s)
        found.extend(_work_through(engine, batch))
        kept.commit(engine)
        if place in dies_after:
            engine = kept.engine(batch.registered, batch.now_s)
    return Lived(engine, kept, found)


def _work_through(engine: Engine, batch: Batch) -> list[Finding]:
    return [finding for deed in batch.deeds for finding in deed(engine)]


def memory(lived: Lived[Any]) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Every number that the engine remembers from one message to the next, and that one would that is built anew."""
    lived.kept.commit(lived.engine)
    rows: dict[tuple[str, int], tuple[Any, ...]] = {}
    again = lived.kept.engine({one.device_no: one for one in DEVICES}, 0.0)
    for name, engine in (("live", lived.engine), ("again", again)):
        for rule in engine._rules.values():
            rule.mark_all(-1)
            for device_no, *row in rule.marks(-1):
                rows[f"{name} {rule.name}", device_no] = tuple(row)
    return rows
