"""From a decoded message to an observation, one function a channel.

What a schema cannot say is checked here: plausible times, ranges, names of quantities.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw, UnsetType

from devices.formats.payload import (
    FORMAT_VERSION,
    AlarmMessage,
    EventMessage,
    HeartbeatMessage,
    Message,
    ReadingMessage,
    StateMessage,
    observation_uid,
)
from devices.formats.storable import decode_object
from domain.device import RegisteredDevice
from domain.errors import PayloadError
from domain.metric import METRICS
from domain.observation import (
    Alarm,
    AlarmKind,
    Channel,
    Event,
    EventKind,
    Heartbeat,
    Observation,
    Reading,
    StateReport,
)
from domain.quarantine import Reason

_Kind = TypeVar("_Kind", AlarmKind, EventKind)

#: What a field has to be, for the detail of a rejection.
EXPECTED: dict[str, str] = {
    "v": f"{FORMAT_VERSION} or nothing",
    "ts": "an RFC 3339 time with offset, such as 2026-11-22T08:00:00+08:00",
    "battery_pct": "a number from 0 to 100",
    "values": "an object of numbers with at least one value",
    "id": "a string of at most 64 characters",
    "alarm": f"one of {', '.join(AlarmKind)}",
    "event": f"one of {', '.join(EventKind)}",
    "active": "true or false",
    "test": "true or false",
    "drill": "true or false",
    "detail": "an object",
    "state": "an object",
    "device": "the device's id as a string",
}


class Limits(msgspec.Struct, frozen=True):
    """What time a message may name: at most ``future`` ahead of its receipt, at most ``age`` behind it."""

    future: timedelta
    age: timedelta

    def check(self, at: datetime, received_at: datetime) -> datetime:
        """``at`` in UTC.

        :raises PayloadError: the time is not plausible.
        """
        if at.tzinfo is not UTC:
            try:
                at = at.astimezone(UTC)
            except OverflowError:  # year 1 or 9999, and the offset leads out of the calendar
                reason = Reason.TOO_OLD if at.year == 1 else Reason.FROM_THE_FUTURE
                raise PayloadError(reason, f"ts: {at.isoformat()}") from None
        if at > received_at:
            if at - received_at > self.future:
                raise PayloadError(
                    Reason.FROM_THE_FUTURE,
                    f"ts: expected at most {self.future} after receipt, got {at.isoformat()}",
                    said_at=at,
                )
        elif received_at - at > self.age:
            raise PayloadError(
                Reason.TOO_OLD, f"ts: expected at most {self.age} before receipt, got {at.isoformat()}", said_at=at
            )
        return at


def observe_heartbeat(
    device: RegisteredDevice, message: HeartbeatMessage, received_at: datetime, limits: Limits
) -> Heartbeat:
    if message.v is not None and message.v != FORMAT_VERSION:
        raise bad_version(message.v)
    if message.ts is None:
        raise missing("ts")
    battery_pct = message.battery_pct
    if battery_pct is not None and not 0.0 <= battery_pct <= 100.0:
        raise PayloadError(Reason.ABSURD_VALUE, f"battery_pct: expected 0 to 100, got {battery_pct:g}")
    return Heartbeat(device, limits.check(message.ts, received_at), received_at, battery_pct)


def observe_reading(
    device: RegisteredDevice, message: ReadingMessage, received_at: datetime, limits: Limits
) -> Reading:
    if message.v is not None and message.v != FORMAT_VERSION:
        raise bad_version(message.v)
    if message.ts is None:
        raise missing("ts")
    values = message.values
    if not values:
        raise missing("values")
    for name, value in values.items():
        check_value(name, value, f"values.{name}")
    return Reading(device, limits.check(message.ts, received_at), received_at, values)


def check_value(name: str, value: float, place: str) -> None:
    """:raises PayloadError: the quantity is unknown, or its value cannot be true."""
    metric = METRICS.get(name)
    if metric is None:
        raise PayloadError(Reason.BAD_FIELD, f"{place[:80]}: no such quantity; expected {', '.join(METRICS)}")
    if not metric.low <= value <= metric.high:  # false for NaN too
        got = f"{value:g}" if math.isfinite(value) else "no finite number"
        raise PayloadError(
            Reason.ABSURD_VALUE,
            f"{place}: expected {metric.low:g} to {metric.high:g} {metric.unit}, got {got}",
        )


def observe_alarm(device: RegisteredDevice, message: AlarmMessage, received_at: datetime, limits: Limits) -> Alarm:
    """A detail that cannot be kept never stops an alarm; the alarm's detail then says so."""
    _check_version(message)
    kind = _given(message.alarm, "alarm")
    at = received_at if message.ts is None else limits.check(message.ts, received_at)
    try:
        detail = _object_or_none(message.detail)
    except ValueError as error:
        detail = {"detail_fault": str(error)[:200]}
    flags = f"{message.active is not False}/{message.test is True}/{message.drill is True}"
    return Alarm(
        device,
        at,
        received_at,
        _uid(
            device,
            Channel.ALARM,
            message,
            received_at,
            f"{kind}/{flags}",
        ),
        kind,
        message.active is not False,
        message.test is True,
        message.drill is True,
        detail,
    )


