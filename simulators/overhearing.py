"""What a message is to whoever decodes it, without a broker between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from devices.formats.channels import OBSERVE, Limits
from devices.formats.payload import MESSAGE_DECODERS
from domain.device import RegisteredDevice
from domain.errors import PayloadError
from domain.observation import Channel, Misdated, Observation
from simulators.message import Message

#: A message is so long on its way. One that came in the very moment it names would seem to be of a device that has no
#: clock.
TRAVEL_MS = 1
#: Those that the server has unless it is told otherwise; a test holds the two together.
LIMITS = Limits(timedelta(seconds=300), timedelta(days=30))


def overheard(device: RegisteredDevice, message: Message, limits: Limits = LIMITS) -> Observation | Misdated:
    """As if it arrived `TRAVEL_MS` after it is due. Of one that would be put aside for its time, that time is heard.

    :raises PayloadError: the message is wrong in any other way.
    """
    channel = Channel(message.topic.rpartition("/")[2])
    received_at = datetime.fromtimestamp(message.due_s + TRAVEL_MS / 1000, UTC)
    try:
        return OBSERVE[channel](device, MESSAGE_DECODERS[channel].decode(message.payload), received_at, limits)
    except PayloadError as error:
        if error.said_at is None:
            raise
        return Misdated(device, error.said_at, received_at)
