from __future__ import annotations

import asyncio
import signal
import socket
import time
from contextlib import AsyncExitStack

import pytest
from fastapi import FastAPI

from dashboards.server import listening_socket, serve
from tests.integration.dashboards.desks import web_settings
from tests.integration.dashboards.running import running


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


async def test_it_ends_within_two_seconds_of_being_cancelled_with_viewers_connected(database: str) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(web_settings(database)))
        client = await stack.enter_async_context(server.client())
        await client.get("/health")  # leaves a connection that is kept alive
        for _ in range(10):
            watcher = await stack.enter_async_context(server.watch())
            await watcher.frame()
        silent = socket.create_connection(("127.0.0.1", int(server.base.rsplit(":", 1)[-1])))
        stack.callback(silent.close)
        began = time.monotonic()
        server.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await server.task
        assert time.monotonic() - began < 2.5  # two seconds and a busy machine


async def test_signals_stay_with_the_program(database: str) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with running(web_settings(database)):
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_a_port_that_is_taken_is_an_error_and_not_an_exit(app: FastAPI) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve(app, "127.0.0.1", taken.getsockname()[1])


def test_a_connection_does_not_hold_back_the_body_of_a_short_answer() -> None:
    with (
        listening_socket("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_frames_are_not_compressed_for_each_viewer(database: str) -> None:
    async with running(web_settings(database)) as server:
        offer = {"Sec-WebSocket-Extensions": "permessage-deflate"}
        async with server.watch(additional_headers=offer) as watcher:
            assert watcher.connection.response is not None
            assert "sec-websocket-extensions" not in watcher.connection.response.headers


async def test_answers_do_not_name_the_server_software(database: str) -> None:
    async with running(web_settings(database)) as server, server.client() as client:
        assert "server" not in (await client.get("/health")).headers
