"""JSON over HTTP for whoever asks a control room or a far end something."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TypeVar

import aiohttp
import msgspec

from simulators.errors import WallRefused

T = TypeVar("T")

ANSWER_S = 10.0


class Asking:
    """One client for several questions. Used as ``async with``. ``token`` goes to the control room at ``wall`` and to
    nobody else.
    """

    def __init__(self, *, wall: str = "", token: str = "") -> None:
        self._wall = f"{wall.rstrip('/')}/api/" if wall and token else None
        self._token = token

    async def __aenter__(self) -> Asking:
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.close()

    async def get(self, url: str, expected: type[T]) -> T:
        """:raises WallRefused: no answer, a refusal, or an answer that is not like ``expected``."""
        answer = await self._ask("GET", url, None)
        try:
            return msgspec.json.decode(answer, type=expected)
        except msgspec.DecodeError as error:
            raise WallRefused(f"{url} is not what we take it for: {error}") from error

    async def post(self, url: str, body: object) -> None:
        """:raises WallRefused: no answer, or a refusal."""
        await self._ask("POST", url, msgspec.json.encode(body))

    async def put(self, url: str, body: object) -> None:
        """:raises WallRefused: no answer, or a refusal."""
        await self._ask("PUT", url, msgspec.json.encode(body))

    async def delete(self, url: str) -> None:
        """:raises WallRefused: no answer, or a refusal."""
        await self._ask("DELETE", url, None)

    async def post_signed(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """:raises WallRefused: no answer, or a refusal."""
        await self._ask("POST", url, body, headers)

    async def _ask(self, method: str, url: str, body: bytes | None, signed: Mapping[str, str] | None = None) -> bytes:
        headers = {} if body is None else {"content-type": "application/json", **(signed or {})}
        if self._wall is not None and url.startswith(self._wall):
            headers["authorization"] = f"Bearer {self._token}"
        try:
            async with self._client.request(method, url, data=body, headers=headers, allow_redirects=False) as answer:
                read = await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise WallRefused(f"{url} does not answer: {error or type(error).__name__}") from error
        if answer.status >= 300:
            raise WallRefused(f"{method} {url}: HTTP {answer.status} {read[:300].decode(errors='replace')}")
        return read
