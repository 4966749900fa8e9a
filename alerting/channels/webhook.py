"""Links to police and education: signed webhooks after Standard Webhooks, answered with a receipt.

Only a receipt that names this very delivery counts as arrival; a 200 from a proxy or a wrong page does not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import msgspec

from alerting.signature import Seal
from domain.clock import Clock
from domain.delivery import Delivery, Receipt
from domain.errors import PermanentFailure, TemporaryFailure

#: Answers that are worth another try though they begin with a 4.
_TRY_AGAIN = frozenset({408, 425, 429})
#: More than this of an answer is not read.
_ANSWER_LIMIT = 64 * 1024


#: A receipt's time further off than this is a wrong clock; ours counts then.
_PLAUSIBLE = timedelta(days=1)


class ReceiptAnswer(msgspec.Struct):
    """A receipt as the other side writes it."""

    webhook_id: str
    receipt_id: str
    received_at: datetime | None = None

    def kept(self, now: datetime, detail: dict[str, Any]) -> Receipt:
        """As it can be kept: whatever the other side writes, our tables and pages can show it."""
        received_at = self.received_at or now
        if received_at.tzinfo is None:
            received_at = received_at.replace(tzinfo=UTC)
        try:
            plausible = abs(received_at - now) < _PLAUSIBLE
        except OverflowError:
            plausible = False
        if not plausible:
            detail = {**detail, "received_at": str(self.received_at)}
            received_at = now
        receipt_id = self.receipt_id[:200].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
        return Receipt(receipt_id=receipt_id, received_at=received_at.astimezone(UTC), detail=detail)


#: Carries a signed body to the other side and brings back its status and its answer, as much of it as is read.
#:
#: :raises TemporaryFailure: it was not reached, or did not answer in time.
Post = Callable[[bytes, dict[str, str]], Awaitable[tuple[int, bytes]]]
#: Says a delivery in the other side's form: its media type, and a body of UTF-8.
Form = Callable[[Delivery], tuple[str, bytes]]


def json_form(delivery: Delivery) -> tuple[str, bytes]:
    """The form that docs/links.md describes."""
    return "application/json", msgspec.json.encode(delivery.body)


#: Answers with the HTTP client of a role.
Opened = Callable[[], aiohttp.ClientSession]


class HttpPost:
    """A `Post` over HTTP."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self._client = client
        self._url = url

    async def __call__(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        status, answer, _ = await self.ask(body, headers)
        return status, answer

    async def ask(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, Mapping[str, str]]:
        """As `Post`, with the headers of the answer."""
        try:
            try:
                return await self._post(body, headers)
            except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError):
                raise
            except aiohttp.ClientConnectionError:
                # A kept connection that the other side had closed meanwhile. An alarm does not wait for the next try
                # because of that; the other side recognises it by its id, should it have had it all the same.
                return await self._post(body, headers)
        except TimeoutError as error:
            raise TemporaryFailure("no answer in time") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, aiohttp.ClientResponseError) as error:
            # What these say holds the address, and that may hold a secret. Nor may their cause be shown.
            what = "no answer over HTTP" if isinstance(error, aiohttp.ClientResponseError) else "no address to post to"
            raise TemporaryFailure(f"not reached: {what} ({type(error).__name__})") from None
        except (aiohttp.ClientError, OSError) as error:
            raise TemporaryFailure(f"not reached: {error or type(error).__name__}") from error

    async def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, Mapping[str, str]]:
        async with self._client.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
            answer = b""
            while len(answer) <= _ANSWER_LIMIT and not response.content.at_eof():
                answer += await response.content.read(_ANSWER_LIMIT + 1 - len(answer))
            return response.status, answer, response.headers


class WebhookLink:
    """One link: the way to it and its secret ("whsec_…", shared with the other side), and a ``former`` one."""

    def __init__(
        self, link_id: str, secret: str, *, post: Post, clock: Clock, form: Form = json_form, former: str = ""
    ) -> None:
        self.link_id = link_id
        self._seal = Seal(secret, former)
        self._post = post
        self._clock = clock
        self._form = form

    async def send(self, delivery: Delivery) -> Receipt:
        """POST the delivery and read the receipt.

        :raises TemporaryFailure: nobody answered in time, the answer was 5xx, or it held no receipt for this delivery.
        :raises PermanentFailure: the other side refused it (4xx).
        """
        webhook_id = delivery.webhook_id
        media_type, body = self._form(delivery)
        headers = {"content-type": media_type, **self._seal.headers(webhook_id, body, self._clock.now())}
        status, answer = await self._post(body, headers)
        if len(answer) > _ANSWER_LIMIT:
            raise TemporaryFailure(f"the answer is longer than {_ANSWER_LIMIT} bytes")
        if 400 <= status < 500 and status not in _TRY_AGAIN:
            raise PermanentFailure(f"refused with HTTP {status}: {_readable(answer)}")
        if not 200 <= status < 300:
            raise TemporaryFailure(f"answered HTTP {status}")
        try:
            receipt = msgspec.json.decode(answer, type=ReceiptAnswer)
        except msgspec.MsgspecError as error:
            raise TemporaryFailure(f"HTTP {status} without a receipt: {error}") from error
        if receipt.webhook_id != webhook_id:
            raise TemporaryFailure(f"the receipt is for another delivery: {receipt.webhook_id[:80]!r}")
        return receipt.kept(self._clock.now(), {"status": status})


def _readable(answer: bytes) -> str:
    """Its beginning, on one line of a timeline."""
    text = answer[:200].decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()
