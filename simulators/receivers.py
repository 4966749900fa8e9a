"""Police, education and a duty leader's telephone: the far end of the links, in one small HTTP server.

``POST /police`` and ``POST /education`` take Standard Webhooks and answer a receipt; ``POST /phone`` takes Apprise's
JSON. ``GET /received`` shows what came. ``POST /behaviour`` makes a link misbehave:

============= =====================================================================================
ok            take the alarm, answer the receipt
slow          the same, after ``seconds``
refuse        403, nothing taken: for the sender a permanent failure
error500      500, nothing taken
hang          nothing taken and no answer for ``seconds``, then 503
wrong_receipt take the alarm, answer the receipt of another one
lose          take the alarm and break the connection off before the receipt is through
============= =====================================================================================
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import msgspec
import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from domain.clock import Clock, SystemClock
from simulators.alarm_lines import Language, alarm_line, phone_line
from simulators.errors import SimulatorError
from simulators.receipts import KEPT, ReceiptBook

log = structlog.get_logger()

BODY_BOUND = 1_000_000


class LinkName(StrEnum):
    POLICE = "police"
    EDUCATION = "education"
    PHONE = "phone"


class Mode(StrEnum):
    OK = "ok"
    SLOW = "slow"
    REFUSE = "refuse"
    HANG = "hang"
    ERROR500 = "error500"
    WRONG_RECEIPT = "wrong_receipt"
    LOSE = "lose"


class LinkBehaviour(BaseModel):
    """``seconds`` is how long `slow` and `hang` take."""

    model_config = ConfigDict(extra="forbid")

    link: LinkName
    mode: Mode = Mode.OK
    seconds: float = Field(default=5.0, ge=0.0, le=3600.0)


class Receivers:
    """The three far ends. ``secrets`` are the links' ``whsec_...``; ``say`` gets one line for each alarm."""

    def __init__(
        self,
        *,
        police_secret: str,
        education_secret: str,
        clock: Clock | None = None,
        language: Language = Language.ZH,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._language = language
        self._say = say
        self._webhooks = {
            LinkName.POLICE: _webhook(police_secret),
            LinkName.EDUCATION: _webhook(education_secret),
        }
        self.books = {LinkName.POLICE: ReceiptBook("JJ"), LinkName.EDUCATION: ReceiptBook("JY")}
        self.phone: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.behaviour = {link: LinkBehaviour(link=link) for link in LinkName}
        self.attempts = dict.fromkeys(LinkName, 0)
        self.bad_signatures = dict.fromkeys(LinkName, 0)
        self._changed = asyncio.Event()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=BODY_BOUND, middlewares=[_say_what_is_wrong])
        app.add_routes(
            [
                web.post("/police", self._police),
                web.post("/education", self._education),
                web.post("/phone", self._phone_in),
                web.get("/received", self._received),
                web.get("/behaviour", self._behaviour),
                web.post("/behaviour", self._behave),
            ]
        )
        return app

    async def _police(self, request: web.Request) -> web.StreamResponse:
        return await self._webhook_in(LinkName.POLICE, request)

    async def _education(self, request: web.Request) -> web.StreamResponse:
        return await self._webhook_in(LinkName.EDUCATION, request)

    async def _received(self, request: web.Request) -> web.Response:
        taken = {link.value: msgspec.to_builtins(list(book.received)) for link, book in self.books.items()}
        return _json({**taken, "phone": list(self.phone)})

    async def _behaviour(self, request: web.Request) -> web.Response:
        return _json(
            {
                link.value: {
                    "mode": set_to.mode.value,
                    "seconds": set_to.seconds,
                    "attempts": self.attempts[link],
                    "bad_signatures": self.bad_signatures.get(link, 0),
                }
                for link, set_to in self.behaviour.items()
            }
        )

    async def _behave(self, request: web.Request) -> web.Response:
        try:
            wanted = LinkBehaviour.model_validate_json(await request.read())
        except ValidationError as error:
            return _json({"detail": error.errors(include_url=False, include_context=False)}, 422)
        self.behaviour[wanted.link] = wanted
        self._changed.set()  # whoever hangs now is let go
        self._changed = asyncio.Event()
        return _json(wanted.model_dump(mode="json"))

    async def _webhook_in(self, link: LinkName, request: web.Request) -> web.StreamResponse:
        self.attempts[link] += 1
        raw = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            body = self._webhooks[link].verify(raw, headers)
        except (WebhookVerificationError, ValueError) as error:  # ValueError: malformed header, base64, UTF-8, JSON
            self.bad_signatures[link] += 1
            log.warning("signature_refused", link=link.value, error=str(error))
            return _problem(401, f"signature: {error}")
        if not isinstance(body, dict):
            return _problem(400, "the body is not a JSON object")
        refused = await self._misbehave(link)
        if refused is not None:
            return refused
        webhook_id = headers["webhook-id"]
        receipt, new = self.books[link].take(webhook_id, body, self._clock.now())
        self._say(alarm_line(link.value, receipt, body, new=new, language=self._language))
        mode = self.behaviour[link].mode
        if mode is Mode.LOSE:
            return await _broken_off(request)
        if mode is Mode.WRONG_RECEIPT:
            receipt = msgspec.structs.replace(receipt, webhook_id="msg_of_somebody_else")
        return _json(msgspec.to_builtins(receipt))

    async def _phone_in(self, request: web.Request) -> web.StreamResponse:
        self.attempts[LinkName.PHONE] += 1
        raw = await request.read()
        try:
            notice = msgspec.json.decode(raw, type=dict[str, Any])
        except msgspec.DecodeError as error:
            return _problem(400, str(error))
        refused = await self._misbehave(LinkName.PHONE)
        if refused is not None:
            return refused
        self.phone.append({**notice, "received_at": self._clock.now().isoformat()})
        self._say(phone_line(notice, self._clock.now(), language=self._language))
        if self.behaviour[LinkName.PHONE].mode is Mode.LOSE:
            return await _broken_off(request)
        return _json({"status": "ok"})

    async def _misbehave(self, link: LinkName) -> web.Response | None:
        """Wait where the mode says so; an answer when nothing is to be taken."""
        set_to = self.behaviour[link]
        match set_to.mode:
            case Mode.SLOW:
                await self._wait(set_to.seconds)
            case Mode.HANG:
                await self._wait(set_to.seconds)
                return _problem(503, "hung")
            case Mode.REFUSE:
                return _problem(403, "refused")
            case Mode.ERROR500:
                return _problem(500, "broken")
        return None

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes any free one. :raises SimulatorError: the address is taken or not ours."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SimulatorError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from error


@asynccontextmanager
async def serving(application: web.Application, listening: socket.socket) -> AsyncIterator[None]:
    """``application`` answers on ``listening`` inside; a link that hangs does not hold the end up."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0, handle_signals=False)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()


async def serve(receivers: Receivers, listening: socket.socket) -> None:
    """Serve until cancelled or signalled."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with serving(receivers.application(), listening):
        await ended.wait()


@web.middleware
async def _say_what_is_wrong(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Errors as JSON, as the answers are."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _problem(error.status, error.reason)


async def _broken_off(request: web.Request) -> web.StreamResponse:
    """Promise a body and cut the connection in the middle of it."""
    answer = web.StreamResponse(headers={"content-length": "64"})
    await answer.prepare(request)
    await answer.write(b"{")
    if request.transport is not None:
        request.transport.close()
    return answer


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def _webhook(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except Exception as error:  # the package raises a bare one for an empty secret and binascii's for bad base64
        raise SimulatorError("the secret must be whsec_ and base64, as the link's settings have it") from error


def _problem(status: int, detail: str) -> web.Response:
    return _json({"detail": detail}, status)
