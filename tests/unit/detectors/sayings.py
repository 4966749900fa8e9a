"""Devices and what they say, for the tests of rules. Times are seconds after `START`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from domain.device import DeviceKind, RegisteredDevice
from domain.observation import Alarm, AlarmKind, Event, EventKind, Heartbeat, Reading, StateReport

START = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
_NAMESPACE = UUID("6a2f41a3-c54c-fce8-32d2-0324e1c32e22")


def device(number: int = 1, kind: DeviceKind = DeviceKind.TEMPERATURE, *, heartbeat_s: int = 30) -> RegisteredDevice:
    return RegisteredDevice(number, 1, "s001", f"s001-{kind.value}-{number:02d}", kind, heartbeat_s)


SENSOR = device()
BUTTON = device(2, DeviceKind.ONE_KEY_ALARM)
SMOKE = device(3, DeviceKind.SMOKE)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def heartbeat(
    received_s: float, *, said_s: float | None = None, of: RegisteredDevice = SENSOR, battery_pct: float | None = None
) -> Heartbeat:
    return Heartbeat(of, at(received_s if said_s is None else said_s), at(received_s), battery_pct)


def reading(
    received_s: float,
    temperature_c: float,
    *,
    said_s: float | None = None,
    of: RegisteredDevice = SENSOR,
    metric: str = "temperature_c",
) -> Reading:
    return Reading(of, at(received_s if said_s is None else said_s), at(received_s), {metric: temperature_c})


def event(
    received_s: float,
    kind: EventKind,
    active: bool = True,
    *,
    said_s: float | None = None,
    name: str = "",
    of: RegisteredDevice = SENSOR,
) -> Event:
    uid = uuid5(_NAMESPACE, name or f"{kind}{active}{received_s}")
    return Event(of, at(received_s if said_s is None else said_s), at(received_s), uid, kind, active)


def state_report(received_s: float, *, said_s: float | None = None, of: RegisteredDevice = SENSOR) -> StateReport:
    said = at(received_s if said_s is None else said_s)
    return StateReport(of, said, at(received_s), uuid5(_NAMESPACE, f"state{received_s}"), {"door": "open"})


def alarm(
    received_s: float,
    kind: AlarmKind = AlarmKind.PANIC,
    *,
    active: bool = True,
    test: bool = False,
    drill: bool = False,
    said_s: float | None = None,
    name: str = "",
    of: RegisteredDevice = BUTTON,
) -> Alarm:
    said = at(received_s if said_s is None else said_s)
    uid = uuid5(_NAMESPACE, name or f"{kind}{active}{received_s}")
    return Alarm(of, said, at(received_s), uid, kind, active, test, drill)
