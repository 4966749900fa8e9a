"""A voice gateway that rings nobody: it takes calls and presses a key, as docs/duty.md says a gateway does.

``python -m simulators.voice_gateway --secret whsec_… --answers URL`` listens on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

#: Kept, so that a second copy of a call rings nobody; the oldest goes first.
MOST_CALLS = 10_000


class VoiceGateway:
    """``key`` is pressed ``after_s`` after a call was taken; "" = nobody presses any. ``calls`` are those that were
    taken, by their ids.
    """

    def __init__(self, secret: str, answers: str, *, key: str = "1", after_s: float = 1.0) -> None:
        self._seal = Webhook(secret)
        self._answers = answers
        self._key = key
        self._after_s = after_s
        self.calls: dict[str, dict[str, Any]] = {}
        self.answered: list[tuple[str, int]] = []
        self._pressing: set[asyncio.Task[None]] = set()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/calls", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            self._seal.verify(body.decode(), dict(request.headers))
            call = msgspec.json.decode(body, type=dict[str, Any])
            call_id = str(call["call_id"])
        except (WebhookVerificationError, UnicodeDecodeError, msgspec.MsgspecError, KeyError) as error:
            return web.json_response({"error": str(error)}, status=401)
        if call_id not in self.calls:
            self.calls[call_id] = call
            while len(self.calls) > MOST_CALLS:
                del self.calls[next(iter(self.calls))]
            if self._key:
                task = asyncio.create_task(self._press(call_id), name=f"press {self._key} in {call_id}")
                self._pressing.add(task)
                task.add_done_callback(self._pressing.discard)
        return web.json_response({"call_id": call_id})

    async def _press(self, call_id: str) -> None:
        await asyncio.sleep(self._after_s)
        body = msgspec.json.encode({"call_id": call_id, "key": self._key})
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": call_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._seal.sign(call_id, now, body.decode()),
        }
        timeout = aiohttp.ClientTimeout(total=10)
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.post(self._answers, data=body, headers=headers) as response,
        ):
            self.answered.append((call_id, response.status))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--secret", required=True, help="whsec_…, shared with campuswatch")
    parser.add_argument("--answers", required=True, help="where key presses go")
    parser.add_argument("--port", type=int, default=8079)
    parser.add_argument("--key", default="1", help="which key is pressed; empty = none")
    given = parser.parse_args()
    gateway = VoiceGateway(given.secret, given.answers, key=given.key)
    web.run_app(gateway.app(), host="127.0.0.1", port=given.port)


if __name__ == "__main__":
    main()
