"""The part of MQTT 3.1.1 that a client with QoS 1 needs, as bytes. Pure: no socket, no clock.

`Cutter` cuts what comes in from the broker into messages; the functions below build what goes out. Section numbers are
those of the OASIS standard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

#: More of one packet is not kept: what is cut off is above every bound of a message (`IngestSettings.most_bytes`), so
#: it is put aside as too large, and a broker without a limit of its own cannot fill our memory with one message.
MOST_OF_A_PACKET = 17 * 1024 * 1024

PING = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"

_CONNACK, _PUBLISH, _PUBACK, _SUBACK, _PINGRESP = 0x20, 0x30, 0x40, 0x90, 0xD0
_TICK = timedelta(microseconds=1)

#: What a broker says when it does not let us in (3.2.2.3).
REFUSALS = {
    1: "it does not speak MQTT 3.1.1",
    2: "the client id is not allowed",
    3: "it is not available",
    4: "user name or password",
    5: "not authorised",
}


class NotMqtt(Exception):
    """The other side does not speak MQTT 3.1.1, or not to a client."""


class Inbound(msgspec.Struct, gc=False):
    """One message as it came. ``topic`` is bytes: it may not even be UTF-8. ``session_no`` is the connection it came
    over; a packet id of an earlier connection must not be acknowledged on a later one. No two messages of a session
    have the same ``received_at``, so that it can tell apart what carries no id of its own; only what comes again after
    a lost connection keeps the one that it had (`ingest.resent`).
    """

    topic: bytes
    payload: bytes
    received_at: datetime
    packet_id: int
    session_no: int
    retained: bool
    safe: bool = False  # may be acknowledged
    again: bool = False  # the broker may have sent it before (DUP, 3.3.1.1)
    limited: bool = False  # its sender says too much: what is in it is heard, and only counted


class Cutter:
    """Cuts one connection's bytes into packets.

    ``accepted`` gets the return code and whether the broker kept our session (3.2.2); ``subscribed`` the return codes
    of our subscription, one for each filter (3.9.3); ``acknowledged`` the packet id of what we said (3.4).
    """

    def __init__(
        self,
        session_no: int,
        *,
        accepted: Callable[[int, bool], None],
        subscribed: Callable[[bytes], None],
        acknowledged: Callable[[int], None] = lambda packet_id: None,
    ) -> None:
        self._session_no = session_no
        self._accepted = accepted
        self._subscribed = subscribed
        self._acknowledged = acknowledged
        self._rest: list[bytes] = []
        self._missing = 0  # of the packet that `_rest` begins with, so that it is not looked at for every piece
        self._passing = 0  # bytes of a packet of which enough was kept
        self.full = False

    def cut(self, data: bytes, now: datetime, room: int) -> list[Inbound]:
        """The messages that are whole with ``data``, at most ``room``; then `full` is set, and what was not cut waits
        for the next call. The first one is received at ``now``, each further one a microsecond later.

        :raises NotMqtt: nothing that a broker may send us.
        """
        self.full = False
        if self._passing:
            passed = min(self._passing, len(data))
            self._passing -= passed
            data = data[passed:]
        if self._missing > len(data):
            self._missing -= len(data)
            self._rest.append(data)
            return []
        if self._rest:
            self._rest.append(data)
            data = b"".join(self._rest)
            self._rest.clear()
        self._missing = 0
        messages: list[Inbound] = []
        append, session_no = messages.append, self._session_no
        position, end = 0, len(data)
        while end - position >= 2:
            head, length, body = data[position], data[position + 1], position + 2
            if length > 127:
                length, body = _long_length(data, position)
                if not body:
                    break
            passing = 0
            if length > MOST_OF_A_PACKET:
                length, passing = MOST_OF_A_PACKET, length - MOST_OF_A_PACKET
            after = body + length
            if after > end:
                self._missing = after - end
                break
            if head & 0xF0 == _PUBLISH:
                if len(messages) >= room:
                    self.full = True
                    break
                if length < 2:
                    raise NotMqtt("a message without a topic")
                topic_end = body + 2 + (data[body] << 8 | data[body + 1])
                payload, packet_id = topic_end, 0
                if head & 0x06:
                    payload = topic_end + 2
                if payload > after:
                    raise NotMqtt("a topic that is longer than its packet")
                if head & 0x06:
                    packet_id = data[topic_end] << 8 | data[topic_end + 1]
                message = Inbound(
                    data[body + 2 : topic_end], data[payload:after], now, packet_id, session_no, head & 1 == 1
                )
                if head & 8:
                    message.again = True
                append(message)
                now += _TICK
            elif head == _CONNACK and length == 2:
                self._accepted(data[body + 1], data[body] & 1 == 1)
            elif head == _SUBACK and length > 2:
                self._subscribed(data[body + 2 : after])
            elif head == _PUBACK and length == 2:
                self._acknowledged(data[body] << 8 | data[body + 1])
            elif head != _PINGRESP:
                raise NotMqtt(f"a packet that begins with {head:#04x}")
            position = after
            if passing:
                self._passing = max(0, passing - (end - position))
                position = min(position + passing, end)
        if position < end:
            self._rest.append(data[position:])
        return messages


def _long_length(data: bytes, position: int) -> tuple[int, int]:
    """The remaining length of the packet at ``position`` and where its body begins (2.2.3); body 0 = not all here."""
    length, body = data[position + 1] & 127, position + 2
    for shift in (7, 14, 21):
        if body >= len(data):
            return 0, 0
        digit = data[body]
        body += 1
        length |= (digit & 127) << shift
        if digit < 128:
            return length, body
    raise NotMqtt("a packet's length has more than four bytes")


def connect(
    client_id: str, *, keepalive_s: int, username: str | None = None, password: str | None = None, clean: bool = False
) -> bytes:
    """CONNECT (3.1). ``clean`` False is a session that the broker keeps."""
    flags, tail = 0x02 if clean else 0, text(client_id)
    if username:
        flags |= 0x80
        tail += text(username)
        if password is not None:
            flags |= 0x40
            tail += text(password)
    return packet(0x10, b"\x00\x04MQTT\x04" + bytes([flags]) + keepalive_s.to_bytes(2, "big") + tail)


def subscribe(filters: Sequence[str]) -> bytes:
    """SUBSCRIBE to ``filters`` with QoS 1 (3.8)."""
    return packet(0x82, b"\x00\x01" + b"".join(text(one) + b"\x01" for one in filters))


def publish(topic: bytes, payload: bytes, packet_id: int, *, retain: bool = False) -> bytes:
    """PUBLISH with QoS 1 (3.3)."""
    return packet(
        0x33 if retain else 0x32, len(topic).to_bytes(2, "big") + topic + packet_id.to_bytes(2, "big") + payload
    )


def repeated(said: bytes) -> bytes:
    """What `publish` built, marked as possibly known to the broker (DUP, 3.3.1.1)."""
    return bytes([said[0] | 0x08]) + said[1:]


def puback(packet_id: int) -> bytes:
    """3.4."""
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def packet(head: int, body: bytes) -> bytes:
    """A head, the length of the body in digits of seven bits (2.2.3), the body."""
    length, rest = bytearray(), len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length.append(digit | 0x80 if rest else digit)
        if not rest:
            return bytes([head]) + bytes(length) + body


def text(words: str) -> bytes:
    """A string: its length, then UTF-8 (1.5.3)."""
    raw = words.encode()
    return len(raw).to_bytes(2, "big") + raw
