"""One blocking MQTT connection: filling a queue has to be faster than emptying it, and needs no client."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

from mqtt import packets

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
        self._socket.sendall(packets.connect(self._client_id, keepalive_s=60, clean=self._clean))
        answer = self._read(4)
        if answer[0] != 0x20 or answer[3] != 0:
            raise ConnectionError(f"the broker refused {self._client_id}: {answer.hex()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._socket.sendall(packets.DISCONNECT)
        self._socket.close()

    def subscribe(self, filters: Sequence[str]) -> None:
        self._socket.sendall(packets.subscribe(filters))
        self._read(4 + len(filters))

    def publish(self, messages: Sequence[tuple[str, bytes]], *, window: int) -> None:
        """All of them with QoS 1; returns when the broker has acknowledged the last one."""
        for start in range(0, len(messages), window):
            slice_ = messages[start : start + window]
            self._socket.sendall(
                b"".join(
                    packets.publish(topic.encode(), payload, place + 1) for place, (topic, payload) in enumerate(slice_)
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
