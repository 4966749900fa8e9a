"""Topics: ``campus/v1/{site}/{device}/{channel}``."""

from __future__ import annotations

import re

import msgspec

from domain.errors import PayloadError
from domain.observation import Channel
from domain.quarantine import Reason

TOPIC_ROOT = "campus/v1"

#: The same patterns as in the table definitions.
SITE_ID = re.compile(r"[a-z0-9-]{1,32}")
DEVICE_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")

#: What the alarm lane subscribes, and what the bulk lane does. No two of them overlap.
ALARM_FILTERS = (f"{TOPIC_ROOT}/+/+/{Channel.ALARM}",)
BULK_FILTERS = tuple(
    f"{TOPIC_ROOT}/+/+/{channel}" for channel in (Channel.HEARTBEAT, Channel.READING, Channel.EVENT, Channel.STATE)
)

_CHANNELS = {channel.value: channel for channel in Channel}


class Topic(msgspec.Struct, frozen=True, gc=False):
    """A parsed topic of our own format."""

    site_id: str
    device_id: str
    channel: Channel


def parse_topic(topic: str | bytes) -> Topic:
    """Take a topic apart.

    :raises PayloadError: with `Reason.BAD_TOPIC`; the detail says which part is wrong and what was expected.
    """
    parts = topic_text(topic).split("/")
    if len(parts) != 5 or parts[0] != "campus" or parts[1] != "v1":
        raise _bad("expected campus/v1/{site}/{device}/{channel}")
    _, _, site_id, device_id, name = parts
    if SITE_ID.fullmatch(site_id) is None:
        raise _bad("site: expected 1 to 32 of a-z 0-9 -")
    if DEVICE_ID.fullmatch(device_id) is None:
        raise _bad("device: expected 1 to 64 of A-Z a-z 0-9 _ . -")
    channel = _CHANNELS.get(name)
    if channel is None:
        raise _bad(f"channel: expected one of {', '.join(_CHANNELS)}")
    return Topic(site_id, device_id, channel)


def build_topic(site_id: str, device_id: str, channel: Channel) -> str:
    """The topic a device publishes on (or, for commands, listens to).

    :raises PayloadError: an id does not fit into a topic.
    """
    topic = f"{TOPIC_ROOT}/{site_id}/{device_id}/{channel.value}"
    parse_topic(topic)
    return topic


def topic_text(topic: str | bytes) -> str:
    """A topic as text.

    :raises PayloadError: it is not UTF-8.
    """
    if isinstance(topic, str):
        return topic
    try:
        return topic.decode()
    except UnicodeDecodeError as error:
        raise _bad("expected UTF-8") from error


def _bad(expected: str) -> PayloadError:
    return PayloadError(Reason.BAD_TOPIC, f"topic: {expected}")
