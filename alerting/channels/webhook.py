"""Links to police and education: signed webhooks after Standard Webhooks, answered with a receipt.

Only a receipt that names this very delivery counts as arrival; a 200 from a proxy or a wrong page does not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
from standardwebhooks.webhooks import Webhook

from domain.clock import Clock
from domain.delivery import Delivery, Receipt
from domain.errors import PermanentFailure, TemporaryFailure

#: Answers that are worth another try though they begin with a 4.
_TRY_AGAIN = frozenset({408, 425, 429})
#: More than this of an answer is not read.
_ANSWER_LIMIT = 64 * 1024


class _Answer(msgspec.Struct):
    webhook_id: str
    receipt_id: str
    received_at: datetime | None = None


class WebhookLink:
    """One link: its address and its secret ("whsec_…", shared with the other side)."""

    def __init__(self, link_id: str, url: str, secret: str, *, client: httpx.AsyncClient, clock: Clock) -> None:
        self.link_id = link_id
        self._url = url
        self._signer = Webhook(secret)
        self._client = client
        self._clock = clock

    async def send(self, delivery: Delivery) -> Receipt:
        """POST the delivery and read the receipt.

        :raises TemporaryFailure: nobody answered in time, the answer was 5xx, or it held no receipt for this delivery.
        :raises PermanentFailure: the other side refused it (4xx).
        """
        webhook_id = f"msg_{delivery.delivery_id.hex}"
        body = msgspec.json.encode(delivery.body).decode()
        now = self._clock.now()
        headers = {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(webhook_id, now, body),
        }
        try:
            async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                answer = await self._read(response)
        except httpx.TimeoutException as error:
            raise TemporaryFailure(f"no answer in time ({type(error).__name__})") from error
        except httpx.HTTPError as error:
            raise TemporaryFailure(f"not reached: {error or type(error).__name__}") from error
        if 400 <= response.status_code < 500 and response.status_code not in _TRY_AGAIN:
            raise PermanentFailure(f"refused with HTTP {response.status_code}: {answer[:200]!r}")
        if not response.is_success:
            raise TemporaryFailure(f"answered HTTP {response.status_code}")
        try:
            receipt = msgspec.json.decode(answer, type=_Answer)
        except msgspec.MsgspecError as error:
            raise TemporaryFailure(f"HTTP {response.status_code} without a receipt: {error}") from error
        if receipt.webhook_id != webhook_id:
            raise TemporaryFailure(f"the receipt is for another delivery: {receipt.webhook_id[:80]!r}")
        received_at = receipt.received_at or self._clock.now()
        if received_at.tzinfo is None:
            received_at = received_at.replace(tzinfo=UTC)
        detail: dict[str, Any] = {"status": response.status_code}
        return Receipt(receipt_id=receipt.receipt_id[:200], received_at=received_at, detail=detail)

    @staticmethod
    async def _read(response: httpx.Response) -> bytes:
        answer = b""
        async for piece in response.aiter_bytes():
            answer += piece
            if len(answer) > _ANSWER_LIMIT:
                raise TemporaryFailure(f"the answer is longer than {_ANSWER_LIMIT} bytes")
        return answer
