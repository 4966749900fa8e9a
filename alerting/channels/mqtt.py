"""Links over another agency's MQTT broker: alarms are said with QoS 1 on a topic, receipts are heard on another.

::

    topic           ──► {"webhook-id", "webhook-timestamp", "webhook-signature", "body": "<the webhook's body>"}
    topic/replies   ◄── the same envelope; its body is a receipt, or a person's answer (docs/links.md)

The broker's acknowledgement (PUBACK) proves that the broker has it: *sent*. The reply proves that the other agency has
it: *received*. A reply that comes while `send` waits is its receipt; a later one goes to ``on_reply``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any

import msgspec
import structlog

from alerting.channels.webhook import ReceiptAnswer
from alerting.signature import Seal
from domain.clock import Clock
from domain.delivery import Delivery, Receipt
from domain.errors import SignatureRefused, TemporaryFailure
from mqtt import packets
from mqtt.packets import Cutter, NotMqtt

log = structlog.get_logger("alerting.mqtt")

CONNECT_S, ACKNOWLEDGED_S = 3.0, 10.0
KEEPALIVE_S, PING_S = 15, 5.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 10.0
GOODBYE_S = 1.0
#: Of one reply; and replies that wait to be written down before reading stops being worth it.
_MOST_BYTES, _MOST_AT_ONCE = 64 * 1024, 100

#: Hears the link's id and the body of a reply that nobody waits for; its signature was checked.
OnReply = Callable[[str, bytes], Awaitable[None]]


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """The other agency's broker. Without ``tls`` it is on this machine."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    username: str | None = None
    password: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Envelope(msgspec.Struct, frozen=True, rename="kebab"):
    """A signed body as one payload, for MQTT 3.1.1 has no headers."""

    webhook_id: str
    webhook_timestamp: str
    webhook_signature: str
    body: str

    def headers(self) -> dict[str, str]:
        return {
            "webhook-id": self.webhook_id,
            "webhook-timestamp": self.webhook_timestamp,
            "webhook-signature": self.webhook_signature,
        }


def sealed(seal: Seal, webhook_id: str, body: bytes, clock: Clock) -> bytes:
    """``body`` in a signed envelope."""
    headers = seal.headers(webhook_id, body, clock.now())
    return msgspec.json.encode({**headers, "body": body.decode()})


