"""One connection to the broker as asyncio's protocol: what it brings, and whether it still stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from mqtt import packets
from mqtt.packets import Cutter, NotMqtt

#: What the broker is promised: it may drop who is silent for one and a half times this (3.1.2.10).
KEEPALIVE_S = 60
#: So often a line looks whether it said and heard something; a broker that leaves a ping unanswered until the next look
#: is away, even where the connection still seems to stand.
LOOK_EVERY_S = 20.0
GOODBYE_S = 1.0
#: More of one packet than any order to a fleet; the cutter keeps what does not fit.
_MOST_AT_ONCE = 1_000


class Line(asyncio.Protocol):
    """``accepted`` is done with the broker's return code, ``subscribed`` with those of the subscription, ``lost`` with
    the reason. ``acknowledged`` hears the packet ids that the broker has.
    """

    __slots__ = (
        "_cutter",
        "_heard",
        "_loop",
        "_on_message",
        "_pinged",
        "_said",
        "_timer",
        "_transport",
        "_why",
        "accepted",
        "lost",
        "subscribed",
    )

    def __init__(self, *, acknowledged: Callable[[int], None], on_message: Callable[[str, bytes], None] | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._cutter = Cutter(
            0, accepted=self._hear_accepted, subscribed=self._hear_subscribed, acknowledged=acknowledged
        )
        self._on_message = on_message
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._said = self._heard = self._pinged = False
        self._why = "the connection was closed"
        self.accepted: asyncio.Future[int] = self._loop.create_future()
        self.subscribed: asyncio.Future[bytes] = self._loop.create_future()
        self.lost: asyncio.Future[str] = self._loop.create_future()

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._said = True
            self._transport.write(data)

    def close(self, why: str = "closed") -> None:
        """Say goodbye and go. What was written goes out first."""
        if self._transport is not None and not self._transport.is_closing():
            self._why = why
            self._transport.write(packets.DISCONNECT)
            self._transport.close()

    async def end(self) -> None:
        """The same, and wait until the connection is gone; whoever does not let it go in `GOODBYE_S` is left."""
        if self._transport is None:
            return
        self.close()
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self.lost
        except TimeoutError:
            self._transport.abort()

    # -- what asyncio calls ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._timer = self._loop.call_later(LOOK_EVERY_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        why = str(exc) if exc is not None else self._why
        for waited_for in (self.accepted, self.subscribed):
            if not waited_for.done():
                waited_for.set_exception(ConnectionError(why))
                waited_for.exception()  # nobody may be waiting for it
        if not self.lost.done():
            self.lost.set_result(why)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        try:
            messages = self._cutter.cut(data, datetime.now(UTC), _MOST_AT_ONCE)
        except NotMqtt as error:
            self._why = f"it does not speak MQTT 3.1.1: {error}"
            if self._transport is not None:
                self._transport.close()
            return
        for message in messages:
            if message.packet_id:
                self.write(packets.puback(message.packet_id))
            if self._on_message is not None:
                self._on_message(message.topic.decode(errors="replace"), message.payload)
        if self._cutter.full:
            self.data_received(b"")

    def _hear_accepted(self, code: int, _: bool) -> None:
        if not self.accepted.done():
            self.accepted.set_result(code)

    def _hear_subscribed(self, codes: bytes) -> None:
        if not self.subscribed.done():
            self.subscribed.set_result(codes)

    def _look(self) -> None:
        if self._pinged and not self._heard:
            self.close("the broker has fallen silent")
            if self._transport is not None:
                self._transport.abort()  # nobody takes what is still to be written
            return
        self._pinged = not (self._said and self._heard)
        if self._pinged:
            self.write(packets.PING)
        self._said = self._heard = False
        self._timer = self._loop.call_later(LOOK_EVERY_S, self._look)
