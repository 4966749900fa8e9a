"""Running the application under uvicorn, with the role in charge of when it ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

#: Seconds that open connections get to finish; with what uvicorn needs besides, `serve` ends within two.
GRACE_S = 1
#: Viewers that take nothing any more are given up by the kernel after this long.
STALLED_MS = 30_000


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the role decides."""
        yield


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens on ``host``; port 0 is any free one.

    :raises OSError: the address is taken or not ours.
    """
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    sock = socket.create_server(address[:2], family=family, backlog=1024)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
    # Connections inherit it. asyncio sets it only where the socket names its protocol, which these do not; without it
    # the body of a short answer waits 40 ms for the client to acknowledge the head.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


async def serve(app: FastAPI, host: str, port: int, *, on_listening: Callable[[int], None] | None = None) -> None:
    """Serve until cancelled; then end within two seconds, viewers or not.

    ``on_listening`` is told the port once requests are answered.

    :raises OSError: the address is taken or not ours.
    """
    sock = listening_socket(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_per_message_deflate=False,  # compressing for each viewer anew would cost twice the rest
        ws_max_size=4096,  # viewers have nothing to say
        timeout_graceful_shutdown=GRACE_S,
        lifespan="on",
    )
    port = sock.getsockname()[1]
    server = _Server(config, lambda: on_listening(port) if on_listening else None)
    running = asyncio.create_task(server.serve(sockets=[sock]), name="uvicorn")
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        server.should_exit = True
        await asyncio.wait({running}, timeout=2 * GRACE_S)
        raise
    finally:
        if not running.done():
            running.cancel()
        sock.close()
