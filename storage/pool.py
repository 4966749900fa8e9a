"""Connections to the database: a pool for the many, a single kept one for a lane."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from domain.errors import StorageError, StorageUnavailable

Connection = psycopg.AsyncConnection[Any]
Pool = AsyncConnectionPool[Connection]

#: Seconds that a connection attempt may take before the database counts as away.
CONNECT_TIMEOUT_S = 5

_KEEPALIVE: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "options": "-c TimeZone=UTC",  # times leave the database as UTC, whatever the server's own zone is
}


@asynccontextmanager
async def wrapped_errors() -> AsyncIterator[None]:
    """psycopg's errors as ours: away (worth another try) or refused."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, OSError) as error:
        raise StorageUnavailable(f"the database cannot be reached: {error}") from error
    except psycopg.Error as error:
        raise StorageError(f"the database refused: {error}") from error


async def connect(dsn: str, *, name: str) -> Connection:
    """One autocommit connection of its own, shown as ``name`` in pg_stat_activity.

    :raises StorageUnavailable: nobody answers there.
    """
    async with wrapped_errors():
        return await psycopg.AsyncConnection.connect(
            dsn, autocommit=True, application_name=f"campuswatch {name}", **_KEEPALIVE
        )


@asynccontextmanager
async def open_pool(dsn: str, *, name: str, max_size: int = 4) -> AsyncIterator[Pool]:
    """A pool of autocommit connections; it comes up even while the database is away and reconnects by itself."""
    pool: Pool = AsyncConnectionPool(
        dsn,
        connection_class=psycopg.AsyncConnection[Any],
        kwargs={"autocommit": True, "application_name": f"campuswatch {name}", **_KEEPALIVE},
        min_size=1,
        max_size=max_size,
        timeout=CONNECT_TIMEOUT_S,
        reconnect_timeout=0,
        open=False,
        name=name,
    )
    await pool.open(wait=False)
    try:
        yield pool
    finally:
        await pool.close(timeout=2)
