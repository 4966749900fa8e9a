"""Payloads: one struct a channel, and their decoders, made once.

An optional field that is null counts as missing. Unknown fields are ignored. ``docs/messages.md`` tells integrators
the same in prose and ``asyncapi.yaml`` in schemas; tests hold the three together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid5

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from domain.observation import AlarmKind, Channel, EventKind

#: The only version of the format so far; a missing ``v`` means it.
FORMAT_VERSION = 1
#: Entries that one batch may hold.
MAX_BATCH = 1000
MAX_ID_LENGTH = 64

_OBSERVATION_NAMESPACE = UUID("8b0a5a3e-3f6e-5d0c-9a55-0c2f3f0f6b1d")

Moment = Annotated[datetime, Meta(tz=True)]
MessageId = Annotated[str, Meta(max_length=MAX_ID_LENGTH)]


class Message(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """What every channel's message may carry. ``batch`` replaces the other fields when a gateway speaks for many."""

    v: float | None = None  # float: some senders know no whole numbers and write 1.0
    ts: Moment | None = None
    batch: Raw | UnsetType = UNSET


class HeartbeatMessage(Message, kw_only=True, gc=False, omit_defaults=True):
    battery_pct: float | None = None


class ReadingMessage(Message, kw_only=True, gc=False, omit_defaults=True):
    values: dict[str, float] | None = None


class AlarmMessage(Message, kw_only=True, gc=False, omit_defaults=True):
    id: MessageId | int | None = None  # a number is as good: a press is not refused for it
    alarm: AlarmKind | None = None
    active: bool | None = None
    test: bool | None = None
    drill: bool | None = None
    detail: Raw | UnsetType = UNSET


class EventMessage(Message, kw_only=True, gc=False, omit_defaults=True):
    id: MessageId | None = None
    event: EventKind | None = None
    active: bool | None = None
    detail: Raw | UnsetType = UNSET


class StateMessage(Message, kw_only=True, gc=False, omit_defaults=True):
    id: MessageId | None = None
    state: Raw | UnsetType = UNSET


class HeartbeatEntry(HeartbeatMessage, kw_only=True, gc=False):
    device: str


class ReadingEntry(ReadingMessage, kw_only=True, gc=False):
    device: str


class AlarmEntry(AlarmMessage, kw_only=True, gc=False):
    device: str


class EventEntry(EventMessage, kw_only=True, gc=False):
    device: str


class StateEntry(StateMessage, kw_only=True, gc=False):
    device: str


class VersionProbe(msgspec.Struct, gc=False):
    """Only the version, to tell a newer format from a broken message."""

    v: Raw | UnsetType = UNSET


MESSAGE_DECODERS: dict[Channel, msgspec.json.Decoder[Message]] = {
    Channel.HEARTBEAT: msgspec.json.Decoder(HeartbeatMessage),
    Channel.READING: msgspec.json.Decoder(ReadingMessage),
    Channel.ALARM: msgspec.json.Decoder(AlarmMessage),
    Channel.EVENT: msgspec.json.Decoder(EventMessage),
    Channel.STATE: msgspec.json.Decoder(StateMessage),
}

ENTRY_DECODERS: dict[
    Channel, msgspec.json.Decoder[HeartbeatEntry | ReadingEntry | AlarmEntry | EventEntry | StateEntry]
] = {
    Channel.HEARTBEAT: msgspec.json.Decoder(HeartbeatEntry),
    Channel.READING: msgspec.json.Decoder(ReadingEntry),
    Channel.ALARM: msgspec.json.Decoder(AlarmEntry),
    Channel.EVENT: msgspec.json.Decoder(EventEntry),
    Channel.STATE: msgspec.json.Decoder(StateEntry),
}

BATCH_DECODER: msgspec.json.Decoder[list[Raw]] = msgspec.json.Decoder(list[Raw])
VERSION_DECODER = msgspec.json.Decoder(VersionProbe)


def observation_uid(site_id: str, device_id: str, channel: Channel, message_id: str) -> UUID:
    """The uid under which an alarm, event or state is stored once, however often it is redelivered."""
    return uuid5(_OBSERVATION_NAMESPACE, f"{site_id}/{device_id}/{channel.value}/{message_id}")
