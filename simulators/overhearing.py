"""What a message is to whoever decodes it, without a broker between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from devices.formats.channels import OBSERVE, Limits
from devices.formats.payload import MESSAGE_DECODERS
from domain.device import RegisteredDevice
from domain.errors import PayloadError
from domain.observation import Channel, Misdated, Observation
from simulators.message import Message

#: How long a message is under way. Not nothing: a time that is just ours is how a device without a clock is known.
ON_THE_WAY = timedelta(milliseconds=20)
#: Those that the server has unless it is told otherwise; a test holds the two together.
LIMITS = Limits(timedelta(seconds=300), timedelta(days=30))


def overheard(device: RegisteredDevice, message: Message, limits: Limits = LIMITS) -> Observation | Misdated:
    """As if it arrived `ON_THE_WAY` after it is due. One whose time is not plausible would be put aside: only that
    time is heard.

    :raises PayloadError: the message is wrong in any other way.
    """
    channel = Channel(message.topic.rpartition("/")[2])
    received_at = datetime.fromtimestamp(message.due_s, UTC) + ON_THE_WAY
    try:
        return OBSERVE[channel](device, MESSAGE_DECODERS[channel].decode(message.payload), received_at, limits)
    except PayloadError as error:
        if error.said_at is None:
            raise
        return Misdated(device, error.said_at, received_at)
