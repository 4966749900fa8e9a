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
import socket
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec
import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.types import Receive, Scope, Send

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


class BrokenOff(Response):
    """Promises a body, never sends it: the server then cuts the connection in the middle of the answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"64")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


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

    def application(self) -> FastAPI:
        app = FastAPI(title="campuswatch simulated receivers", openapi_url=None)

        @app.post("/police")
        async def police(request: Request) -> Response:
            return await self._webhook_in(LinkName.POLICE, request)

        @app.post("/education")
        async def education(request: Request) -> Response:
            return await self._webhook_in(LinkName.EDUCATION, request)

        @app.post("/phone")
        async def phone(request: Request) -> Response:
            return await self._phone_in(request)

        @app.get("/received")
        async def received() -> dict[str, Any]:
            taken = {link.value: msgspec.to_builtins(list(book.received)) for link, book in self.books.items()}
            return {**taken, "phone": list(self.phone)}

        @app.get("/behaviour")
        async def behaviour() -> dict[str, Any]:
            return {
                link.value: {
                    "mode": set_to.mode.value,
                    "seconds": set_to.seconds,
                    "attempts": self.attempts[link],
                    "bad_signatures": self.bad_signatures.get(link, 0),
                }
                for link, set_to in self.behaviour.items()
            }

        @app.post("/behaviour")
        async def behave(wanted: LinkBehaviour) -> LinkBehaviour:
            self.behaviour[wanted.link] = wanted
            self._changed.set()  # whoever hangs now is let go
            self._changed = asyncio.Event()
            return wanted

        return app

    async def _webhook_in(self, link: LinkName, request: Request) -> Response:
        self.attempts[link] += 1
        raw = await request.body()
        if len(raw) > BODY_BOUND:
            return _problem(413, "too large")
        try:
            body = self._webhooks[link].verify(raw, dict(request.headers))
        except (WebhookVerificationError, ValueError) as error:  # ValueError: malformed header, base64, UTF-8, JSON
            self.bad_signatures[link] += 1
            log.warning("signature_refused", link=link.value, error=str(error))
            return _problem(401, f"signature: {error}")
        if not isinstance(body, dict):
            return _problem(400, "the body is not a JSON object")
        refused = await self._misbehave(link)
        if refused is not None:
            return refused
        webhook_id = request.headers["webhook-id"]
        receipt, new = self.books[link].take(webhook_id, body, self._clock.now())
        self._say(alarm_line(link.value, receipt, body, new=new, language=self._language))
        mode = self.behaviour[link].mode
        if mode is Mode.LOSE:
            return BrokenOff()
        if mode is Mode.WRONG_RECEIPT:
            receipt = msgspec.structs.replace(receipt, webhook_id="msg_of_somebody_else")
        return JSONResponse(msgspec.to_builtins(receipt))

    async def _phone_in(self, request: Request) -> Response:
        self.attempts[LinkName.PHONE] += 1
        raw = await request.body()
        if len(raw) > BODY_BOUND:
            return _problem(413, "too large")
        try:
            notice = msgspec.json.decode(raw, type=dict[str, Any])
        except msgspec.DecodeError as error:
            return _problem(400, str(error))
        refused = await self._misbehave(LinkName.PHONE)
        if refused is not None:
            return refused
        self.phone.append({**notice, "received_at": self._clock.now().isoformat()})
        self._say(phone_line(notice, self._clock.now(), language=self._language))
        return BrokenOff() if self.behaviour[LinkName.PHONE].mode is Mode.LOSE else JSONResponse({"status": "ok"})

    async def _misbehave(self, link: LinkName) -> Response | None:
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


async def serve(receivers: Receivers, listening: socket.socket) -> None:
    """Serve until cancelled or signalled; a link that hangs does not hold the end up."""
    config = uvicorn.Config(
        receivers.application(),
        log_level="critical",  # each answer that `lose` breaks off would be reported as uvicorn's own error
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    await uvicorn.Server(config).serve(sockets=[listening])


def _webhook(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except Exception as error:  # the package raises a bare one for an empty secret and binascii's for bad base64
        raise SimulatorError("the secret must be whsec_ and base64, as the link's settings have it") from error


def _problem(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status_code=status)
