"""A plain MQTT client for the tests of brokers: acknowledges by hand and can drop the line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion


class Subscriber:
    """``hold`` keeps every message unacknowledged until `acknowledge`."""

    def __init__(self, url: str, client_id: str, *, clean: bool = False, hold: bool = False, v5: bool = False) -> None:
        self.messages: list[MQTTMessage] = []
        self.session_present = False
        self._hold = hold
        self._connected = threading.Event()
        self._subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if v5 else clean,
            protocol=MQTTv5 if v5 else MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self._client.max_inflight_messages_set(200)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        parts = urlsplit(url)
        self._client.connect(str(parts.hostname), int(parts.port or 1883))
        self._client.loop_start()
        assert self._connected.wait(5), "no CONNACK"

    def _on_connect(self, client: Client, _: Any, flags: ConnectFlags, *__: Any) -> None:
        self.session_present = flags.session_present
        self._connected.set()

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        self.messages.append(message)
        if not self._hold:
            client.ack(message.mid, message.qos)

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        assert self._subscribed.wait(5), "no SUBACK"

    def publish(self, topic: str, payloads: list[bytes], *, retain: bool = False) -> None:
        """Return once the broker has them all."""
        for index, payload in enumerate(payloads):
            sent = self._client.publish(topic, payload, qos=1, retain=retain)
            if index % 1000 == 999:
                sent.wait_for_publish(20)
        sent.wait_for_publish(20)

    def acknowledge(self, messages: list[MQTTMessage]) -> None:
        for message in messages:
            self._client.ack(message.mid, message.qos)

    def payloads(self) -> list[bytes]:
        return [bytes(message.payload) for message in self.messages]

    def drop(self) -> None:
        """Lose the line without a word, as a cut cable."""
        self._client.loop_stop()
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