class MqttLink:
    """One link. ``client_id`` is this process's own: the broker keeps what was said to it while it was away."""

    def __init__(
        self,
        link_id: str,
        secret: str,
        *,
        broker: Broker,
        client_id: str,
        topic: str,
        clock: Clock,
        reply_s: float = 2.0,
        on_reply: OnReply | None = None,
        former: str = "",
    ) -> None:
        self.link_id = link_id
        self._seal = Seal(secret, former)
        self._broker = broker
        self._client_id = client_id
        self._topic = topic
        self._clock = clock
        self._reply_s = reply_s
        self._on_reply = on_reply
        self._line: _Line | None = None
        self._up, self._still = asyncio.Event(), asyncio.Event()  # still: no connection is just being made
        self._trouble = ""  # why the last try to connect failed
        self._replies: dict[str, asyncio.Future[Receipt]] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> MqttLink:
        self._keeping = asyncio.create_task(self._keep(), name=f"link {self.link_id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(TimeoutError):  # a connection that is half made cannot be closed well
            async with asyncio.timeout(GOODBYE_S):
                await self._still.wait()
        for task in (*self._writing, *filter(None, [self._keeping])):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def send(self, delivery: Delivery) -> Receipt | None:
        """Say it. None: the broker has it, and nobody has replied yet.

        :raises TemporaryFailure: the broker is away, or did not acknowledge it in time.
        """
        reply: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        payload = sealed(self._seal, delivery.webhook_id, msgspec.json.encode(delivery.body), self._clock)
        self._replies[delivery.webhook_id] = reply
        try:
            await self._say(payload)
            try:
                async with asyncio.timeout(self._reply_s):
                    return await reply
            except TimeoutError:
                return None
        finally:
            del self._replies[delivery.webhook_id]

    async def _say(self, payload: bytes) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._up.wait()
        except TimeoutError as error:
            why = f": {self._trouble}" if self._trouble else ""
            raise TemporaryFailure(f"the broker {self._broker} is not reached{why}") from error
        line = self._line
        if line is None:
            raise TemporaryFailure(f"the broker {self._broker} has just gone")
        try:
            async with asyncio.timeout(ACKNOWLEDGED_S):
                await line.publish(self._topic, payload)
        except TimeoutError as error:
            raise TemporaryFailure("the broker did not acknowledge it in time") from error
        except ConnectionError as error:
            raise TemporaryFailure(f"the connection to the broker broke: {error}") from error

    async def _keep(self) -> None:
        """Be connected, until cancelled. A slip of ours ends the connection and not the link: nobody would miss it
        before an alarm did not leave.
        """
        wait_s = FIRST_WAIT_S
        while True:
            self._still.clear()
            try:
                async with asyncio.timeout(CONNECT_S):
                    line = await self._connect()
            except Exception as error:
                trouble = _reason(error)
                if trouble != self._trouble:
                    slip = not isinstance(error, OSError | NotMqtt)  # TimeoutError and ssl's errors are OSErrors
                    log.warning("broker of a link away", link=self.link_id, error=trouble, exc_info=slip)
                self._trouble = trouble
                self._still.set()
                await asyncio.sleep(wait_s)
                wait_s = min(LONGEST_WAIT_S, wait_s * 2)
                continue
            self._still.set()
            log.info("broker of a link there", link=self.link_id, broker=str(self._broker))
            wait_s, self._trouble = FIRST_WAIT_S, ""
            self._line = line
            self._up.set()
            try:
                await line.beat()
            except Exception:
                log.exception("connection to the broker of a link given up", link=self.link_id)
            finally:
                self._up.clear()
                self._line = None
                await line.end()
            await asyncio.sleep(FIRST_WAIT_S)

    async def _connect(self) -> _Line:
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(
            lambda: _Line(self._hear, self._clock), self._broker.host, self._broker.port, ssl=self._broker.tls
        )
        try:
            await line.greet(
                packets.connect(
                    self._client_id,
                    keepalive_s=KEEPALIVE_S,
                    username=self._broker.username,
                    password=self._broker.password,
                ),
                packets.subscribe([f"{self._topic}/replies"]),
            )
        except BaseException:
            await line.end()
            raise
        return line

    def _hear(self, payload: bytes, done: Callable[[], None]) -> None:
        """A reply; ``done`` acknowledges it."""
        try:
            if len(payload) > _MOST_BYTES:
                raise SignatureRefused("longer than any reply")
            envelope = msgspec.json.decode(payload, type=Envelope)
            body = envelope.body.encode()
            self._seal.check(envelope.headers(), body, self._clock.now())
        except (msgspec.MsgspecError, UnicodeError, SignatureRefused) as error:
            log.warning("reply refused", link=self.link_id, error=str(error))
            done()
            return
        if self._receipted(body) or self._on_reply is None or len(self._writing) >= _MOST_AT_ONCE:
            done()
            return
        task = asyncio.create_task(self._pass_on(body, done), name=f"reply of {self.link_id}")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    def _receipted(self, body: bytes) -> bool:
        """Whether it is the receipt that a `send` waits for."""
        try:
            answer = msgspec.json.decode(body, type=ReceiptAnswer)
        except msgspec.MsgspecError:
            return False
        waiting = self._replies.get(answer.webhook_id)
        if waiting is None or waiting.done():
            return False
        waiting.set_result(answer.kept(self._clock.now(), {"mqtt": True}))
        return True

    async def _pass_on(self, body: bytes, done: Callable[[], None]) -> None:
        assert self._on_reply is not None
        try:
            await self._on_reply(self.link_id, body)
        except Exception as error:
            # It is not acknowledged: the broker says it again when we come back.
            log.warning("reply not written down", link=self.link_id, error=str(error))
        else:
            done()


def _reason(error: Exception) -> str:
    """What is wrong with the way to the broker, so that whoever reads it knows which setting to look at."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, NotMqtt):
        return f"it does not let us in: {error}"
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)


class _Line(asyncio.Protocol):
    """One connection to the broker."""

    def __init__(self, hear: Callable[[bytes, Callable[[], None]], None], clock: Clock) -> None:
        self._loop = asyncio.get_running_loop()
        self._hear = hear
        self._clock = clock
        self._cutter = Cutter(0, accepted=self._accepted, subscribed=self._subscribed, acknowledged=self._acknowledged)
        self._transport: asyncio.Transport | None = None
        self._greeting: asyncio.Future[int] = self._loop.create_future()
        self._listening: asyncio.Future[bytes] = self._loop.create_future()
        self._said: dict[int, asyncio.Future[None]] = {}
        self._packet_id = 1  # of the subscription
        self._heard = 0
        self._lost = asyncio.Event()

    async def greet(self, hello: bytes, subscription: bytes) -> None:
        """:raises NotMqtt: the broker does not let us in. :raises ConnectionError: it went away."""
        self._write(hello)
        try:
            code = await self._greeting
        except ConnectionError as error:
            # Over TLS 1.3 a client hears only now that its certificate, or the lack of one, was not liked.
            hint = "; it may want to see a certificate of ours" if self._encrypted else ""
            raise NotMqtt(f"it hung up{hint} ({error})") from error
        if code:
            raise NotMqtt(packets.REFUSALS.get(code, f"refused with code {code}"))
        self._write(subscription)
        if any(code > 2 for code in await self._listening):
            raise NotMqtt("the broker refuses us the topic of replies")

    @property
    def _encrypted(self) -> bool:
        return self._transport is not None and self._transport.get_extra_info("ssl_object") is not None

    async def publish(self, topic: str, payload: bytes) -> None:
        """Until the broker has it. :raises ConnectionError: the connection ended before."""
        if self._lost.is_set():
            raise ConnectionError("connection lost")
        while True:
            self._packet_id = self._packet_id % 65_535 + 1
            if self._packet_id not in self._said:
                break
        packet_id = self._packet_id
        acknowledged = self._said[packet_id] = self._loop.create_future()
        try:
            self._write(packets.publish(topic.encode(), payload, packet_id))
            await acknowledged
        finally:
            self._said.pop(packet_id, None)

    async def beat(self) -> None:
        """Until the connection is lost, or the broker leaves two pings unanswered."""
        silent = 0
        while not self._lost.is_set() and silent < 2:
            heard = self._heard
            self._write(packets.PING)
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_S):
                    await self._lost.wait()
            silent = silent + 1 if self._heard == heard else 0

    def close(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(packets.DISCONNECT)
            self._transport.close()

    async def end(self) -> None:
        """Close, and wait for it a moment: over TLS both sides say good-bye."""
        self.close()
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self._lost.wait()
        except TimeoutError:
            if self._transport is not None:
                self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set()
        waiting: list[asyncio.Future[Any]] = [self._greeting, self._listening, *self._said.values()]
        for waited_for in waiting:
            if not waited_for.done():
                waited_for.set_exception(ConnectionError(str(exc) if exc else "closed by the broker"))
                waited_for.exception()  # nobody may be waiting for it any more

    def data_received(self, data: bytes) -> None:
        self._heard += 1
        try:
            messages = self._cutter.cut(data, self._clock.now(), _MOST_AT_ONCE)
            while messages:
                for message in messages:
                    self._hear(message.payload, partial(self._done, message.packet_id))
                messages = self._cutter.cut(b"", self._clock.now(), _MOST_AT_ONCE) if self._cutter.full else []
        except NotMqtt as error:
            log.warning("no MQTT 3.1.1", error=str(error))
            self.close()

    def _done(self, packet_id: int) -> None:
        if packet_id:
            self._write(packets.puback(packet_id))

    def _accepted(self, code: int, present: bool) -> None:
        if not self._greeting.done():
            self._greeting.set_result(code)

    def _subscribed(self, codes: bytes) -> None:
        if not self._listening.done():
            self._listening.set_result(codes)

    def _acknowledged(self, packet_id: int) -> None:
        waiting = self._said.get(packet_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
