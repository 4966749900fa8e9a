"""Connections to the database: a pool for the many, a single kept one for a lane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from domain.errors import StorageError, StorageUnavailable

Connection = psycopg.AsyncConnection[Any]


KeptPool = AsyncConnectionPool[Connection]


class Pool(Protocol):
    """Who needs a connection now and then takes one here."""

    def connection(self) -> AbstractAsyncContextManager[Connection]: ...


#: Seconds that a connection attempt may take before the database counts as away.
CONNECT_TIMEOUT_S = 5

_KEEPALIVE: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "options": (
        "-c TimeZone=UTC"  # times leave the database as UTC, whatever the server's own zone is
        # Whoever hangs in the middle of a transaction must not hold up an alarm on the same incident for ever.
        " -c idle_in_transaction_session_timeout=10s -c lock_timeout=5s"
    ),
}


#: psycopg counts these as operational, yet no waiting helps (SQLSTATE class 54).
_NEVER = (
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
    psycopg.errors.TooManyColumns,
    psycopg.errors.TooManyArguments,
)
#: Worth another try: what cannot be reached, and a standby that has not taken over yet.
_AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    PoolTimeout,
    OSError,
)


@asynccontextmanager
async def wrapped_errors() -> AsyncIterator[None]:
    """psycopg's errors as ours: away (worth another try) or refused."""
    try:
        yield
    except _NEVER as error:
        raise StorageError(f"the database refused: {error}") from error
    except _AWAY as error:
        raise StorageUnavailable(f"the database cannot be reached: {error}") from error
    except (psycopg.Error, UnicodeEncodeError) as error:
        raise StorageError(f"the database refused: {error}") from error


@asynccontextmanager
async def patience(seconds: float) -> AsyncIterator[None]:
    """A database that does not answer in time is away. Inside `wrapped_errors`, which takes the time-out for that."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise StorageUnavailable(f"the database did not answer within {seconds:g} s") from error


async def connect(dsn: str, *, name: str) -> Connection:
    """One autocommit connection of its own, shown as ``name`` in pg_stat_activity.

    :raises StorageUnavailable: nobody answers there.
    """
    async with wrapped_errors():
        return await psycopg.AsyncConnection.connect(
            dsn, autocommit=True, application_name=f"campuswatch {name}", **_KEEPALIVE
        )


class _CancellablePool(AsyncConnectionPool[Connection]):
    """Below Python 3.12 psycopg_pool waits with `asyncio.wait_for`, which swallows a cancellation that comes in the
    same moment as the connection; the loop that was to end would go on for ever.
    """

    async def getconn(self, timeout: float | None = None) -> Connection:
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        conn = await super().getconn(timeout)
        if task is not None and task.cancelling() > before:
            await self.putconn(conn)
            raise asyncio.CancelledError
        return conn


@asynccontextmanager
async def open_pool(dsn: str, *, name: str, max_size: int = 4) -> AsyncIterator[KeptPool]:
    """A pool of autocommit connections; it comes up even while the database is away and reconnects by itself."""
    pool = _CancellablePool(
        dsn,
        connection_class=psycopg.AsyncConnection[Any],
        kwargs={"autocommit": True, "application_name": f"campuswatch {name}", **_KEEPALIVE},
        min_size=1,
        max_size=max_size,
        timeout=CONNECT_TIMEOUT_S,
        reconnect_timeout=CONNECT_TIMEOUT_S,
        open=False,
        name=name,
    )
    await pool.open(wait=False)
    try:
        yield pool
    finally:
        await pool.close(timeout=2)
