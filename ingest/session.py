"""A durable MQTT session: messages come in, and each is acknowledged by hand once it is safe.

The session is persistent (fixed client id, no clean session): what the broker sent and did not get acknowledged it
sends again, to us or to whoever takes up the session. All of it runs on asyncio's loop, cutting the network's bytes
into messages many at a time (docs/adr/0011).

The queue is bounded by the broker's in-flight window and by `MOST_PENDING`: when the lane falls behind, reading stops,
TCP pushes back, and the broker keeps the rest.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec
import structlog

from ingest.resent import Resent
from mqtt import packets
from mqtt.packets import Cutter, Inbound, NotMqtt

__all__ = ["BrokerAddress", "BrokerSession", "Inbound"]

log = structlog.get_logger("ingest.session")

#: Messages that wait in this process before reading stops, and about how many bytes of them.
MOST_PENDING = 20_000
MOST_PENDING_BYTES = 64 * 1024 * 1024
#: What we promise the broker: it may drop a client that is silent for one and a half times this (3.1.2.10).
KEEPALIVE_S = 10
#: A broker that leaves two pings in a row unanswered is away, even where the connection still seems to stand.
PING_S = 2.5
CONNECT_S = 5.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 0.5
#: A connection that held for less is no reason to try again at once: two processes with one client id throw each other
#: out as fast as they come.
STEADY_S = 5.0

_TICK = timedelta(microseconds=1)
_SET_BACK = timedelta(seconds=1)


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
    """One persistent session. Used as ``async with``; then `batch` and `acknowledge` in turns.

    :param on_connection: hears whether the broker can be heard.
    :param on_forgotten: called when the broker has no session of ours any more though we had one: what it held for us
        is lost.
    :param had_session: an earlier process had one there.
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        client_id: str,
        filters: Sequence[str],
        on_connection: Callable[[bool], None] = lambda up: None,
        on_forgotten: Callable[[], None] = lambda: None,
        had_session: bool = False,
        most_pending: int = MOST_PENDING,
    ) -> None:
        self.address = address
        self.connected = False
        self._client_id = client_id
        self._filters = list(filters)
        self._on_connection = on_connection
        self._on_forgotten = on_forgotten
        self._most_pending = most_pending
        self._arrived: deque[Inbound] = deque()
        self._arrived_bytes = 0  # since nothing waited
        self._outstanding: deque[Inbound] = deque()  # given out by `batch`, not acknowledged yet
        self._resent = Resent()
        self._session_no = 0
        self._said = 0  # the packet id of what we said last
        self._had_session = had_session
        self._newest = datetime.min.replace(tzinfo=UTC)
        self._said_down = False
        self._line: _Line | None = None

    async def __aenter__(self) -> BrokerSession:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._keeping = asyncio.create_task(self._keep(), name=f"broker session {self._client_id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        line = self._line
        self._keeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeping
        self.connected = False
        if line is not None:  # what was acknowledged last is still on its way
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await line.lost.wait()

    async def batch(self, *, most: int, age_s: float, quiet_s: float) -> list[Inbound]:
        """The next messages: at least one, at most ``most``; waits ``age_s`` after the first one for more, but not
        longer than ``quiet_s`` without another (a broker with a small in-flight window sends nothing until it is
        acknowledged).
        """
        arrived = self._arrived
        while not arrived:
            self._wake.clear()
            await self._wake.wait()
        if age_s > 0 and len(arrived) < most:
            deadline = self._loop.time() + age_s
            while (before := len(arrived)) < most:
                left_s = deadline - self._loop.time()
                if left_s <= 0:
                    break
                await asyncio.sleep(min(quiet_s, left_s))
                if len(arrived) == before:
                    break
        taken = [arrived.popleft() for _ in range(min(most, len(arrived)))]
        self._outstanding.extend(taken)
        if not arrived:
            self._arrived_bytes = 0
        if self._line is not None and self._room() > self._most_pending // 2:
            self._line.resume()
        return taken

    def acknowledge(self, messages: Sequence[Inbound]) -> None:
        """These are safe: tell the broker, in the order in which they came (4.6; rumqttd closes the connection of a
        client that does otherwise). Those of an earlier connection are left: the broker sends them again.
        """
        for message in messages:
            message.safe = True
        session_no, outstanding = self._session_no, self._outstanding
        said: list[bytes] = []
        while outstanding and outstanding[0].safe:
            message = outstanding.popleft()
            if message.packet_id and message.session_no == session_no:
                said.append(packets.puback(message.packet_id))
        if said and self._line is not None:
            self._line.write(b"".join(said))

    def publish(self, topic: bytes, payload: bytes) -> None:
        """Say something, once, while we are connected. Whether it was taken is seen when it comes back: only for topics
        that we hear.
        """
        if self.connected and self._line is not None:
            self._said = self._said % 0xFFFF + 1
            self._line.write(packets.publish(topic, payload, self._said))

    @property
    def connection_no(self) -> int:
        """Grows with each try to connect."""
        return self._session_no

    @property
    def unsent(self) -> bool:
        """Acknowledgements still wait for the network."""
        return self._line is not None and self._line.waits()

    @property
    def pending(self) -> int:
        return len(self._arrived)

    @property
    def unacknowledged(self) -> int:
        """Messages that came and were not acknowledged yet."""
        return len(self._arrived) + len(self._outstanding)

    # -- the connection ---------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Connect, serve until the connection is lost, and again, until cancelled."""
        wait_s = FIRST_WAIT_S
        while True:
            self._session_no += 1
            line = self._line = _Line(self._session_no, room=self._room, take=self._take, received_at=self._received_at)
            began = self._loop.time()
            why = "connection lost"
            try:
                why = await self._serve(line)
            except (OSError, TimeoutError) as error:  # ssl's errors are OSErrors
                why = str(error) or "nobody answers in time"
            except Exception as error:
                # Nobody watches this task: whatever it is, the lane must not wait for ever without a word.
                why = f"{type(error).__name__}: {error}"
            finally:
                self._line = None
                line.close(polite=self.connected)
                waiting = (*self._outstanding, *self._arrived)
                self._resent.connection_lost(m for m in waiting if m.session_no == self._session_no)
            self._down(why)
            if self._loop.time() - began > STEADY_S:
                wait_s = FIRST_WAIT_S
            await asyncio.sleep(wait_s * random.uniform(0.75, 1.25))
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _serve(self, line: _Line) -> str:
        """Why the connection ended."""
        address = self.address
        async with asyncio.timeout(CONNECT_S):
            await self._loop.create_connection(
                lambda: line, address.host, address.port, ssl=ssl.create_default_context() if address.tls else None
            )
            line.write(
                packets.connect(
                    self._client_id, keepalive_s=KEEPALIVE_S, username=address.username, password=address.password
                )
            )
            code, present = await line.accepted
            if code:
                return f"refused: {packets.REFUSALS.get(code, str(code))}"
            line.write(packets.subscribe(self._filters))
            codes = await line.subscribed
        # Only now can we hear: a broker may let us in and refuse what we want to hear.
        refused = [name for name, code in zip(self._filters, codes, strict=False) if code >= 0x80]
        if refused:
            return f"subscription refused: {', '.join(refused)}; see the broker's access rules"
        self._up(present)
        return await self._until_lost(line)

    async def _until_lost(self, line: _Line) -> str:
        unanswered = 0
        while unanswered < 2:
            heard = line.heard
            line.write(packets.PING)
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_S):
                    await line.lost.wait()
                    return line.why
            # While we do not read, nothing can be heard.
            unanswered = unanswered + 1 if line.heard == heard and not line.paused else 0
        return "the broker has fallen silent"

    def _room(self) -> int:
        return self._most_pending - len(self._arrived) if self._arrived_bytes < MOST_PENDING_BYTES else 0

    def _take(self, messages: list[Inbound], size: int) -> None:
        self._newest = messages[-1].received_at
        self._resent.recognise(messages)
        self._arrived_bytes += size
        self._arrived.extend(messages)
        self._wake.set()

    def _received_at(self) -> datetime:
        """Later than of any message before, as long as the clock goes on; a clock set back is believed at once."""
        now = datetime.now(UTC)
        return self._newest + _TICK if timedelta(0) <= self._newest - now < _SET_BACK else now

    def _up(self, present: bool) -> None:
        forgotten = self._had_session and not present
        if not present:
            self._resent.forget()
        self._said_down, self._had_session, self.connected = False, True, True
        log.info("broker connected", broker=str(self.address), client_id=self._client_id, session_present=present)
        self._on_connection(True)
        if forgotten:
            log.warning(
                "broker forgot our session; what it held for us is lost. Give it persistence",
                broker=str(self.address),
                client_id=self._client_id,
            )
            self._on_forgotten()

    def _down(self, why: str) -> None:
        self.connected = False
        if self._said_down:
            return
        self._said_down = True
        log.warning("broker away", broker=str(self.address), client_id=self._client_id, why=why)
        self._on_connection(False)


