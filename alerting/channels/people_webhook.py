"""Notices to a person's own system: a webhook after Standard Webhooks.

The address is a URL; a secret (``whsec_…``) may stand behind its ``#``, and then the body is signed with it. The
``webhook-id`` is the same over all tries: a system that keeps it tells nobody twice. Any 2xx is «sent»; who has read it
answers by the link.
"""

from __future__ import annotations

import binascii
from typing import Any

import msgspec
from standardwebhooks.webhooks import Webhook

from alerting.channels.webhook import HttpPost, Opened
from alerting.directory import Look
from domain.clock import Clock
from domain.delivery import Delivery, Receipt
from domain.errors import PermanentFailure, TemporaryFailure


class PeopleWebhook:
    """``opened``: the HTTP client to send with."""

    def __init__(self, look: Look, opened: Opened, *, clock: Clock) -> None:
        self._look = look
        self._opened = opened
        self._clock = clock

    async def send(self, delivery: Delivery) -> Receipt | None:
        """:raises TemporaryFailure: it was not reached, or answered 5xx. :raises PermanentFailure: it refused."""
        reach = await self._look(delivery)
        if not reach.addresses:
            raise PermanentFailure("nobody to reach: there is no such contact any more")
        for address in reach.addresses:
            url, _, secret = address.partition("#")
            body = msgspec.json.encode(notice_body(delivery, reach.link, self._clock))
            await post_signed(HttpPost(self._opened(), url), delivery, body, secret, clock=self._clock)
        return None


def notice_body(delivery: Delivery, link: str, clock: Clock) -> dict[str, Any]:
    return {
        "type": "notice",
        "timestamp": clock.now().isoformat(),
        "data": {
            "incident_id": str(delivery.incident_id) if delivery.incident_id else None,
            "person": delivery.recipient,
            "language": delivery.body.get("language", "zh"),
            "title": delivery.body["title"],
            "text": delivery.body["text"],
            "answer_url": link or None,
        },
    }


async def post_signed(post: HttpPost, delivery: Delivery, body: bytes, secret: str, *, clock: Clock) -> bytes:
    """The answer to ``body``, which is signed where there is a ``secret``.

    :raises TemporaryFailure: it was not reached, or answered 5xx.
    :raises PermanentFailure: it was refused, or the secret is none.
    """
    now = clock.now()
    headers = {
        "content-type": "application/json",
        "webhook-id": delivery.webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
    }
    if secret:
        try:
            headers["webhook-signature"] = Webhook(secret).sign(delivery.webhook_id, now, body.decode())
        except (ValueError, RuntimeError, binascii.Error) as error:
            raise PermanentFailure("what stands behind the # of the address is no secret (whsec_…)") from error
    status, answer = await post(body, headers)
    if 400 <= status < 500 and status not in (408, 425, 429):
        raise PermanentFailure(f"refused with HTTP {status}")
    if not 200 <= status < 300:
        raise TemporaryFailure(f"answered HTTP {status}")
    return answer
