from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devices.formats.decode import Decoder
from storage.pool import Connection, connect
from tests.integration.embedded.subscriber import Subscriber
from tests.integration.ingest.school import Devices, register
from tests.integration.storage.kept import empty
from tests.servers import Template


@pytest.fixture(scope="module", params=["mosquitto and timescaledb", "embedded and postgresql"])
def surroundings(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """URL of a broker and DSN of the module's database. Both of each kind; not every pair, for time's sake."""
    broker, _, database = request.param.partition(" and ")
    url: str = request.getfixturevalue({"mosquitto": "mosquitto", "embedded": "embedded_broker"}[broker])
    template: Template = request.getfixturevalue(
        {"postgresql": "postgres_template", "timescaledb": "timescale_template"}[database]
    )
    with template.clone() as dsn:
        yield url, dsn


@pytest.fixture
def url(surroundings: tuple[str, str]) -> str:
    return surroundings[0]


@pytest.fixture
def dsn(surroundings: tuple[str, str]) -> str:
    return surroundings[1]


@pytest.fixture
async def conn(dsn: str) -> AsyncIterator[Connection]:
    connection = await connect(dsn, name="test")
    await empty(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def decoder(conn: Connection) -> Decoder:
    return await register(conn)


@pytest.fixture
def devices(url: str) -> Iterator[Devices]:
    speaking = Devices(url)
    yield speaking
    speaking.close()


@pytest.fixture
def client_id(url: str) -> Iterator[str]:
    """A session of this test's own, which the broker forgets afterwards."""
    name = f"lane-{secrets.token_hex(6)}"
    yield name
    Subscriber(url, name, clean=True).close()


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    return tmp_path / "journal"
