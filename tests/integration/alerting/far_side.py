"""The other side of a link, as small as HTTP can be, and as ill-behaved as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec


@dataclass(frozen=True)
class Posted:
    headers: dict[str, str]
    body: bytes
    path: str = "/"

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]


Answer = Callable[[Posted, asyncio.StreamWriter], Awaitable[None]]


def reply(status: str, body: bytes, *more: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", *more])
    return f"{head}\r\n\r\n".encode() + body


def receipt(webhook_id: str, **fields: object) -> bytes:
    return msgspec.json.encode(
        {"webhook_id": webhook_id, "receipt_id": "JJ-0001", "received_at": "2026-03-02T09:30:00+08:00", **fields}
    )


class FarSide:
    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.url = ""
        self._answer: Answer = self._take

    def answers(self, answer: Answer | bytes) -> None:
        if isinstance(answer, bytes):
            fixed = answer

            async def say(_: Posted, writer: asyncio.StreamWriter) -> None:
                writer.write(fixed)

            self._answer = say
        else:
            self._answer = answer

    @staticmethod
    async def _take(posted: Posted, writer: asyncio.StreamWriter) -> None:
        writer.write(reply("200 OK", receipt(posted.webhook_id)))

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[FarSide]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/alarms"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers["content-length"]))
            posted = Posted(headers, body, head[0].split(" ")[1])
            self.posted.append(posted)
            await self._answer(posted, writer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort() if writer.is_closing() else writer.close()
