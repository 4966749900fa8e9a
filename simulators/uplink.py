"""One MQTT connection of the fleet: what a school's gateway, or a device of its own, keeps to the control room.

Thousands of them share one event loop, so one is a socket, a timer and a few numbers (docs/adr/0013). What cannot be
sent waits here in a bounded queue: heartbeats and readings lose their oldest when it is full, alarms overtake them.
What the broker had not acknowledged when a connection was lost is said again, marked as repeated, on the next one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from random import random

from mqtt import packets
from simulators.broker import BrokerAddress
from simulators.errors import BrokerRefused, BrokerUnreachable, SimulatorError
from simulators.latency import Latencies
from simulators.line import KEEPALIVE_S, Line

CONNECT_TIMEOUT_S = 10.0
BACKOFF_FIRST_S = 0.5
BACKOFF_LAST_S = 30.0
URGENT_BOUND = 10_000
#: A packet id has 16 bits, and one that is still in flight must not be used again.
MOST_IN_FLIGHT = 60_000
#: Uplinks of one fleet that knock at the broker's door at the same time: Mosquitto lets a hundred wait there.
AT_THE_DOOR = 64

OnMessage = Callable[[str, bytes], None]


def backoff_s(attempt: int, chance: float) -> float:
    """How long to wait after failed attempt ``attempt`` (from 1): doubling, the upper half of it by ``chance``."""
    longest = min(BACKOFF_LAST_S, BACKOFF_FIRST_S * float(1 << min(attempt - 1, 16)))
    return longest * (0.5 + 0.5 * chance)


class Uplink:
    """Keeps one connection; publishes with QoS 1, at most ``window`` without a PUBACK.

    ``door`` is shared by the uplinks of a fleet, ``latencies`` gets the time from each message's sending to its PUBACK
    (of those that were not sent twice).
    """

    __slots__ = (
        "_backlog",
        "_backlog_bound",
        "_door",
        "_flushing",
        "_idle",
        "_in_flight",
        "_last_id",
        "_latencies",
        "_line",
        "_loop",
        "_on_message",
        "_out",
        "_subscribe",
        "_urgent",
        "acknowledged",
        "broker",
        "client_id",
        "connected",
        "dropped",
        "published",
        "reconnects",
        "trouble",
        "window",
    )

    def __init__(
        self,
        broker: BrokerAddress,
        client_id: str,
        *,
        window: int = 500,
        backlog: int = 20_000,
        subscribe: str = "",
        on_message: OnMessage | None = None,
        door: asyncio.Semaphore | None = None,
        latencies: Latencies | None = None,
    ) -> None:
        if not 1 <= window < MOST_IN_FLIGHT:
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
        self._backlog_bound = backlog
        self._backlog: deque[tuple[str, bytes]] = deque()
        self._urgent: deque[tuple[str, bytes]] = deque()
        self._in_flight: dict[int, tuple[bytes, float]] = {}
        self._last_id = 0
        self._subscribe = subscribe
        self._on_message = on_message
        self._door = door
        self._latencies = latencies
        self._line: Line | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._out: list[bytes] = []
        self._flushing = False
        self._idle: asyncio.Future[None] | None = None  # whoever waits for everything to be acknowledged

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def waiting(self) -> int:
        return len(self._backlog) + len(self._urgent)

    @property
    def free(self) -> int:
        """How many messages could be offered now and would go out at once."""
        if self._line is None or self._backlog or self._urgent:
            return 0
        return max(0, self.window - len(self._in_flight))

    def offer(self, topic: str, payload: bytes, *, urgent: bool = False) -> None:
        """Send a message as soon as the window allows; an alarm does not wait for the window. Never blocks; a full
        queue drops its oldest and counts it.
        """
        queue, bound = (self._urgent, URGENT_BOUND) if urgent else (self._backlog, self._backlog_bound)
        if len(queue) >= bound:
            queue.popleft()
            self.dropped += 1
        queue.append((topic, payload))
        self._pump()

    async def run(self, *, patience_s: float = 0.0) -> None:
        """Connect and stay connected until cancelled.

        :raises BrokerUnreachable: the first connection did not come about within ``patience_s``.
        :raises BrokerRefused: the broker refused the first connection.
        """
        self._loop = asyncio.get_running_loop()
        give_up_at = self._loop.time() + patience_s
        attempt = 0
        been_up = False
        try:
            while True:
                try:
                    line = await self._connect()
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
                self._up(line)
                self.trouble = await line.lost
                self._down()
                await asyncio.sleep(backoff_s(1, random()))
        finally:
            line_now = self._line
            self._flush()
            self._down()
            if line_now is not None:  # what was said last is still on its way
                await line_now.end()

    async def drain(self, timeout_s: float) -> bool:
        """Wait for what waits to be sent and for its PUBACKs; False when ``timeout_s`` was not enough."""
        if self.waiting or self._in_flight:
            self._idle = asyncio.get_running_loop().create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._idle
            self._idle = None
        return not (self.waiting or self._in_flight)

    def _pump(self) -> None:
        if self._line is None:
            return
        while self._urgent and len(self._in_flight) < MOST_IN_FLIGHT:
            self._publish(*self._urgent.popleft())
        while self._backlog and len(self._in_flight) < self.window:
            self._publish(*self._backlog.popleft())

    def _publish(self, topic: str, payload: bytes) -> None:
        assert self._loop is not None
        packet_id = self._last_id % 0xFFFF + 1
        while packet_id in self._in_flight:
            packet_id = packet_id % 0xFFFF + 1
        self._last_id = packet_id
        said = packets.publish(topic.encode(), payload, packet_id)
        self._in_flight[packet_id] = (said, self._loop.time())
        self.published += 1
        self._say(said)

    def _say(self, said: bytes) -> None:
        """What is said in one turn of the loop goes out in one write."""
        assert self._loop is not None
        self._out.append(said)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._out and self._line is not None:
            self._line.write(b"".join(self._out))
        self._out.clear()

    def _acknowledge(self, packet_id: int) -> None:
        assert self._loop is not None
        known = self._in_flight.pop(packet_id, None)
        if known is None:
            return
        self.acknowledged += 1
        if self._latencies is not None and known[1]:
            self._latencies.add(self._loop.time() - known[1])
        if self._backlog or self._urgent:
            self._pump()
        elif self._idle is not None and not self._in_flight and not self._idle.done():
            self._idle.set_result(None)

    def _up(self, line: Line) -> None:
        """Say first what the broker may not have."""
        self._line = line
        self._out.clear()
        for packet_id, (said, _) in self._in_flight.items():
            again = packets.repeated(said)
            self._in_flight[packet_id] = (again, 0.0)
            self._say(again)
        self.connected.set()
        self._pump()

    def _down(self) -> None:
        self._line = None
        self.connected.clear()

    async def _connect(self) -> Line:
        if self._door is None:
            return await self._knock()
        async with self._door:
            return await self._knock()

    async def _knock(self) -> Line:
        assert self._loop is not None
        broker = self.broker
        context = broker.tls_context()
        line = Line(acknowledged=self._acknowledge, on_message=self._on_message)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._loop.create_connection(
                    lambda: line,
                    broker.at or broker.host,
                    broker.port,
                    ssl=context,
                    server_hostname=broker.host if context else None,
                )
                line.write(
                    packets.connect(
                        self.client_id,
                        keepalive_s=KEEPALIVE_S,
                        username=broker.username or None,
                        password=broker.password or None,
                        clean=True,
                    )
                )
                code = await line.accepted
                if code:
                    why = packets.REFUSALS.get(code, str(code))
                    raise BrokerRefused(
                        f"the broker at {broker} refused the connection: {why}; check user and password "
                        "(--username and --password-file, or the URL in CAMPUSWATCH_MQTT__URL)"
                    )
                if self._subscribe:
                    line.write(packets.subscribe([self._subscribe]))
                    if max(await line.subscribed) >= 0x80:
                        raise BrokerRefused(f"the broker at {broker} does not let us hear {self._subscribe}")
        except (OSError, ValueError) as error:  # TimeoutError and ssl's errors are OSErrors; ValueError: a bad host
            await line.end()
            raise BrokerUnreachable(self._advice(error)) from error
        except BaseException:
            await line.end()
            raise
        return line

    def _advice(self, error: BaseException) -> str:
        why = str(error) or "nobody answers in time"
        return (
            f"no MQTT broker answers at {self.broker} ({why}). Start one (campuswatch demo brings its own), "
            "or name another with --mqtt-url or CAMPUSWATCH_MQTT__URL"
        )
