"""A district, a broker and our process in virtual time, one second a step, with everything that can go wrong between.

Devices speak every interval while they live and are connected. The broker queues for us what they say, first in, first
out, and hands out so many a second. Our process hears, judges silence as far as its echoes came back
(`ingest.hearing`), commits, and is killed and built anew.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from detectors.engine import Engine
from detectors.rules.heartbeat_lost import HeartbeatLost
from domain.device import RegisteredDevice
from domain.finding import Finding
from domain.marks import Marks
from domain.observation import Observation
from ingest.hearing import Hearing
from tests.unit.detectors import shipped
from tests.unit.detectors.sayings import at, device, heartbeat, reading

#: Devices that lost their broker are back within so many seconds, each at its own moment.
RECONNECT_S = 30


@dataclass(frozen=True)
class Fault:
    """``what``: "we die", "broker dies", "line stalls" (up, and nothing comes), "slow" (a tenth of the speed)."""

    what: str
    start_s: int
    length_s: int

    def at(self, second: int) -> bool:
        return self.start_s <= second < self.start_s + self.length_s


@dataclass
class Storm:
    devices: Sequence[RegisteredDevice]
    faults: Sequence[Fault]
    rate: int
    #: device_no → when it falls silent for good.
    dies_at: dict[int, int] = field(default_factory=dict)
    #: second → devices that report a fire in it.
    fires: dict[int, Collection[int]] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._by_no = {one.device_no: one for one in self.devices}
        self._due: dict[int, list[int]] = {}
        for one in self.devices:
            self._due.setdefault(self._random.randrange(one.heartbeat_s), []).append(one.device_no)
        self._broker: deque[tuple[float, int, float | None] | bytes] = deque()
        self._last: dict[int, float] = {}
        self.spoke_at: dict[int, float] = {}
        self._engine: Engine | None = None
        self._hearing = Hearing("", "")
        self._lives = 0
        self._connected = False
        self._marks: list[Marks] = []
        self._states: dict[tuple[str, int], dict[str, object]] = {}
        self.found: list[Finding] = []
        self.backlog = 0

    def run(self, seconds: int) -> None:
        for second in range(seconds):
            broker_up = not self.has("broker dies", second)
            if broker_up and self.has("broker dies", second - 1):
                self._devices_come_back(second)
            if broker_up:
                self._devices_speak(second)
            self._we_live(second, broker_up)
            self.backlog = max(self.backlog, len(self._broker))

    def has(self, what: str, second: int) -> bool:
        return any(fault.what == what and fault.at(second) for fault in self.faults)

    def _devices_come_back(self, second: int) -> None:
        """Each within half a minute; the first thing that it does is to speak."""
        self._due = {}
        for no in self._by_no:
            self._due.setdefault(second + self._random.randrange(RECONNECT_S), []).append(no)

    def _devices_speak(self, second: int) -> None:
        for no in self._due.pop(second, ()):
            if second >= self.dies_at.get(no, second + 1):
                continue
            self._say(no, second + self._random.random() / 2, None)
            following = second + self._by_no[no].heartbeat_s
            self._due.setdefault(following, []).append(no)
        for no in self.fires.get(second, ()):
            self._say(no, second + 0.75, 80.0)

    def _say(self, no: int, now_s: float, value_c: float | None) -> None:
        self._broker.append((now_s, no, value_c))
        self._last[no] = self.spoke_at[no] = now_s

    def _we_live(self, second: int, broker_up: bool) -> None:
        if self.has("we die", second):
            self._engine, self._connected = None, False
            return
        if self._engine is None:
            self._be_born(second)
        if not broker_up:
            self._connected = False
            return
        if not self._connected:
            self._connect(second)
        self._broker.append(self._hearing.ask(at(second + 0.9)))
        if not self.has("line stalls", second):
            self._hear(second, self.rate // 10 if self.has("slow", second) else self.rate)
        self._judge(second)

    def _be_born(self, second: int) -> None:
        self._lives += 1
        self._hearing = Hearing("campuswatch-bulk", f"life {self._lives}")
        self._engine = Engine([HeartbeatLost(), shipped.rule("high_temperature")])
        self._engine.enrol(self.devices, at(second))
        states = [(*key, state) for key, state in self._states.items()]
        self._engine.restore([], states, at(second), marks=self._marks)

    def _connect(self, second: int) -> None:
        """Retained messages come first, all at once, whatever is queued."""
        assert self._engine is not None
        self._connected = True
        self._hearing.connected(at(second))
        if self.has("broker dies", second - 1):
            self._engine.hearing_resumed(at(second))
        self._broker.extendleft((said_s, no, None) for no, said_s in self._last.items())

    def _hear(self, second: int, many: int) -> None:
        assert self._engine is not None
        for place in range(min(many, len(self._broker))):
            message = self._broker.popleft()
            if isinstance(message, bytes):
                for topic in self._hearing.topics:
                    self._hearing.came_back(topic, message)
                continue
            said_s, no, value_c = message
            received_s = second + 0.95 + place * 1e-7
            said: Observation
            if value_c is None:
                said = heartbeat(received_s, said_s=said_s, of=self._by_no[no])
            else:
                said = reading(received_s, value_c, said_s=said_s, of=self._by_no[no])
            self.found.extend(self._engine.observe(said))

    def _judge(self, second: int) -> None:
        """A tick, and the commit."""
        assert self._engine is not None
        until = self._hearing.until(at(second + 1), quiet=not self._broker)
        if until is not None:
            self.found.extend(self._engine.tick(until))
        changes = self._engine.changes()
        for mark in changes.marks:
            self._marks = [one for one in self._marks if one.generation >= mark.obsolete_before]
            if mark.entry:
                self._marks.append(mark)
        for rule, device_no, state in changes.states:
            self._states.pop((rule, device_no), None)
            if state is not None:
                self._states[rule, device_no] = state


def district(count: int, *, heartbeat_s: int = 30) -> list[RegisteredDevice]:
    return [device(number, heartbeat_s=heartbeat_s) for number in range(1, count + 1)]
