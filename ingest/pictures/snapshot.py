"""Snapshots over HTTP: one GET, its time and size bounded, credentials by digest or basic, no redirect followed.

Credentials go to the camera alone: they are in no URL, and nobody is sent on with them.
"""

from __future__ import annotations

import asyncio
import base64
from types import TracebackType

import aiohttp
from aiohttp import hdrs

from domain.camera import CameraSource
from domain.clock import Clock
from ingest.pictures.taken import MOST_BYTES, NoPicture, TakenPicture


class Snapshots:
    """``async with``; then `take`, as many at once as are wanted."""

    def __init__(self, clock: Clock, *, timeout_s: float, verify_tls: bool = True) -> None:
        self._clock = clock
        self.timeout_s = timeout_s
        self._verify_tls = verify_tls

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
        status, offered, jpeg = await self._get(source)
        if status == 401 and source.username:
            if "digest" in offered:
                digest = aiohttp.DigestAuthMiddleware(source.username, source.password)
                status, _, jpeg = await self._get(source, middlewares=(digest,))
            elif "basic" in offered:
                basic = base64.b64encode(f"{source.username}:{source.password}".encode()).decode()
                status, _, jpeg = await self._get(source, headers={hdrs.AUTHORIZATION: f"Basic {basic}"})
        if status in (401, 403):
            raise NoPicture("unauthorized", answered=True)
        if status != 200:
            raise NoPicture("http", answered=True)
        return TakenPicture(jpeg=jpeg, at=self._clock.now())

    async def _get(self, source: CameraSource, **more: object) -> tuple[int, str, bytes]:
        half = aiohttp.ClientTimeout(sock_connect=self.timeout_s / 2)
        async with self._session.get(source.url, allow_redirects=False, timeout=half, **more) as answer:  # type: ignore[arg-type]
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
