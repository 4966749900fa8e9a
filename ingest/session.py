"""A durable MQTT session: messages come in, and each is acknowledged by hand once it is safe.

paho's network loop runs in a thread of its own; this class carries its messages over to asyncio in batches and the
acknowledgements back. The session is persistent (fixed client id, no clean start): what the broker sent and did not get
acknowledged it sends again, to us or to whoever takes up the session.

The queue is bounded by the broker's in-flight window and by `MOST_PENDING`: when the lane falls behind, the network
thread waits, TCP pushes back, and the broker keeps the rest.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec
import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

log = structlog.get_logger("ingest.session")

#: Messages that wait in this process before the network thread pauses.
MOST_PENDING = 20_000
#: Seconds; a broker that is silent for one and a half times this is given up (MQTT 3.1.1, 3.1.2.10).
KEEPALIVE_S = 30
_TICK = timedelta(microseconds=1)
_SET_BACK = timedelta(seconds=1)


class Inbound(msgspec.Struct, gc=False):
    """One message as it came. ``topic`` is bytes: it may not even be UTF-8. ``session_no`` is the connection it came
    over; a packet id of an earlier connection must not be acknowledged on a later one. No two messages of a session
    have the same ``received_at``, so that it can tell apart what carries no id of its own.
    """

    topic: bytes
    payload: bytes
    received_at: datetime
    packet_id: int
    session_no: int
    retained: bool
    safe: bool = False  # may be acknowledged


class BrokerAddress(msgspec.Struct, frozen=True):
    """Where the broker is. From ``mqtt://user:password@host:port`` or ``mqtts://...``; `str` hides the password."""

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> BrokerAddress:
        """:raises ValueError: the URL is no MQTT address; the message says what is."""
        parts: SplitResult = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise ValueError("expected mqtt://host:1883 or mqtts://host:8883")
        tls = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname,
            port=parts.port or (8883 if tls else 1883),
            tls=tls,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


class BrokerSession:
    """One persistent session. Used as ``async with``; then `batch` and `acknowledge` in turns."""

    def __init__(
        self,
        address: BrokerAddress,
        *,
        client_id: str,
        filters: Sequence[str],
        on_connection: Callable[[bool], None] = lambda up: None,
        most_pending: int = MOST_PENDING,
    ) -> None:
        self.address = address
        self.connected = False
        self._client_id = client_id
        self._filters = list(filters)
        self._on_connection = on_connection
        self._most_pending = most_pending
        self._arrived: deque[Inbound] = deque()
        self._outstanding: deque[Inbound] = deque()  # given out by `batch`, not acknowledged yet
        self._room = threading.Event()
        self._room.set()
        self._closing = False
        self._session_no = 0
        self._session_present = False
        self._said_down = False
        self._newest = datetime.min.replace(tzinfo=UTC)

    async def __aenter__(self) -> BrokerSession:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=True,
        )
        client.reconnect_delay_set(min_delay=1, max_delay=10)
        if self.address.username:
            client.username_pw_set(self.address.username, self.address.password)
        if self.address.tls:
            client.tls_set_context(ssl.create_default_context())
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_connect_fail = self._connect_failed
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        self._client = client
        client.connect_async(self.address.host, self.address.port, keepalive=KEEPALIVE_S)
        client.loop_start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing = True
        self._room.set()
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    # -- asyncio's side ---------------------------------------------------------------------------------------------

    async def batch(self, *, most: int, age_s: float, quiet_s: float) -> list[Inbound]:
        """The next messages: at least one, at most ``most``; waits ``age_s`` after the first one for more, but not
        longer than ``quiet_s`` without another (a broker with a small in-flight window sends nothing until it is
        acknowledged).
        """
        while not self._arrived:
            self._wake.clear()
            if not self._arrived:
                await self._wake.wait()
        if age_s > 0 and len(self._arrived) < most:
            deadline = self._loop.time() + age_s
            while (before := len(self._arrived)) < most:
                left_s = deadline - self._loop.time()
                if left_s <= 0:
                    break
                await asyncio.sleep(min(quiet_s, left_s))
                if len(self._arrived) == before:
                    break
        taken = [self._arrived.popleft() for _ in range(min(most, len(self._arrived)))]
        self._outstanding.extend(taken)
        if not self._room.is_set() and len(self._arrived) < self._most_pending // 2:
            self._room.set()
        return taken

    def acknowledge(self, messages: Sequence[Inbound]) -> None:
        """These are safe: tell the broker, in the order in which they came (MQTT 3.1.1, 4.6; rumqttd closes the
        connection of a client that does otherwise). Those of an earlier connection are left: the broker sends them
        again.
        """
        for message in messages:
            message.safe = True
        session_no = self._session_no
        outstanding, ack = self._outstanding, self._client.ack
        while outstanding and outstanding[0].safe:
            message = outstanding.popleft()
            if message.session_no == session_no and message.packet_id:
                ack(message.packet_id, 1)

    @property
    def pending(self) -> int:
        return len(self._arrived)

    # -- the network thread's side ----------------------------------------------------------------------------------

    def _message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        # The raw topic: .topic would raise for one that is not UTF-8, and costs a decoding for every message.
        raw_topic: bytes = message._topic
        now = datetime.now(UTC)
        # Distinct as long as the clock goes on; a clock that was set back is believed at once.
        self._newest = now if now > self._newest or self._newest - now > _SET_BACK else self._newest + _TICK
        self._arrived.append(
            Inbound(
                raw_topic,
                bytes(message.payload),
                self._newest,
                message.mid if message.qos else 0,
                self._session_no,
                message.retain,
            )
        )
        if not self._wake.is_set():
            self._loop.call_soon_threadsafe(self._wake.set)
        if len(self._arrived) >= self._most_pending and not self._closing:
            self._room.clear()
            # Shorter than the keep-alive, so that the connection stays; then one message more is let in.
            self._room.wait(KEEPALIVE_S / 2)

    def _connected(
        self, client: Client, userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._down(f"refused: {reason}")
            return
        self._session_no += 1
        client.subscribe([(topic_filter, 1) for topic_filter in self._filters])
        self._session_present = flags.session_present

    def _subscribed(
        self, client: Client, userdata: Any, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        """Only now can we hear: a broker may let us in and refuse what we want to hear."""
        refused = [name for name, reason in zip(self._filters, reasons, strict=False) if reason.is_failure]
        if refused:
            self._down(f"subscription refused: {', '.join(refused)}; see the broker's access rules")
            return
        self._said_down = False
        self.connected = True
        if self._session_no > 1 and not self._session_present:
            log.warning(
                "broker forgot our session; what it held for us is lost. Give it persistence",
                broker=str(self.address),
                client_id=self._client_id,
            )
        log.info(
            "broker connected",
            broker=str(self.address),
            client_id=self._client_id,
            session_present=self._session_present,
        )
        self._loop.call_soon_threadsafe(self._on_connection, True)

    def _disconnected(
        self,
        client: Client,
        userdata: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if not self._closing:
            self._down(str(reason))

    def _connect_failed(self, client: Client, userdata: Any) -> None:
        self._down("nobody answers")

    def _down(self, why: str) -> None:
        self.connected = False
        if self._said_down:
            return
        self._said_down = True
        log.warning("broker away", broker=str(self.address), client_id=self._client_id, why=why)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._on_connection, False)
