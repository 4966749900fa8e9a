"""A foreign payload, by the rules of its profile, as observations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from devices.formats.channels import Limits, check_value
from devices.formats.payload import Moment, observation_uid
from devices.formats.storable import check_storable
from devices.profiles.profile import MessageRules, NumberRule, PayloadForm, Rule, Scalar, StateRule, TimeRule
from domain.device import RegisteredDevice
from domain.errors import PayloadError
from domain.observation import Alarm, Channel, Event, Heartbeat, Observation, Reading, StateReport
from domain.quarantine import Reason

_MAX_TEXT = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MISSING = object()


def translate(
    profile: str,
    rules: MessageRules,
    device: RegisteredDevice,
    payload: bytes,
    received_at: datetime,
    limits: Limits,
) -> tuple[list[Observation], list[PayloadError]]:
    """The observations, and a fault for each value that cannot be true; one bad value never costs the others.

    :raises PayloadError: the payload as a whole cannot be read, or its time is not plausible.
    """
    document = _read(payload, rules.payload)
    own_time = _time(rules.time, document)
    at = received_at if own_time is None else limits.check(own_time, received_at)
    observations: list[Observation] = []
    faults: list[PayloadError] = []

    def uid(channel: Channel, what: str) -> UUID:
        # Without a time of its own the moment of arrival, which no other message shares, makes it the same again when
        # it is decoded once more.
        when = f"@{received_at.isoformat()}" if own_time is None else at.isoformat()
        return observation_uid(device.site_id, device.device_id, channel, f"{when}/{what}")

    for alarm in rules.alarms:
        value = _value(alarm, device, document)
        active = _meaning(value, alarm.active, alarm.inactive)
        if active is not None:
            detail = {"profile": profile, "value": value}
            what = f"{alarm.alarm}/{active}"
            observations.append(
                Alarm(
                    device,
                    at,
                    received_at,
                    uid(Channel.ALARM, what),
                    alarm.alarm,
                    active,
                    False,
                    False,
                    detail,
                )
            )
    for event in rules.events:
        value = _value(event, device, document)
        active = _meaning(value, event.active, event.inactive)
        if active is not None:
            detail = {"profile": profile, "value": value}
            what = f"{event.event}/{active}"
            observations.append(Event(device, at, received_at, uid(Channel.EVENT, what), event.event, active, detail))
    values = dict(_numbers(rules.readings, device, document, faults))
    if values:
        observations.append(Reading(device, at, received_at, values))
    state = dict(_states(rules.state, device, document, faults))
    if state:
        observations.append(StateReport(device, at, received_at, uid(Channel.STATE, str(sorted(state.items()))), state))
    if rules.heartbeat is not None:
        battery = rules.heartbeat.battery_pct
        readings = {} if battery is None else {"battery_pct": (battery,)}
        battery_pct = dict(_numbers(readings, device, document, faults)).get("battery_pct")
        observations.append(Heartbeat(device, at, received_at, battery_pct))
    return observations, faults


def _read(payload: bytes, form: PayloadForm) -> Any:
    if form is not PayloadForm.TEXT:
        try:
            return _read_json(payload)
        except (ValueError, RecursionError) as error:
            if form is PayloadForm.JSON:
                raise PayloadError(Reason.BAD_JSON, f"payload: expected JSON in UTF-8: {error}") from error
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise PayloadError(Reason.BAD_JSON, f"payload: expected text in UTF-8: {error}") from error


def _read_json(payload: bytes) -> Any:
    """JSON, and what makers take for it: NaN (read as nothing) and numbers of any size must not cost an alarm that
    stands beside them.

    :raises ValueError: it is neither.
    """
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeError):
        return json.loads(payload, parse_constant=_nothing, parse_int=_whole)


def _nothing(_: str) -> None:
    return None


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 19 else float(digits)


def _time(rule: TimeRule | None, document: Any) -> datetime | None:
    value = None if rule is None else find(document, rule.path)
    if rule is None or value is None or isinstance(value, bool):
        return None
    try:
        if isinstance(value, str):
            return msgspec.convert(value, Moment)
        if isinstance(value, int | float):
            return _EPOCH + timedelta(seconds=value / 1000 if rule.number == "ms" else value)
    except (msgspec.ValidationError, OverflowError, ValueError):
        pass  # a clock that was never set, a local time: the time of receipt is better than a guess
    return None


def _value(rule: Rule, device: RegisteredDevice, document: Any) -> Any:
    """The value a rule looks at; `_MISSING` where the rule does not apply or there is none."""
    if rule.kinds and device.kind not in rule.kinds:
        return _MISSING
    if rule.when is not None and not _listed(find(document, rule.when.path), rule.when.values):
        return _MISSING
    for path in rule.paths:
        value = find(document, path)
        if value is not _MISSING and value is not None:
            return value
    return _MISSING


def find(document: Any, path: str) -> Any:
    """What a path leads to in a document; a sentinel that equals nothing else where it leads nowhere."""
    return document if path == "." else _descend(document, path.split("."))


def _descend(document: Any, keys: list[str]) -> Any:
    for place, key in enumerate(keys):
        if not isinstance(document, dict):
            return _MISSING
        if key == "*":
            for inner in document.values():
                value = _descend(inner, keys[place + 1 :])
                if value is not _MISSING:
                    return value
            return _MISSING
        document = document.get(key, _MISSING)
    return document


def _meaning(value: Any, active: tuple[Scalar, ...], inactive: tuple[Scalar, ...]) -> bool | None:
    if _listed(value, active):
        return True
    return False if _listed(value, inactive) else None


def _listed(value: Any, wanted: tuple[Scalar, ...]) -> bool:
    """JSON equality: true is not 1."""
    return any(value == one and isinstance(value, bool) is isinstance(one, bool) for one in wanted)


def _numbers(
    rules: Mapping[str, tuple[NumberRule, ...]],
    device: RegisteredDevice,
    document: Any,
    faults: list[PayloadError],
) -> Iterator[tuple[str, float]]:
    for name, alternatives in rules.items():
        for rule in alternatives:
            value = _value(rule, device, document)
            if value is _MISSING:
                continue
            place = f"{name} from {rule.paths[0]}"
            try:
                number = _number(value, place)
                if rule.unit is not None:
                    number = rule.unit.convert(number)
                number = round(number * rule.scale + rule.offset, 6)
                check_value(name, number, place)
            except PayloadError as fault:
                faults.append(fault)
            else:
                yield name, number
            break


def _number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PayloadError(Reason.BAD_FIELD, f"{place}: expected a number, got {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise PayloadError(Reason.ABSURD_VALUE, f"{place}: expected a number of this world") from None


def _states(
    rules: Mapping[str, StateRule], device: RegisteredDevice, document: Any, faults: list[PayloadError]
) -> Iterator[tuple[str, Scalar]]:
    for name, rule in rules.items():
        value = _value(rule, device, document)
        if value is _MISSING:
            continue
        if not isinstance(value, str | int | float):
            faults.append(PayloadError(Reason.BAD_FIELD, f"{name} from {rule.paths[0]}: expected a single value"))
            continue
        if rule.map:
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            if text in rule.map:
                yield name, rule.map[text]
            continue
        if isinstance(value, str):
            value = value[:_MAX_TEXT]
        try:
            check_storable(value)
        except ValueError as error:
            faults.append(PayloadError(Reason.BAD_FIELD, f"{name} from {rule.paths[0]}: {error}"))
        else:
            yield name, value
