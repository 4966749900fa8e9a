"""One device's side of MQTT 3.1.1 as bytes in and out, and what is known of a button that was pressed on it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from domain.observation import Channel
from mqtt import packets
from simulators.message import topic

KEEPALIVE_S = 60
_ACCEPTED = (b"\x20\x02\x00\x00", b"\x20\x02\x01\x00")


class Name(msgspec.Struct, frozen=True):
    """A device as a crowd knows it."""

    site_id: str
    device_id: str


class Press(msgspec.Struct):
    """A pressed button. Times are `time.perf_counter`; ``sent_at`` has one for each connection that it went out on."""

    device_id: str
    pressed_at: float
    sent_at: list[float]

    def waited(self, answered_at: float) -> tuple[float, float]:
        """Seconds until there was a way to the broker, and from then on until ``answered_at``."""
        open_at = max((at for at in self.sent_at if at <= answered_at), default=self.pressed_at)
        return open_at - self.pressed_at, answered_at - open_at


class Heard(msgspec.Struct):
    """What a broker's answer held."""

    accepted: bool = False
    refused: bool = False
    acknowledged: list[int] = msgspec.field(default_factory=list)


class Voice:
    """One device's side of MQTT 3.1.1, as bytes in and out; who moves them is somebody else."""

    __slots__ = ("_half", "_last_id", "name", "unacknowledged")

    def __init__(self, name: Name) -> None:
        self.name = name
        self.unacknowledged: dict[int, bytes] = {}
        self._last_id = 0
        self._half = b""

    def greeting(self) -> bytes:
        """Begin a connection."""
        self._half = b""
        return packets.connect(f"crowd-{self.name.device_id}", keepalive_s=KEEPALIVE_S, clean=True)

    def say(self, channel: Channel, payload: bytes, *, retain: bool = False) -> tuple[int, bytes]:
        """A message with QoS 1 and its packet id; it stays ours until the broker has acknowledged it."""
        self._last_id = self._last_id % 60_000 + 1
        where = topic(self.name.site_id, self.name.device_id, channel).encode()
        said = packets.publish(where, payload, self._last_id, retain=retain)
        self.unacknowledged[self._last_id] = said
        return self._last_id, said

    def again(self) -> Iterator[tuple[int, bytes]]:
        """What was not acknowledged, marked as repeated."""
        for number, said in self.unacknowledged.items():
            yield number, packets.repeated(said)

    def hear(self, data: bytes) -> Heard:
        """Every packet that a broker sends to a publisher has four bytes."""
        heard = Heard()
        data = self._half + data
        whole = len(data) - len(data) % 4
        self._half = data[whole:]
        for start in range(0, whole, 4):
            said = data[start : start + 4]
            if said[0] == 0x40:
                number = int.from_bytes(said[2:], "big")
                if self.unacknowledged.pop(number, None) is not None:
                    heard.acknowledged.append(number)
            elif said in _ACCEPTED:
                heard.accepted = True
            else:
                heard.refused = True
        return heard
