"""Fixtures that start real servers, once a session each.

==================  ====================================================================================
fixture             what it gives
==================  ====================================================================================
database            DSN of a fresh migrated database, once on plain PostgreSQL and once on TimescaleDB
plain_database      the same on plain PostgreSQL alone
timescale_database  the same on TimescaleDB alone
database_server     the server behind `database`
broker              URL of an MQTT broker, once Mosquitto and once the embedded one
mosquitto           URL of Mosquitto
embedded_broker     URL of the embedded broker
==================  ====================================================================================

Brokers are shared by the tests of a session: use client ids and sites of your own. A test that stops a server makes one
of its own from `tests.servers`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from campuswatch.embedded import EmbeddedBroker
from tests.servers import (
    DatabaseServer,
    MissingPart,
    Mosquitto,
    PlainPostgres,
    Template,
    TimescalePostgres,
    free_port,
    open_directory,
)

# A busy machine is no fault of what is tested, and what failed once has to fail again.
settings.register_profile("anywhere", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anywhere")


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """Where the servers of this session keep their files; other accounts may pass through it."""
    with open_directory(in_memory=True) as path:
        yield path


@contextmanager
def _running(server: DatabaseServer | Mosquitto) -> Iterator[None]:
    try:
        server.start()
    except MissingPart as missing:
        server.stop()
        pytest.fail(str(missing), pytrace=False)
    except BaseException:
        server.stop()
        raise
    try:
        yield
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgres_server(server_directory: Path) -> Iterator[DatabaseServer]:
    server = PlainPostgres(server_directory)
    with _running(server):
        yield server


@pytest.fixture(scope="session")
def timescale_server(server_directory: Path) -> Iterator[DatabaseServer]:
    server = TimescalePostgres(server_directory)
    with _running(server):
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: DatabaseServer) -> Template:
    template = Template(postgres_server)
    template.create()
    return template


@pytest.fixture(scope="session")
def timescale_template(timescale_server: DatabaseServer) -> Template:
    template = Template(timescale_server)
    template.create()
    return template


@pytest.fixture(scope="session", params=["postgresql", "timescaledb"])
def database_server(request: pytest.FixtureRequest) -> DatabaseServer:
    name = {"postgresql": "postgres_server", "timescaledb": "timescale_server"}[request.param]
    server: DatabaseServer = request.getfixturevalue(name)
    return server


@pytest.fixture
def database(request: pytest.FixtureRequest, database_server: DatabaseServer) -> Iterator[str]:
    name = {"postgresql": "postgres_template", "timescaledb": "timescale_template"}[database_server.kind]
    template: Template = request.getfixturevalue(name)
    with template.clone() as dsn:
        yield dsn


@pytest.fixture
def plain_database(postgres_template: Template) -> Iterator[str]:
    with postgres_template.clone() as dsn:
        yield dsn


@pytest.fixture
def timescale_database(timescale_template: Template) -> Iterator[str]:
    with timescale_template.clone() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def mosquitto(server_directory: Path) -> Iterator[str]:
    server = Mosquitto(server_directory)
    with _running(server):
        yield server.url


@pytest.fixture(scope="session")
def embedded_broker(server_directory: Path) -> Iterator[str]:
    server = EmbeddedBroker(server_directory / "broker", port=free_port())
    asyncio.run(server.start())
    try:
        yield server.url
    finally:
        asyncio.run(server.stop())


@pytest.fixture(scope="session", params=["mosquitto", "embedded"])
def broker(request: pytest.FixtureRequest) -> str:
    name = {"mosquitto": "mosquitto", "embedded": "embedded_broker"}[request.param]
    url: str = request.getfixturevalue(name)
    return url
