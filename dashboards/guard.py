"""At the door: whose pages may ask, how much may be sent, and what browsers are told to refuse.

A session's cookie goes with whatever a browser asks for, so a foreign page in an operator's browser is the attacker to
think of: DNS rebinding is stopped by ``Host``, cross-site requests and WebSockets by ``Origin``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.problems import problem_response

_TOO_LARGE = "The body is larger than anything this API takes."
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# Style attributes are what the charts' tooltips are made of; everything else comes from files of ours.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; style-src-attr 'unsafe-inline'; object-src 'none';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def host_name(authority: str) -> str:
    """Name or address out of ``name:port``, ``1.2.3.4:port`` or ``[::1]:port``; "" where it is none of them."""
    if authority.startswith("["):
        name, bracket, rest = authority[1:].partition("]")
    else:
        name, colon, port = authority.partition(":")
        bracket, rest = "]", colon + port
    if not bracket or not (rest == "" or (rest.startswith(":") and rest[1:].isdecimal())):
        return ""
    return name.lower()


def is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def same_origin(origin: str, authority: str) -> bool:
    """Does ``origin`` name the host and port of this very request? The scheme may differ behind a TLS proxy."""
    scheme, separator, rest = origin.lower().partition("://")
    default_port = {"http": ":80", "https": ":443"}.get(scheme)
    if not separator or default_port is None:
        return False
    return rest.removesuffix(default_port) == authority.lower().removesuffix(default_port)


#: Under this name the scope holds the server's own `send`. Between it and a WebSocket stand four layers that look at
#: each message; the stream's frames, hundreds at a time, have nothing in them to be looked at.
PLAIN_SEND = "campuswatch.plain_send"


class Guard:
    """ASGI middleware for Host, Origin, the size of a body, and headers on every answer."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Iterable[str],
        max_body_bytes: int,
        larger: Mapping[str, int] | None = None,
    ) -> None:
        """:param larger: how much more may be sent to paths of the API that end so."""
        self._app = app
        self._hosts = frozenset(host.lower().strip("[]") for host in hosts)
        self._max_body_bytes = max_body_bytes
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            scope[PLAIN_SEND] = send
        send = _with_headers(send, fresh_only=scope["path"].startswith(("/api/", "/metrics")))
        refusal = self._refusal(scope)
        if refusal is not None:
            await _answer(refusal, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._app(scope, self._bounded(receive, self._most_bytes(scope)), send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        name = host_name(hosts[0]) if len(hosts) == 1 else ""
        if not name or not (is_loopback(name) or name in self._hosts):
            return problem_response(400, "This server does not go by that name (Host).", name="wrong-host")
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        if changes and origin is not None and not same_origin(origin, hosts[0]):
            return problem_response(403, "Pages of another origin may not do this (Origin).", name="wrong-origin")
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._most_bytes(scope):
            return _too_large()
        return None

    def _most_bytes(self, scope: Scope) -> int:
        path = scope["path"]
        if scope["type"] == "http" and scope["method"] == "POST" and path.startswith("/api/"):
            return next((most for end, most in self._larger.items() if path.endswith(end)), self._max_body_bytes)
        return self._max_body_bytes

    def _bounded(self, receive: Receive, most_bytes: int) -> Receive:
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most_bytes:
                raise BodyTooLarge
            return message

        return bounded


class BodyTooLarge(HTTPException):
    """More came than ``Content-Length`` had said, or than is taken without it."""

    def __init__(self) -> None:
        super().__init__(413, _TOO_LARGE, headers={"connection": "close"})


def _too_large() -> Response:
    return problem_response(413, _TOO_LARGE, headers={"connection": "close"})


async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    await response(scope, receive, send)


def _with_headers(send: Send, *, fresh_only: bool) -> Send:
    async def decorated(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if fresh_only:
                headers.setdefault("cache-control", "no-store")
        await send(message)

    return decorated
