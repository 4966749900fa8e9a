"""Voice calls: a gateway rings somebody up, speaks, and hears which key he presses. docs/duty.md has the interface.

::

    us ──POST {gateway}  {call_id, number, language, say, keys}──► gateway ──rings──► person
    us ◄─POST {answers}  {call_id, key: "1"}──────────────────── gateway ◄──presses 1─┘

Both ways are signed after Standard Webhooks with the secret that the gateway and we share. The ``call_id`` is the same
over all tries: a gateway rings nobody twice for one. What a key means: `KEYS`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from alerting.channels.people_webhook import post_signed
from alerting.channels.webhook import HttpPost, Opened
from alerting.directory import Look
from domain.clock import Clock
from domain.delivery import Delivery, Receipt
from domain.errors import LinkRefused, PermanentFailure, TemporaryFailure
from domain.response import Answer

#: Which key says what, and how it is spoken.
KEYS: dict[str, tuple[Answer, str, str]] = {
    "1": (Answer.TAKE, "按1，我来处理。", "Press 1 to take it."),
    "2": (Answer.DECLINE, "按2，无法处理。", "Press 2 if you cannot."),
}


class KeyPress(msgspec.Struct, frozen=True):
    """What the gateway reports: which call, which key."""

    call_id: str
    key: str


class VoiceCall:
    """``url`` and ``secret`` are the gateway's."""

    def __init__(self, look: Look, opened: Opened, *, url: str, secret: str, clock: Clock) -> None:
        self._look = look
        self._opened = opened
        self._url = url
        self._secret = secret
        self._clock = clock

    async def send(self, delivery: Delivery) -> Receipt | None:
        """Have somebody rung up. Ends as «sent» once the gateway has the call.

        :raises TemporaryFailure: the gateway was not reached, or did not take it now.
        :raises PermanentFailure: the gateway refused it, or there is no number.
        """
        reach = await self._look(delivery)
        if not reach.addresses:
            raise PermanentFailure("nobody to reach: there is no such contact any more")
        body = msgspec.json.encode(call_body(delivery, reach.addresses[0]))
        answer = await post_signed(HttpPost(self._opened(), self._url), delivery, body, self._secret, clock=self._clock)
        try:
            taken = msgspec.json.decode(answer, type=dict[str, Any]).get("call_id")
        except msgspec.MsgspecError as error:
            raise TemporaryFailure(f"the gateway's answer is not understood: {error}") from error
        if taken != delivery.webhook_id:
            raise TemporaryFailure("the gateway answered for another call")
        return None


def call_body(delivery: Delivery, number: str) -> dict[str, Any]:
    """What the gateway is asked to do."""
    language = str(delivery.body.get("language", "zh"))
    english = language == "en"
    spoken = str(delivery.body["title"]) + (". " if english else "。")
    spoken += (" " if english else "").join(words[1 + english] for words in KEYS.values())
    return {
        "call_id": delivery.webhook_id,
        "number": number.removeprefix("tel:"),
        "language": language,
        "say": spoken,
        "keys": {key: answer.value for key, (answer, _, _) in KEYS.items()},
    }


def read_key_press(secret: str, headers: dict[str, str], body: bytes) -> KeyPress:
    """What a gateway reports, where it is ours.

    :raises LinkRefused: the signature is not its own, or the body is not understood.
    """
    try:
        Webhook(secret).verify(body.decode(), headers)
        press = msgspec.json.decode(body, type=KeyPress)
    except (WebhookVerificationError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LinkRefused(f"not a key press of our gateway: {error}") from error
    if press.key not in KEYS:
        raise LinkRefused(f"key {press.key[:8]!r} means nothing here; there are {', '.join(KEYS)}")
    return press
