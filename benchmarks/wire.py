"""A few MQTT 3.1.1 packets by hand: filling a queue has to be faster than emptying it, and needs no client."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

_ANSWER_S = 30.0


class Wire:
    """One blocking connection. ``client_id`` with ``clean`` False is a session that outlives it."""

    def __init__(self, url: str, client_id: str, *, clean: bool) -> None:
        self._url = url
        self._client_id = client_id
        self._clean = clean

    def __enter__(self) -> Wire:
        parts = urlsplit(self._url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=_ANSWER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = b"\x00\x04MQTT\x04" + bytes([2 if self._clean else 0]) + (60).to_bytes(2, "big")
        self._socket.sendall(packet(0x10, body + text(self._client_id)))
        answer = self._read(4)
        if answer[0] != 0x20 or answer[3] != 0:
            raise ConnectionError(f"the broker refused {self._client_id}: {answer.hex()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._socket.sendall(b"\xe0\x00")
        self._socket.close()

    def subscribe(self, filters: Sequence[str]) -> None:
        body = (1).to_bytes(2, "big") + b"".join(text(one) + b"\x01" for one in filters)
        self._socket.sendall(packet(0x82, body))
        self._read(4 + len(filters))

    def publish(self, messages: Sequence[tuple[str, bytes]], *, window: int) -> None:
        """All of them with QoS 1; returns when the broker has acknowledged the last one."""
        for start in range(0, len(messages), window):
            slice_ = messages[start : start + window]
            self._socket.sendall(
                b"".join(
                    packet(0x32, text(topic) + (place + 1).to_bytes(2, "big") + payload)
                    for place, (topic, payload) in enumerate(slice_)
                )
            )
            self._read(4 * len(slice_))

    def waiting(self, seconds: float) -> int:
        """Bytes that the broker sends within ``seconds`` of being left alone: 0 when it holds nothing for us."""
        self._socket.settimeout(seconds)
        count = 0
        with suppress(TimeoutError):
            while got := len(self._socket.recv(65_536)):
                count += got
        return count

    def _read(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            more = self._socket.recv(count - len(got))
            if not more:
                raise ConnectionError("the broker closed the connection")
            got += more
        return got


def packet(kind: int, body: bytes) -> bytes:
    length, remaining = bytearray(), len(body)
    while True:
        remaining, digit = divmod(remaining, 128)
        length.append(digit | (0x80 if remaining else 0))
        if not remaining:
            return bytes([kind]) + bytes(length) + body


def text(words: str) -> bytes:
    """A string as MQTT writes it: its length, then UTF-8."""
    raw = words.encode()
    return len(raw).to_bytes(2, "big") + raw
