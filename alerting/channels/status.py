"""Asking a far end that cannot call back what a person there says of what it was given.

::

    POST status_url   {"type": "delivery.status", "data": {"webhook_ids": ["msg_…", …]}}
    200               {"type": "delivery.statuses", "data": {"answers": [{"webhook_id", "answer", "by", "at", "note"}]}}

The question is signed like a delivery, and the answer with the same secret under the question's own ``webhook-id``: an
answer to another question, or an old one, is none. What nobody has answered yet is left out of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol
from uuid import UUID, uuid4

import msgspec

from alerting.link_answers import answers_in
from alerting.signature import Seal
from domain.clock import Clock
from domain.delivery import Answer
from domain.errors import AnswerRefused, SignatureRefused, TemporaryFailure

#: Carries a signed question and brings back status, body and headers. :raises TemporaryFailure: it was not answered.
Ask = Callable[[bytes, dict[str, str]], Awaitable[tuple[int, bytes, Mapping[str, str]]]]


class Inquiry(Protocol):
    async def ask(self, delivery_ids: Collection[UUID]) -> list[Answer]:
        """What people there have said of these. :raises TemporaryFailure: nobody answered, or it was no answer."""


class StatusLine:
    """One link's status URL."""

    def __init__(self, secret: str, *, ask: Ask, clock: Clock, former: str = "") -> None:
        self._seal = Seal(secret, former)
        self._ask = ask
        self._clock = clock

    async def ask(self, delivery_ids: Collection[UUID]) -> list[Answer]:
        now = self._clock.now()
        question = {
            "type": "delivery.status",
            "timestamp": now.isoformat(),
            "data": {"webhook_ids": [f"msg_{delivery_id.hex}" for delivery_id in delivery_ids]},
        }
        body, webhook_id = msgspec.json.encode(question), f"msg_{uuid4().hex}"
        headers = {"content-type": "application/json", **self._seal.headers(webhook_id, body, now)}
        status, said, about = await self._ask(body, headers)
        if status != 200:
            raise TemporaryFailure(f"the status URL answered HTTP {status}")
        try:
            named = self._seal.check({name.lower(): text for name, text in about.items()}, said, self._clock.now())
            if named != webhook_id:
                raise SignatureRefused("it answers another question")
            answers = answers_in(said, self._clock.now())
        except (SignatureRefused, AnswerRefused) as error:
            raise TemporaryFailure(f"what the status URL answered was refused: {error}") from error
        return [one for one in answers if one.delivery_id in delivery_ids]
