"""Servers of a test's own, because these tests stop and kill them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from campuswatch.embedded import EmbeddedBroker, EmbeddedPostgres
from tests.servers import free_port, open_directory


@pytest.fixture
def directory() -> Iterator[Path]:
    with open_directory() as path:
        yield path


@pytest.fixture
async def postgres(directory: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Started, with the settings that it ships with."""
    server = EmbeddedPostgres(directory / "postgres")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def own_broker(directory: Path) -> AsyncIterator[EmbeddedBroker]:
    server = EmbeddedBroker(directory / "broker", port=free_port(), v5_port=free_port())
    await server.start()
    yield server
    await server.stop()
