"""Pictures that cameras push over MQTT: ``campus/v1/{site}/{device}/picture``, the JPEG as it is.

A picture is a sample and no report: the next one says the same and more. So the session is a clean one, whose broker
keeps nothing for us while we are away, what is retained is left aside (nobody knows of when it is), and of each camera
the newest waits and no other.
"""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType
from typing import Any

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from devices.formats.topic import DEVICE_ID, SITE_ID, TOPIC_ROOT
from domain.clock import Clock
from ingest.pictures.taken import MOST_BYTES, TakenPicture
from ingest.session import BrokerAddress

log = structlog.get_logger("campuswatch.patrol")

FILTER = f"{TOPIC_ROOT}/+/+/picture"
#: Cameras whose newest picture waits to be looked at, and its bytes in all: of more the oldest is dropped.
MOST_WAITING, MOST_WAITING_BYTES = 2000, 128 * 2**20


class PushedPictures:
    """``async with``; then `next` again and again."""

    def __init__(self, address: BrokerAddress, clock: Clock, *, client_id: str) -> None:
        self._address = address
        self._clock = clock
        self._client_id = client_id
        self._waiting: dict[tuple[str, str], TakenPicture] = {}
        self._bytes = 0
        #: Pictures that came and were never looked at, for a newer one came or there were too many.
        self.dropped = 0
        #: Messages that were no picture of a camera by their topic or size.
        self.refused = 0

    async def __aenter__(self) -> PushedPictures:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        client = Client(CallbackAPIVersion.VERSION2, client_id=self._client_id, clean_session=True)
        if self._address.username is not None:
            client.username_pw_set(self._address.username, self._address.password)
        if self._address.tls:
            client.tls_set_context(ssl.create_default_context())
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.reconnect_delay_set(1, 15)
        client.connect_async(self._address.host, self._address.port, keepalive=30)
        client.loop_start()
        self._client = client
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    async def next(self) -> tuple[str, str, TakenPicture]:
        """Site, device and picture: whoever waits longest."""
        while not self._waiting:
            self._wake.clear()
            await self._wake.wait()
        (site_id, device_id), picture = next(iter(self._waiting.items()))
        self._forget((site_id, device_id))
        return site_id, device_id, picture

    # -- paho's thread ------------------------------------------------------------------------------------------------

    def _on_connect(self, client: Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe(FILTER, qos=0)

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        if not message.retain:
            self._loop.call_soon_threadsafe(self._arrived, message.topic, bytes(message.payload))

    # -- the loop -----------------------------------------------------------------------------------------------------

    def _arrived(self, topic: str, jpeg: bytes) -> None:
        _, _, site_id, device_id, _ = topic.split("/")
        if len(jpeg) > MOST_BYTES or not SITE_ID.fullmatch(site_id) or not DEVICE_ID.fullmatch(device_id):
            self.refused += 1
            return
        key = (site_id, device_id)
        if key in self._waiting:
            # In its old place: a camera that says much waits no longer than others, and no shorter.
            self.dropped += 1
            self._bytes -= len(self._waiting[key].jpeg)
        self._waiting[key] = TakenPicture(jpeg=jpeg, at=self._clock.now())
        self._bytes += len(jpeg)
        while len(self._waiting) > MOST_WAITING or self._bytes > MOST_WAITING_BYTES:
            self.dropped += 1
            self._forget(next(iter(self._waiting)))
        self._wake.set()

    def _forget(self, key: tuple[str, str]) -> None:
        self._bytes -= len(self._waiting.pop(key).jpeg)
