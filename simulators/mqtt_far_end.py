"""The far end of a link over MQTT: hears alarms on a topic and says their receipts on ``topic/replies``.

`simulators.far_ends` decides what it answers, as it does over HTTP. What HTTP would refuse is not answered here at all:
the broker has taken it, and that is all that the control room hears.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from uuid import uuid4

import msgspec
import structlog

from simulators.alarm_lines import Language
from simulators.broker import BrokerAddress
from simulators.far_ends import FarEnds, LinkName, Say
from simulators.receipts import ReceiptBook
from simulators.signature import Seal
from simulators.uplink import Uplink

log = structlog.get_logger()

KEPT = 100


class MqttFarEnd:
    """Used as ``async with``. ``far_ends`` holds what was taken and how it behaves, ``raw`` the newest payloads as they
    came; ``say`` gets one line for each alarm.

    ``signs_with``: another secret, to see what the control room makes of that; ``answers_after_s``: of each reply.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        secret: str,
        *,
        topic: str,
        link: LinkName = LinkName.POLICE,
        signs_with: str = "",
        answers_after_s: float = 0.0,
        language: Language = Language.ZH,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.far_ends = FarEnds(police_secret=secret, education_secret=secret, language=language, say=say)
        self.link = link
        self.raw: list[bytes] = []
        self._signs = Seal(signs_with or secret)
        self._topic = topic
        self._answers_after_s = answers_after_s
        self._uplink = Uplink(broker, f"far-{uuid4().hex[:12]}", subscribe=topic, on_message=self._hear)

    @property
    def book(self) -> ReceiptBook:
        """The alarms that were taken."""
        return self.far_ends.books[self.link]

    async def __aenter__(self) -> MqttFarEnd:
        self.running = asyncio.create_task(self._uplink.run(patience_s=5.0), name="far end over mqtt")
        up = asyncio.create_task(self._uplink.connected.wait(), name="far end up")
        await asyncio.wait([up, self.running], return_when=asyncio.FIRST_COMPLETED)
        if self.running.done():
            up.cancel()
            self.running.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running

    def answer(self, said: Say) -> None:
        """What the person there says of an alarm."""
        _, body = self.far_ends.answer(self.link, said, datetime.now(UTC))
        self._reply(body)

    def _hear(self, topic: str, payload: bytes) -> None:
        self.raw = [*self.raw[1 - KEPT :], payload]
        try:
            envelope = msgspec.json.decode(payload, type=dict[str, str])
            body = envelope.pop("body").encode()
        except (msgspec.DecodeError, KeyError) as error:
            log.warning("alarm_refused", topic=topic, error=str(error))
            return
        answer = self.far_ends.take(self.link, envelope, body, datetime.now(UTC))
        loop = asyncio.get_running_loop()
        if answer.status == 200 and not answer.broken_off:
            loop.call_later(answer.after_s + self._answers_after_s, self._reply, msgspec.json.encode(answer.body))
        if answer.person is not None:
            loop.call_later(answer.person.after_s, self.answer, answer.person)

    def _reply(self, body: bytes) -> None:
        headers = self._signs.headers(f"msg_{uuid4().hex}", body, datetime.now(UTC))
        payload = msgspec.json.encode({**headers, "body": body.decode()})
        self._uplink.offer(f"{self._topic}/replies", payload, urgent=True)
