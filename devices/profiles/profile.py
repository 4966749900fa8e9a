"""What a profile says, as plain types. ``profile.schema.json`` is its grammar for people and editors."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from domain.device import DeviceKind
from domain.observation import AlarmKind, EventKind

Scalar = str | int | float | bool | None


class PayloadForm(StrEnum):
    """How a message's payload is written. `ANY`: JSON where it parses as such, else text."""

    JSON = "json"
    TEXT = "text"
    ANY = "any"


class Unit(StrEnum):
    """Units that makers use, each with the way to ours."""

    FAHRENHEIT = "fahrenheit"
    KELVIN = "kelvin"
    MILLIVOLT = "millivolt"
    KILOPASCAL = "kilopascal"
    PASCAL = "pascal"
    RATIO = "ratio"

    def convert(self, value: float) -> float:
        factor, shift = _UNITS[self]
        return value * factor + shift


_UNITS: dict[Unit, tuple[float, float]] = {
    Unit.FAHRENHEIT: (5 / 9, -160 / 9),
    Unit.KELVIN: (1.0, -273.15),
    Unit.MILLIVOLT: (0.001, 0.0),
    Unit.KILOPASCAL: (10.0, 0.0),
    Unit.PASCAL: (0.01, 0.0),
    Unit.RATIO: (100.0, 0.0),
}


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule counts only where the value at ``path`` is one of ``values``."""

    path: str
    values: tuple[Scalar, ...]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``path`` leads to a value: keys joined by dots, ``*`` for any key (the first that has the rest), ``.`` for the
    whole payload; of several paths the first that leads anywhere counts. ``kinds`` narrows it to kinds of device."""

    path: str | tuple[str, ...]
    when: Condition | None = None
    kinds: tuple[DeviceKind, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path,) if isinstance(self.path, str) else self.path


class NumberRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A measured value: converted from ``unit``, then times ``scale`` plus ``offset``."""

    unit: Unit | None = None
    scale: float = 1.0
    offset: float = 0.0


class AlarmRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values that mean danger, and values that mean its end. Any other value says nothing."""

    alarm: AlarmKind
    active: tuple[Scalar, ...]
    inactive: tuple[Scalar, ...] = ()


class EventRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    event: EventKind
    active: tuple[Scalar, ...]
    inactive: tuple[Scalar, ...] = ()


class StateRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``map`` renames values, by their JSON text (``"true"``, ``"1"``, a string as it is); empty = as they come."""

    map: dict[str, Scalar] = {}


class TimeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the device's own time stands: RFC 3339 text with offset, or a number of milliseconds or seconds since
    1970. What cannot be read counts as none: the time of receipt is taken."""

    path: str
    number: str = "ms"


class HeartbeatRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whoever sends this message is alive."""

    battery_pct: NumberRule | None = None


class MessageRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one kind of topic carries. ``topic`` has named parts ``{address}`` and, where it has them, ``{site}``."""

    topic: str
    payload: PayloadForm = PayloadForm.JSON
    time: TimeRule | None = None
    heartbeat: HeartbeatRule | None = None
    readings: dict[str, tuple[NumberRule, ...]] = {}
    alarms: tuple[AlarmRule, ...] = ()
    events: tuple[EventRule, ...] = ()
    state: dict[str, StateRule] = {}


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One maker's (or gateway software's) format. ``ignore`` are MQTT filters of topics that mean nothing to us."""

    profile: str
    title: str
    about: str = ""
    messages: tuple[MessageRules, ...]
    ignore: tuple[str, ...] = ()

    @property
    def carries_alarms(self) -> bool:
        """Then all of it goes to the alarm lane: one topic carries the alarm and everything else."""
        return any(message.alarms for message in self.messages)
