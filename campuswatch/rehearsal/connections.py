"""Connections to the database without a clock: psycopg's pool tells its waits by the machine's, whatever ours says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from storage.pool import Connection, connect


class Connections:
    """A `storage.pool.Pool` that keeps what was given back and asks for another where nothing is kept. One that broke
    is given back to nobody, and neither are those that were kept beside it: the database was away.
    """

    def __init__(self, dsn: str, *, name: str) -> None:
        self._dsn = dsn
        self._name = name
        self._kept: list[Connection] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """:raises StorageUnavailable: the database is away."""
        conn = self._kept.pop() if self._kept else await connect(self._dsn, name=self._name)
        try:
            yield conn
        finally:
            if conn.broken:
                await self.close()
            if conn.broken or conn.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
                await conn.close()
            else:
                self._kept.append(conn)

    async def close(self) -> None:
        while self._kept:
            await self._kept.pop().close()


@asynccontextmanager
async def open_connections(dsn: str, *, name: str) -> AsyncIterator[Connections]:
    connections = Connections(dsn, name=name)
    try:
        yield connections
    finally:
        await connections.close()
