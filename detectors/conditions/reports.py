"""What a device reports and takes back: an event that stands, a field of how it stands.

A report that comes late is told all the same, with the time it names: an open cover is no less open for an outage of
the network. Only one that is older than a report that was heard before says nothing any more.

Every report of an event is told, though the one before it still stands: a door that is forced does not always say when
that is over, and the next time must not go unheard. The incident knows what belongs together (docs/adr/0007).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from detectors.conditions.leaf import AGAIN, TURNED, Leaf
from detectors.documents.form import EventStands, StateIs
from detectors.lives import Heard
from domain.observation import Event, EventKind, StateReport


class _Reported(Leaf):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._newest: dict[int, tuple[float, bool]] = {}  # number → device time s, whether it holds

    def _hear(self, number: int, said_s: float, on: bool, heard: Heard) -> int:
        newest = self._newest.get(number)
        if newest is not None and heard is Heard.PAST and said_s < newest[0]:
            return 0
        self._newest[number] = (said_s, on)
        self.note(number)
        if on is not (newest is not None and newest[1]):
            return TURNED
        return AGAIN if on else 0

    def holds(self, number: int, now_s: float) -> bool:
        newest = self._newest.get(number)
        return newest is not None and newest[1]

    def memory(self, number: int) -> Any:
        newest = self._newest.get(number)
        return None if newest is None else {"said_s": newest[0], "on": newest[1]}

    def recall(self, number: int, memory: Any) -> None:
        self._newest[number] = (memory["said_s"], memory["on"])

    def forget(self, number: int) -> None:
        if self._newest.pop(number, None) is not None:
            self.note(number)

    def numbers(self) -> Collection[int]:
        return self._newest


class EventReported(_Reported):
    hears = (Event,)

    def __init__(self, form: EventStands) -> None:
        super().__init__(f"event:{form.event}")
        self._event = EventKind(form.event)

    def take(self, said: Event, heard: Heard, number: int) -> int:
        return self._hear(number, said.at.timestamp(), said.active, heard) if said.event is self._event else 0

    def told(self, said: Any, number: int) -> dict[str, Any]:
        return said.detail or {} if isinstance(said, Event) else {}


class StateReported(_Reported):
    hears = (StateReport,)

    def __init__(self, form: StateIs) -> None:
        super().__init__(f"state:{form.state}")
        self._field = form.state
        self._values = tuple(form.value) if isinstance(form.value, list) else (form.value,)

    def take(self, said: StateReport, heard: Heard, number: int) -> int:
        value = said.state.get(self._field)
        if value is None:
            return 0
        on = any(value == wanted and isinstance(value, bool) is isinstance(wanted, bool) for wanted in self._values)
        if not on and number not in self._newest:
            return 0
        return self._hear(number, said.at.timestamp(), on, heard) & TURNED

    def told(self, said: Any, number: int) -> dict[str, Any]:
        return {self._field: said.state[self._field]} if self._field in said.state else {}
