"""A line to the database that can be cut, held and mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Line:
    """Forwards a local port to the server of a DSN."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._target = conninfo_to_dict(dsn)
        self._whole = asyncio.Event()
        self._whole.set()
        self._cut = False
        self._flowing: set[asyncio.Task[None]] = set()
        self._port = 0

    @property
    def dsn(self) -> str:
        return make_conninfo(self._dsn, host="127.0.0.1", port=self._port)

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._cut = True
        for task in self._flowing:
            task.cancel()

    def hold(self) -> None:
        """Pass nothing on any more, without breaking anything: a frozen server."""
        self._whole.clear()

    def mend(self) -> None:
        self._cut = False
        self._whole.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._flowing:
                task.cancel()
            await asyncio.gather(*self._flowing, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._flowing.add(task)
        try:
            if not self._cut:
                await self._join(reader, writer)
        except asyncio.CancelledError:
            pass  # cut; asyncio's own callback would complain about a cancelled handler
        finally:
            self._flowing.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = str(self._target.get("host")), self._target.get("port") or 5432
        if host.startswith("/"):
            far_reader, far_writer = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        try:
            ways = {
                asyncio.create_task(self._pump(reader, far_writer)),
                asyncio.create_task(self._pump(far_reader, writer)),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            far_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
