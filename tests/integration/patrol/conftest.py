from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from storage.pool import Connection, connect
from tests.integration.storage.kept import conn as conn
from tests.integration.storage.kept import empty
from tests.integration.storage.kept import kept_database as kept_database
from tests.servers import Template


@pytest.fixture(scope="module")
def plain_kept(postgres_template: Template) -> Iterator[str]:
    """The same on plain PostgreSQL alone, for what is not about the database."""
    with postgres_template.clone() as dsn:
        yield dsn


@pytest.fixture
async def plain_conn(plain_kept: str) -> AsyncIterator[Connection]:
    connection = await connect(plain_kept, name="test")
    await empty(connection)
    yield connection
    await connection.close()
