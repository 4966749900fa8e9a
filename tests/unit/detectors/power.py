"""Sites whose devices hang on each other, and what is cut there: devices, and the power of whole sites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from detectors.engine import Engine
from detectors.rules.heartbeat_lost import HeartbeatLost
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Finding, FindingKind
from domain.liveness import LivenessChange
from domain.observation import Heartbeat
from tests.unit.detectors.histories import Kept
from tests.unit.detectors.sayings import at, heartbeat

KINDS = (DeviceKind.CAMERA, DeviceKind.SMOKE, DeviceKind.ONE_KEY_ALARM, DeviceKind.TEMPERATURE)


def site(number: int, parents: Mapping[int, int | None], *, heartbeat_s: int = 30) -> list[RegisteredDevice]:
    """Devices 1.. of a site; ``parents`` names what each hangs on. Numbers of the database begin at 1000 a site."""
    base = 1000 * number
    return [
        RegisteredDevice(
            base + one,
            number,
            f"s{number:03d}",
            f"s{number:03d}-{one:02d}",
            DeviceKind.GATEWAY if one in parents.values() else KINDS[one % len(KINDS)],
            heartbeat_s,
            None if parent is None else base + parent,
        )
        for one, parent in parents.items()
    ]


def star(number: int, count: int) -> list[RegisteredDevice]:
    """A gateway and all the others on it."""
    return site(number, {1: None} | dict.fromkeys(range(2, count + 1), 1))


def loose(number: int, count: int) -> list[RegisteredDevice]:
    """Devices of which nobody registered what they hang on."""
    return site(number, dict.fromkeys(range(1, count + 1)))


@dataclass
class Power:
    """Every device speaks once in its interval, unless it, what it hangs on or its site is cut; after a cut within
    ``boots_s`` of its end.
    """

    devices: Sequence[RegisteredDevice]
    seed: int = 0
    boots_s: float = 25.0
    cuts: list[tuple[int, float, float]] = field(default_factory=list)  # device_no, or -site_no, from, until
    mute: frozenset[int] = frozenset()
    found: list[Finding] = field(default_factory=list)
    liveness: dict[int, LivenessChange] = field(default_factory=dict)
    now_s: int = 0
    #: Where it is given, the engine is killed at the end of each `run` and built anew from it.
    kept: Kept | None = None

    def __post_init__(self) -> None:
        self.engine = Engine([HeartbeatLost()])
        self.engine.enrol(self.devices, at(0))
        self.by_no = {one.device_no: one for one in self.devices}
        chance = Random(self.seed)
        self._next_s = {one.device_no: chance.uniform(0, one.heartbeat_s) for one in self.devices}
        self._boots_s = {one.device_no: chance.uniform(0, self.boots_s) for one in self.devices}

    def cut(self, what: int, since_s: float, until_s: float = 1e9) -> None:
        self.cuts.append((what, since_s, until_s))

    def above(self, number: int) -> list[int]:
        found = [number]
        while (parent := self.by_no[found[-1]].parent_no) is not None:
            found.append(parent)
        return found

    def is_cut(self, number: int, moment_s: float, *, booting: bool = True) -> bool:
        """Whether ``number`` cannot be heard."""
        concerned = {*self.above(number), -self.by_no[number].site_no}
        boots_s = self._boots_s[number] if booting else 0.0
        return any(what in concerned and since <= moment_s < until + boots_s for what, since, until in self.cuts)

    def dead_itself(self, number: int, moment_s: float) -> bool:
        return any(what == number and since <= moment_s < until for what, since, until in self.cuts)

    def run(self, until_s: int) -> list[Finding]:
        """What was found meanwhile."""
        found: list[Finding] = []
        while self.now_s < until_s:
            self.now_s += 1
            for one in self._due():
                found += self.engine.observe(one)
            found += self.engine.tick(at(self.now_s))
        if self.kept is None:
            self.liveness.update((change.device_no, change) for change in self.engine.changes().liveness)
        else:
            self.kept.commit(self.engine)
            self.liveness = self.kept.liveness
            self.engine = self.kept.engine(self.by_no, self.now_s)
        self.found += found
        return found

    def _due(self) -> list[Heartbeat]:
        due: list[tuple[float, int]] = []
        for number, next_s in self._next_s.items():
            if next_s >= self.now_s or number in self.mute:
                continue
            if self.is_cut(number, next_s):
                self._next_s[number] = next_s + 1.0  # it tries, and speaks as soon as it is heard
            else:
                due.append((next_s, number))
                self._next_s[number] = next_s + self.by_no[number].heartbeat_s
        return [heartbeat(moment_s, of=self.by_no[number]) for moment_s, number in sorted(due)]

    def standing(self) -> set[str]:
        """Keys of what was raised and is not over."""
        keys: set[str] = set()
        for one in self.found:
            if one.kind is FindingKind.RAISED:
                assert one.key not in keys, f"{one.key} twice"
                keys.add(one.key)
            elif one.kind is FindingKind.CLEARED:
                keys.remove(one.key)
        return keys


def told(findings: Iterable[Finding], kind: FindingKind = FindingKind.RAISED) -> list[tuple[str, str]]:
    """(rule, device or site) of each of ``kind``."""
    return [(one.rule, one.device_id or one.site_id) for one in findings if one.kind is kind]
