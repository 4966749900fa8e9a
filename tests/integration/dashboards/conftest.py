from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from dashboards.app import create_app
from storage.pool import KeptPool, open_pool
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder, web_settings
from tests.integration.dashboards.district import District, SetClock


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """What was logged; kept from being rendered, which takes seconds for a stack trace."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def district(database: str) -> Iterator[District]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield District(connection)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def pool(database: str) -> AsyncIterator[KeptPool]:
    async with open_pool(database, name="web") as opened:
        yield opened


@pytest.fixture
def desk(pool: KeptPool, clock: SetClock) -> Desk:
    return Desk(pool, clock)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def replayer() -> Replayer:
    return Replayer()


@pytest.fixture
def app(
    database: str, pool: KeptPool, desk: Desk, clock: SetClock, registry: CollectorRegistry, replayer: Replayer
) -> FastAPI:
    return create_app(
        pool=pool,
        desk=desk,
        registrar=Registrar(pool, clock),
        replayer=replayer,
        assessor=assessor(pool, clock),
        responder=responder(pool, clock),
        settings=web_settings(database),
        clock=clock,
        version="0.1.0",
        registry=registry,
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as opened:
        yield opened