class _Line(asyncio.Protocol):
    """One connection, read no further than there is room for what it brings."""

    def __init__(
        self,
        session_no: int,
        *,
        room: Callable[[], int],
        take: Callable[[list[Inbound], int], None],
        received_at: Callable[[], datetime],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = room
        self._take = take
        self._received_at = received_at
        self._cutter = Cutter(session_no, accepted=self._hear_accepted, subscribed=self._hear_subscribed)
        self._transport: asyncio.Transport | None = None
        self.accepted: asyncio.Future[tuple[int, bool]] = self._loop.create_future()
        self.subscribed: asyncio.Future[bytes] = self._loop.create_future()
        self.lost = asyncio.Event()
        self.why = "connection lost"
        self.heard = 0
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self.why = str(exc)
        for waited_for in (self.accepted, self.subscribed):
            if not waited_for.done():
                waited_for.set_exception(ConnectionError(self.why))
                waited_for.exception()  # nobody may be waiting for it any more
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        self.heard += 1
        try:
            messages = self._cutter.cut(data, self._received_at(), self._room())
        except NotMqtt as error:
            self.why = f"the broker does not speak MQTT 3.1.1: {error}"
            self.close(polite=False)
            return
        if self._cutter.full:
            self._pause()
        if messages:
            self._take(messages, len(data))

    def _hear_accepted(self, code: int, present: bool) -> None:
        if not self.accepted.done():
            self.accepted.set_result((code, present))

    def _hear_subscribed(self, codes: bytes) -> None:
        if not self.subscribed.done():
            self.subscribed.set_result(codes)

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def waits(self) -> bool:
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def _pause(self) -> None:
        if not self.paused and self._transport is not None:
            self.paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """There is room again: first for what was read and not cut yet."""
        if self.paused and self._transport is not None and not self._transport.is_closing():
            self.paused = False
            self._transport.resume_reading()
            self._loop.call_soon(self._cut_rest)

    def _cut_rest(self) -> None:
        if not self.lost.is_set():
            self.data_received(b"")

    def close(self, *, polite: bool) -> None:
        if self._transport is not None and not self._transport.is_closing():
            if polite:
                self._transport.write(packets.DISCONNECT)
            self._transport.close()
