"""A gateway that gives every message to the broker and keeps it until the broker has acknowledged it (QoS 1)."""

from __future__ import annotations

import time
from collections import deque
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tests.chaos.sent import Sent

#: Messages under way at once; more wait in the client.
_WINDOW = 1000


class Publisher:
    """One connection, used as ``with``. After a lost connection paho sends again what was not acknowledged."""

    def __init__(self, url: str, client_id: str) -> None:
        self._url = urlsplit(url)
        self._sent: list[Sent] = []
        self._under_way: dict[int, Sent] = {}
        self._pubacks: deque[tuple[int, float]] = deque()  # paho's thread puts them in and nothing more
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
        self._client.max_inflight_messages_set(_WINDOW)
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_publish = self._acknowledged

    def __enter__(self) -> Publisher:
        assert self._url.hostname is not None
        self._client.connect_async(self._url.hostname, self._url.port or 1883, keepalive=10)
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def give(self, message: Sent) -> None:
        self._sent.append(message)
        self.repeat(message)

    def repeat(self, message: Sent) -> None:
        """The same once more, with the same id and time, as a gateway does that is not sure."""
        self._settle()
        under_way = self._client.publish(message.topic, message.payload, qos=1)
        self._under_way[under_way.mid] = message

    @property
    def sent(self) -> list[Sent]:
        """Everything that was given, with what the broker has said of it up to now."""
        self._settle()
        return list(self._sent)

    def _settle(self) -> None:
        while self._pubacks:
            mid, at_s = self._pubacks.popleft()
            message = self._under_way.pop(mid, None)
            if message is not None and message.acknowledged_s is None:
                message.acknowledged_s = at_s

    def _acknowledged(
        self, client: Client, userdata: Any, mid: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._pubacks.append((mid, time.time()))
