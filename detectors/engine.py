"""The engine: hands each observation to the rules that watch its kind of device, and lets time pass.

Pure: what comes out depends on the observations, the times given and the state that was restored, on nothing else.
A step costs the same whatever the number of devices: rules are found by (type of observation, kind of device), and
waiting is done by `detectors.deadlines`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from detectors.rule import Changes, Rule
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Finding
from domain.liveness import LivenessChange
from domain.observation import Observation

Watcher = Callable[[Any], Sequence[Finding]]


class Engine:
    """All rules over all devices of a shard.

    Findings and the state that they rest on leave together: take `changes` after a step and commit both at once.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._watchers: dict[tuple[type, DeviceKind], tuple[Watcher, ...]] = {}

    def observe(self, observation: Observation) -> Sequence[Finding]:
        """One step: what follows from ``observation``."""
        key = (type(observation), observation.device.kind)
        watchers = self._watchers.get(key)
        if watchers is None:
            watchers = self._watchers[key] = tuple(
                watcher
                for rule in self._rules.values()
                if (watcher := rule.watcher(type(observation), observation.device.kind)) is not None
            )
        if len(watchers) == 1:
            return watchers[0](observation)
        found: list[Finding] = []
        for watcher in watchers:
            found.extend(watcher(observation))
        return found

    def tick(self, now: datetime) -> Sequence[Finding]:
        """Let time pass until ``now``: what follows from nothing having been said."""
        found: list[Finding] = []
        for rule in self._rules.values():
            found.extend(rule.tick(now))
        return found

    def hearing_resumed(self, now: datetime) -> None:
        """After we ourselves were deaf (broker or database away, process paused): silence until now proves nothing."""
        for rule in self._rules.values():
            rule.hearing_resumed(now)

    def enrol(self, devices: Iterable[RegisteredDevice], now: datetime) -> None:
        """Tell the rules which devices are registered now; those that are gone are forgotten."""
        known = {device.device_no: device for device in devices}
        for rule in self._rules.values():
            rule.enrol(known, now)

    def restore(
        self, liveness: Iterable[LivenessChange], states: Iterable[tuple[str, int, dict[str, Any]]], now: datetime
    ) -> None:
        """Take up what was committed before a restart. Call it after `enrol`."""
        for rule in self._rules.values():
            rule.restore_liveness(liveness, now)
        for name, device_no, state in states:
            if name in self._rules:
                self._rules[name].restore(device_no, state)

    def changes(self) -> Changes:
        """What has to be written with the findings since the last call; it is given out once."""
        changes = Changes()
        for rule in self._rules.values():
            rule.collect(changes)
        return changes
