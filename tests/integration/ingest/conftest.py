from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devices.formats.decode import Decoder
from devices.formats.topic import ALARM_FILTERS, BULK_FILTERS
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


def _enrolled(url: str, filters: tuple[str, ...]) -> Iterator[str]:
    """The id of a session that the broker knows before the lane comes, and forgets after the test."""
    name = f"lane-{secrets.token_hex(6)}"
    first = Subscriber(url, name)
    for topic_filter in filters:
        first.subscribe(topic_filter)
    first.close()
    yield name
    Subscriber(url, name, clean=True).close()


@pytest.fixture
def bulk_client(url: str) -> Iterator[str]:
    yield from _enrolled(url, BULK_FILTERS)


@pytest.fixture
def alarm_client(url: str) -> Iterator[str]:
    yield from _enrolled(url, ALARM_FILTERS)


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    return tmp_path / "journal"
