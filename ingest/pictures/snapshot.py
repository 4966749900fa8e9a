"""Snapshots over HTTP: one GET, its time and size bounded, credentials by digest or basic, no redirect followed.

Credentials go to the camera alone: they are in no URL, and nobody is sent on with them.
"""

from __future__ import annotations

import asyncio
import base64
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import hdrs

from domain.camera import CameraSource
from domain.clock import Clock
from ingest.pictures.taken import MOST_BYTES, NoPicture, TakenPicture

#: Cameras of which it is kept how they want the password; a province's worth.
MOST_KNOWN = 100_000


class Snapshots:
    """``async with``; then `take`, as many at once as are wanted."""

    def __init__(self, clock: Clock, *, timeout_s: float, verify_tls: bool = True) -> None:
        self._clock = clock
        self.timeout_s = timeout_s
        self._verify_tls = verify_tls
        #: How a camera wanted to be told the password: a picture costs one request then, and not three.
        self._known: dict[CameraSource, dict[str, Any]] = {}

    async def __aenter__(self) -> Snapshots:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True, ssl=bool(self._verify_tls)),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a few bytes may unpack to anything
            headers={hdrs.ACCEPT: "image/jpeg", hdrs.USER_AGENT: "campuswatch"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def take(self, source: CameraSource) -> TakenPicture:
        """:raises NoPicture: after the time-out at the latest."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._take(source)
        except NoPicture:
            raise
        except aiohttp.ClientConnectorDNSError as error:
            raise NoPicture("unresolved", answered=False) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise NoPicture("timeout", answered=False) from error
        except aiohttp.ClientConnectorError as error:
            raise NoPicture("refused", answered=False) from error
        except TimeoutError as error:
            raise NoPicture("timeout", answered=True) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # No HTTP, a connection that broke off, an address that is none.
            raise NoPicture("broken", answered=True) from error

    async def _take(self, source: CameraSource) -> TakenPicture:
        status, offered, jpeg = await self._get(source, **self._known.get(source, {}))
        # Who was known and is refused now is not asked again at once: cameras lock out who errs too often.
        unknown = self._known.pop(source, None) is None if status == 401 else False
        if unknown and source.username and (proof := _proof(source, offered)):
            status, _, jpeg = await self._get(source, **proof)
            if status == 200:
                self._remember(source, proof)
        if status in (401, 403):
            raise NoPicture("unauthorized", answered=True)
        if status != 200:
            raise NoPicture("http", answered=True)
        return TakenPicture(jpeg=jpeg, at=self._clock.now())

    def _remember(self, source: CameraSource, proof: dict[str, Any]) -> None:
        while len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[source] = proof

    async def _get(self, source: CameraSource, **more: Any) -> tuple[int, str, bytes]:
        half = aiohttp.ClientTimeout(sock_connect=self.timeout_s / 2)
        async with self._session.get(source.url, allow_redirects=False, timeout=half, **more) as answer:
            offered = ",".join(answer.headers.getall(hdrs.WWW_AUTHENTICATE, [])).lower()
            if answer.status != 200:
                return answer.status, offered, b""
            if (answer.content_length or 0) > MOST_BYTES:
                raise NoPicture("too_large", answered=True)
            pieces, size = [], 0
            async for piece in answer.content.iter_any():
                size += len(piece)
                if size > MOST_BYTES:
                    raise NoPicture("too_large", answered=True)
                pieces.append(piece)
            return answer.status, offered, b"".join(pieces)


def _proof(source: CameraSource, offered: str) -> dict[str, Any]:
    """What a request needs beside its address, by what the camera asks for; empty: it is nothing that we know."""
    if "digest" in offered:
        return {"middlewares": (aiohttp.DigestAuthMiddleware(source.username, source.password),)}
    if "basic" in offered:
        basic = base64.b64encode(f"{source.username}:{source.password}".encode()).decode()
        return {"headers": {hdrs.AUTHORIZATION: f"Basic {basic}"}}
    return {}
