"""Messages on local disk, as they came: how a lane makes them safe without the database.

One thread does the disk's work in order, so that a slow disk never stops the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import TracebackType

import msgspec

from ingest.session import Inbound
from ingest.spool import Position, Spool


class _Kept(msgspec.Struct, array_like=True, frozen=True, gc=False):
    topic: bytes
    payload: bytes
    received_at: datetime
    retained: bool


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Kept)


class Journal:
    """A `Spool` of messages, used as ``async with``. Messages read back belong to no connection any more."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="journal")

    async def __aenter__(self) -> Journal:
        await asyncio.get_running_loop().run_in_executor(self._disk, self._spool.open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.get_running_loop().run_in_executor(self._disk, self._spool.close)
        self._disk.shutdown(wait=False)

    @property
    def records(self) -> int:
        """Messages that are on disk and not consumed."""
        return self._spool.records

    @property
    def size(self) -> int:
        """Bytes of them."""
        return self._spool.size

    @property
    def fill(self) -> float:
        """0 to 1: how much of the bound is used."""
        return self._spool.size / self._spool.most_bytes

    def append(self, messages: Sequence[Inbound]) -> asyncio.Future[Position]:
        """Make ``messages`` safe. Done = synced to disk; `SpoolFull` = none of them was kept."""
        records = [_ENCODER.encode(_Kept(m.topic, m.payload, m.received_at, m.retained)) for m in messages]
        return asyncio.get_running_loop().run_in_executor(self._disk, self._spool.append, records)

    async def peek(self, most: int) -> tuple[list[Inbound], Position]:
        """Up to ``most`` of the oldest messages, and the position to give to `consume`."""
        records, position = await asyncio.get_running_loop().run_in_executor(self._disk, self._spool.peek, most)
        kept = [_DECODER.decode(record) for record in records]
        return [Inbound(k.topic, k.payload, k.received_at, 0, 0, k.retained) for k in kept], position

    async def consume(self, position: Position, count: int) -> None:
        """``count`` messages up to ``position`` are safe in the database."""
        await asyncio.get_running_loop().run_in_executor(self._disk, self._spool.consume, position, count)