def observe_event(device: RegisteredDevice, message: EventMessage, received_at: datetime, limits: Limits) -> Event:
    _check_version(message)
    kind = _given(message.event, "event")
    at = received_at if message.ts is None else limits.check(message.ts, received_at)
    try:
        detail = _object_or_none(message.detail)
    except ValueError as error:
        raise PayloadError(Reason.BAD_FIELD, f"detail: {error}") from error
    uid = _uid(device, Channel.EVENT, message, received_at, f"{kind}/{message.active is not False}")
    return Event(device, at, received_at, uid, kind, message.active is not False, detail)


def observe_state(
    device: RegisteredDevice, message: StateMessage, received_at: datetime, limits: Limits
) -> StateReport:
    _check_version(message)
    at = received_at if message.ts is None else limits.check(message.ts, received_at)
    try:
        state = _object_or_none(message.state)
    except ValueError as error:
        raise PayloadError(Reason.BAD_FIELD, f"state: {error}") from error
    if state is None:
        raise missing("state")
    return StateReport(device, at, received_at, _uid(device, Channel.STATE, message, received_at, str(state)), state)


#: A message is of the struct that `devices.formats.payload` names for the channel.
Observe: TypeAlias = Callable[[RegisteredDevice, Any, datetime, Limits], Observation]

OBSERVE: dict[Channel, Observe] = {
    Channel.HEARTBEAT: observe_heartbeat,
    Channel.READING: observe_reading,
    Channel.ALARM: observe_alarm,
    Channel.EVENT: observe_event,
    Channel.STATE: observe_state,
}


#: How long an id without a time tells a message that comes again from a new one (begun anew at full ten minutes).
ID_HOLDS = timedelta(minutes=10)


def missing(field: str) -> PayloadError:
    return PayloadError(Reason.BAD_FIELD, f"{field}: missing; expected {EXPECTED[field]}")


def bad_version(got: object) -> PayloadError:
    return PayloadError(Reason.BAD_VERSION, f"v: expected {EXPECTED['v']}, got {str(got)[:40]}")


def _check_version(message: Message) -> None:
    if message.v is not None and message.v != FORMAT_VERSION:
        raise bad_version(message.v)


def _given(kind: _Kind | None, field: str) -> _Kind:
    if kind is None:
        raise missing(field)
    return kind


def _object_or_none(raw: Raw | UnsetType) -> dict[str, Any] | None:
    if raw is UNSET or bytes(raw) == b"null":
        return None
    return decode_object(raw)


def _uid(
    device: RegisteredDevice,
    channel: Channel,
    message: AlarmMessage | EventMessage | StateMessage,
    received_at: datetime,
    what: str,
) -> UUID:
    """From the id and the time that the device gave, or from what it gave of the two: so a message that is sent,
    delivered or decoded again is the same observation.

    The time is part of it because a cheap button's counter begins anew with its battery, and a press must never be
    taken for an old one. Where the device gives an id and no time, the id holds for `ID_HOLDS`; where it gives neither,
    the moment of arrival, which no other message shares, tells it apart.
    """
    if message.ts is not None:
        said_s = message.ts.timestamp()
        message_id = f"{message.id or ''}@{said_s}"
    elif message.id:
        message_id = f"{message.id}@{int(received_at.timestamp() // ID_HOLDS.total_seconds())}"
    else:
        message_id = f"@{received_at.isoformat()}"
    # What it says is part of it too: a test and the real alarm after it are two, whatever ids a button makes up.
    return observation_uid(device.site_id, device.device_id, channel, f"{message_id}|{what}")
