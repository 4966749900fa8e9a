"""Observations: anything a device said, decoded and tied to a registered device.

Both times are aware UTC. ``at`` is when the device says it happened, or ``received_at`` where it has no clock.
``uid`` is set for what must be stored once by its id (alarms, events, states).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from domain.device import RegisteredDevice


class Channel(StrEnum):
    """Last part of a topic; also the lane: `ALARM` alone travels in the alarm lane."""

    ALARM = "alarm"
    HEARTBEAT = "heartbeat"
    READING = "reading"
    EVENT = "event"
    STATE = "state"
    COMMAND = "command"


class AlarmKind(StrEnum):
    """What an alarm message can report."""

    PANIC = "panic"  # one-key alarm pressed (一键报警)
    DURESS = "duress"  # 胁迫
    SMOKE = "smoke"
    HEAT = "heat"
    GAS = "gas"
    MANUAL_CALL_POINT = "manual_call_point"  # 手动火灾报警按钮
    INTRUSION = "intrusion"


class EventKind(StrEnum):
    """What an event message can report."""

    TAMPER = "tamper"
    LOW_BATTERY = "low_battery"
    POWER_LOST = "power_lost"
    FAULT = "fault"
    ACCESS_GRANTED = "access_granted"
    ACCESS_DENIED = "access_denied"
    DOOR_FORCED = "door_forced"
    DOOR_HELD = "door_held"
    PATROL_CHECKED = "patrol_checked"
    PICTURE_FAULT = "picture_fault"  # the network patrol's diagnosis of a camera; detail says which fault
    RECEIPT = "receipt"


class Heartbeat(msgspec.Struct, frozen=True, gc=False):
    """The device says it works. ``battery_pct`` in percent where it has a battery."""

    device: RegisteredDevice
    at: datetime
    received_at: datetime
    battery_pct: float | None = None


class Reading(msgspec.Struct, frozen=True, gc=False):
    """Measured values, each named in `domain.metric.METRICS` and within its range."""

    device: RegisteredDevice
    at: datetime
    received_at: datetime
    values: dict[str, float]


class Alarm(msgspec.Struct, frozen=True, gc=False):
    """A device reports danger (``active``) or its end. ``test`` and ``drill`` are marked as such everywhere."""

    device: RegisteredDevice
    at: datetime
    received_at: datetime
    uid: UUID
    alarm: AlarmKind
    active: bool = True
    test: bool = False
    drill: bool = False
    detail: dict[str, Any] | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something happened at the device; ``active`` false means it is over."""

    device: RegisteredDevice
    at: datetime
    received_at: datetime
    uid: UUID
    event: EventKind
    active: bool = True
    detail: dict[str, Any] | None = None


class StateReport(msgspec.Struct, frozen=True, gc=False):
    """How the device stands now: door open, zone armed, barrier up."""

    device: RegisteredDevice
    at: datetime
    received_at: datetime
    uid: UUID
    state: dict[str, Any]


Observation: TypeAlias = Heartbeat | Reading | Alarm | Event | StateReport


class Misdated(msgspec.Struct, frozen=True, gc=False):
    """A message that was put aside for its time alone: nothing of it is stored, and still somebody spoke.

    ``at`` is what the device's clock said.
    """

    device: RegisteredDevice
    at: datetime
    received_at: datetime
