"""A network of our own between the roles and a server, so that it can be cut: silently, or with a reset."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

_PIECE = 65_536
#: Closing with this sends a reset instead of an orderly end.
_RESET = struct.pack("ii", 1, 0)

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Listener(Protocol):
    """Hears what the server says, and what it is told."""

    def said(self, piece: bytes) -> None: ...
    def heard(self, piece: bytes) -> None: ...


class Relay:
    """Forwards from a port on loopback to wherever ``connect`` leads; ``listen`` makes a listener for a connection."""

    def __init__(self, connect: Callable[[], Awaitable[Stream]], listen: Callable[[], Listener] | None = None) -> None:
        self._connect = connect
        self._listen = listen
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = False
        self._lines: set[asyncio.StreamWriter] = set()
        self._forwarding: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        self.reset()
        await asyncio.wait_for(asyncio.gather(*self._forwarding, return_exceptions=True), 5)

    def hold(self) -> None:
        """From now on nothing gets through, and nobody is told: a cable that was pulled."""
        self._flows.clear()

    def reset(self) -> None:
        """Every connection ends with a reset, and new ones too: a firewall that was restarted."""
        self._refuses = True
        self._flows.set()
        for line in list(self._lines):
            _break_off(line)

    def mend(self) -> None:
        self._refuses = False
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._forwarding.add(task)
        self._lines.add(writer)
        try:
            await self._flows.wait()
            if self._refuses:
                _break_off(writer)
                return
            with suppress(OSError):
                await self._join(reader, writer)
        finally:
            self._lines.discard(writer)
            self._forwarding.discard(task)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._connect()
        listener = self._listen() if self._listen else None
        self._lines.add(far_writer)
        there = self._forward(reader, far_writer, listener.heard if listener else None)
        back = self._forward(far_reader, writer, listener.said if listener else None)
        ways = [
            asyncio.create_task(there, name="relay: to the server"),
            asyncio.create_task(back, name="relay: back"),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._lines.discard(far_writer)
            far_writer.close()

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listen: Callable[[bytes], None] | None
    ) -> None:
        while True:
            piece = await reader.read(_PIECE)
            await self._flows.wait()
            if not piece:
                return
            if listen is not None:
                listen(piece)
            writer.write(piece)
            await writer.drain()


def _break_off(line: asyncio.StreamWriter) -> None:
    end = line.get_extra_info("socket")
    if end is not None and end.family != socket.AF_UNIX:
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    line.transport.abort()
