"""The far end of a link over MQTT: hears alarms on a topic and says their receipts on ``topic/replies``."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from uuid import uuid4

import msgspec
import structlog

from simulators.broker import BrokerAddress
from simulators.errors import SignatureRefused
from simulators.receipts import ReceiptBook
from simulators.signature import Seal
from simulators.uplink import Uplink

log = structlog.get_logger()


class MqttFarEnd:
    """Used as ``async with``. ``book`` holds what was taken, ``raw`` the newest payloads as they came.

    ``signs_with``: another secret, to see what the control room makes of that; ``answers_after_s``: of each reply.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        secret: str,
        *,
        topic: str,
        signs_with: str = "",
        answers_after_s: float = 0.0,
    ) -> None:
        self.book = ReceiptBook("MQ")
        self.raw: list[bytes] = []
        self._seal = Seal(secret)
        self._signs = Seal(signs_with or secret)
        self._topic = topic
        self._answers_after_s = answers_after_s
        self._uplink = Uplink(broker, f"far-{uuid4().hex[:12]}", subscribe=topic, on_message=self._hear)

    async def __aenter__(self) -> MqttFarEnd:
        self._running = asyncio.create_task(self._uplink.run(patience_s=5.0), name="far end over mqtt")
        up = asyncio.create_task(self._uplink.connected.wait(), name="far end up")
        await asyncio.wait([up, self._running], return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            up.cancel()
            self._running.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running

    def _hear(self, topic: str, payload: bytes) -> None:
        now = datetime.now(UTC)
        self.raw = [*self.raw[-99:], payload]
        try:
            envelope = msgspec.json.decode(payload, type=dict[str, str])
            body = envelope["body"].encode()
            webhook_id = self._seal.check(envelope, body, now)
            alarm = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, KeyError, SignatureRefused) as error:
            log.warning("alarm_refused", topic=topic, error=str(error))
            return
        receipt, _ = self.book.take(webhook_id, alarm, now)
        asyncio.get_running_loop().call_later(self._answers_after_s, self._reply, msgspec.json.encode(receipt))

    def _reply(self, body: bytes) -> None:
        headers = self._signs.headers(f"msg_{uuid4().hex}", body, datetime.now(UTC))
        payload = msgspec.json.encode({**headers, "body": body.decode()})
        self._uplink.offer(f"{self._topic}/replies", payload, urgent=True)
