"""One MQTT connection of the fleet: what a school's gateway keeps to the control room.

paho's client is driven by the event loop's own readers and writers, so that two hundred uplinks need no threads.
What cannot be sent waits here in a bounded queue: heartbeats and readings lose their oldest when it is full, alarms
overtake them.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from random import random
from ssl import SSLSocket
from typing import TYPE_CHECKING

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from simulators.broker import BrokerAddress
from simulators.errors import BrokerRefused, BrokerUnreachable, SimulatorError

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike  # exists for type checkers only

KEEPALIVE_S = 30
CONNECT_TIMEOUT_S = 5.0
BACKOFF_FIRST_S = 0.5
BACKOFF_LAST_S = 30.0
URGENT_BOUND = 10_000

OnMessage = Callable[[str, bytes], None]


def backoff_s(attempt: int, chance: float) -> float:
    """How long to wait after failed attempt ``attempt`` (from 1): doubling, the upper half of it by ``chance``."""
    longest = min(BACKOFF_LAST_S, BACKOFF_FIRST_S * float(1 << min(attempt - 1, 16)))
    return longest * (0.5 + 0.5 * chance)


class Uplink:
    """Keeps one connection; publishes with QoS 1, at most ``window`` without a PUBACK (a packet id has 16 bits)."""

    def __init__(
        self,
        broker: BrokerAddress,
        client_id: str,
        *,
        window: int = 500,
        backlog: int = 20_000,
        subscribe: str = "",
        on_message: OnMessage | None = None,
    ) -> None:
        if not 1 <= window < 60_000:
            raise ValueError("window must be 1 to 59,999")
        self.broker = broker
        self.client_id = client_id
        self.window = window
        self.published = 0
        self.acknowledged = 0
        self.dropped = 0
        self.reconnects = 0
        self.trouble = ""  # why the last try to connect failed
        self.connected = asyncio.Event()
        self._lost = asyncio.Event()
        self._refused = ""
        self._backlog_bound = backlog
        self._backlog: deque[tuple[str, bytes]] = deque()
        self._urgent: deque[tuple[str, bytes]] = deque()
        self._subscribe = subscribe
        self._on_message = on_message
        self._client = self._build_client()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0

    @property
    def in_flight(self) -> int:
        return self.published - self.acknowledged

    @property
    def waiting(self) -> int:
        return len(self._backlog) + len(self._urgent)

    def offer(self, topic: str, payload: bytes, *, urgent: bool = False) -> None:
        """Queue a message; `pump` sends it. Never blocks; a full queue drops its oldest and counts it."""
        queue, bound = (self._urgent, URGENT_BOUND) if urgent else (self._backlog, self._backlog_bound)
        if len(queue) >= bound:
            queue.popleft()
            self.dropped += 1
        queue.append((topic, payload))

    def pump(self) -> None:
        """Publish what waits as far as the window allows. An alarm does not wait for the window."""
        if not self.connected.is_set():
            return
        while self._urgent and self.in_flight < 60_000:
            self._publish(*self._urgent.popleft())
        free = self.window - self.in_flight
        while self._backlog and free > 0:
            self._publish(*self._backlog.popleft())
            free -= 1

    async def run(self, *, patience_s: float = 0.0) -> None:
        """Connect and stay connected until cancelled.

        :raises BrokerUnreachable: the first connection did not come about within ``patience_s``.
        :raises BrokerRefused: the broker refused the first connection.
        """
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        give_up_at = self._loop.time() + patience_s
        attempt = 0
        been_up = False
        try:
            while True:
                try:
                    await self._connect()
                except SimulatorError as error:
                    attempt += 1
                    if not been_up and (isinstance(error, BrokerRefused) or self._loop.time() >= give_up_at):
                        raise
                    self.trouble = str(error)
                    await asyncio.sleep(backoff_s(attempt, random()))
                    continue
                self.trouble = ""
                if been_up:
                    self.reconnects += 1
                been_up, attempt = True, 0
                await self._keep()
        finally:
            self._disconnect()

    async def drain(self, timeout_s: float) -> bool:
        """Send what waits and wait for its PUBACKs; False when ``timeout_s`` was not enough."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.waiting or self.in_flight:
                    self.pump()
                    await asyncio.sleep(0.01)
        return not (self.waiting or self.in_flight)

    def _publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)
        self.published += 1

    async def _connect(self) -> None:
        self._lost.clear()
        self._refused = ""
        # paho connects with a blocking socket; a cancelled wait must not leave the thread behind with our client.
        attempt = asyncio.ensure_future(asyncio.to_thread(self._client.reconnect))
        try:
            await asyncio.shield(attempt)
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                answers = [
                    asyncio.create_task(event.wait(), name=f"{self.client_id}-{name}")
                    for name, event in (("connack", self.connected), ("lost", self._lost))
                ]
                try:
                    await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for answer in answers:
                        answer.cancel()
        except asyncio.CancelledError:
            await asyncio.gather(attempt, return_exceptions=True)
            raise
        except (OSError, ValueError) as error:  # TimeoutError is an OSError; ValueError: paho on a bad host
            self._disconnect()
            raise BrokerUnreachable(self._advice(error)) from error
        if self._refused:
            self._disconnect()
            raise BrokerRefused(
                f"the broker at {self.broker} refused the connection: {self._refused}; "
                "check user and password in the URL (mqtt://user:password@host:port)"
            )
        if not self.connected.is_set():
            raise BrokerUnreachable(self._advice("the connection was closed before it was accepted"))

    def _advice(self, error: object) -> str:
        return (
            f"no MQTT broker answers at {self.broker} ({error}). Start one (campuswatch demo brings its own), "
            "or name another with --mqtt-url or CAMPUSWATCH_MQTT__URL"
        )

    async def _keep(self) -> None:
        while not self._lost.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._lost.wait()
            self._client.loop_misc()  # sends pings and notices when none comes back

    def _disconnect(self) -> None:
        self._client.disconnect()
        self._client.loop_write()  # the socket closes once DISCONNECT is written
        self.connected.clear()

    def _build_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(0)  # the window is kept here
        client.connect_timeout = CONNECT_TIMEOUT_S
        if self.broker.tls:
            client.tls_set()
        if self.broker.username:
            client.username_pw_set(self.broker.username, self.broker.password)
        client.connect_async(self.broker.host, self.broker.port, KEEPALIVE_S)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_received
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_socket_register_write
        client.on_socket_unregister_write = self._on_socket_unregister_write
        return client

    # What paho calls. The socket ones also come from the connecting thread.

    def _on_connect(
        self, client: Client, _: object, __: ConnectFlags, reason: ReasonCode, ___: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refused = str(reason)
            self._lost.set()
            return
        if self._subscribe:
            client.subscribe(self._subscribe, qos=1)
        self.connected.set()

    def _on_disconnect(
        self, _: Client, __: object, ___: DisconnectFlags, ____: ReasonCode, _____: Properties | None
    ) -> None:
        self._in_loop(self._down)

    def _on_publish(self, _: Client, __: object, ___: int, ____: ReasonCode, _____: Properties) -> None:
        self.acknowledged += 1

    def _on_received(self, _: Client, __: object, message: MQTTMessage) -> None:
        if self._on_message is not None:
            self._on_message(message.topic, bytes(message.payload))

    def _on_socket_open(self, _: Client, __: object, sock: SocketLike) -> None:
        self._in_loop(self._watch_reads, sock)

    def _on_socket_close(self, _: Client, __: object, sock: SocketLike) -> None:
        self._in_loop(self._forget, sock.fileno())

    def _on_socket_register_write(self, _: Client, __: object, sock: SocketLike) -> None:
        self._in_loop(self._watch_writes, sock)

    def _on_socket_unregister_write(self, _: Client, __: object, sock: SocketLike) -> None:
        assert self._loop is not None
        self._in_loop(self._loop.remove_writer, sock.fileno())

    def _in_loop(self, call: Callable[..., object], *args: object) -> None:
        assert self._loop is not None
        if threading.get_ident() == self._loop_thread:
            call(*args)
        else:
            self._loop.call_soon_threadsafe(call, *args)

    def _watch_reads(self, sock: SocketLike) -> None:
        assert self._loop is not None
        if sock.fileno() >= 0:
            self._loop.add_reader(sock.fileno(), self._read)

    def _watch_writes(self, sock: SocketLike) -> None:
        assert self._loop is not None
        if sock.fileno() >= 0:
            self._loop.add_writer(sock.fileno(), self._write)

    def _read(self) -> None:
        assert self._loop is not None
        self._client.loop_read()
        sock = self._client.socket()
        if isinstance(sock, SSLSocket) and sock.pending():
            self._loop.call_soon(self._read)  # decrypted already: the descriptor will not become readable for it

    def _write(self) -> None:
        if self._client.loop_write() != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._lost.set()

    def _forget(self, fileno: int) -> None:
        assert self._loop is not None
        if fileno >= 0:
            self._loop.remove_reader(fileno)
            self._loop.remove_writer(fileno)
        self._down()

    def _down(self) -> None:
        self.connected.clear()
        self._lost.set()
