from __future__ import annotations

import asyncio

import psycopg
import pytest

from domain.errors import StorageError, StorageUnavailable
from storage.pool import Connection, connect, open_pool, wrapped_errors
from tests.integration.dashboards.line import Line

NOWHERE = "postgresql://nobody:x@127.0.0.1:1/nothing"


@pytest.mark.parametrize("steps", range(8))
async def test_a_cancellation_that_meets_its_connection_is_not_lost(kept_database: str, steps: int) -> None:
    async with open_pool(kept_database, name="test", max_size=1) as pool:
        reached = asyncio.Event()

        async def work() -> None:
            async with pool.connection():
                reached.set()
                await asyncio.Event().wait()

        async with pool.connection():
            waiting = asyncio.create_task(work())
            for _ in range(5):
                await asyncio.sleep(0)
        for _ in range(steps):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, 5)
        async with asyncio.timeout(5), pool.connection() as conn:
            await conn.execute("SELECT 1")


async def test_a_pool_comes_up_while_the_database_is_away_and_says_so() -> None:
    async with open_pool(NOWHERE, name="test") as pool:
        with pytest.raises(StorageUnavailable):
            async with wrapped_errors(), pool.connection(timeout=0.2):
                raise AssertionError("there is no database")


async def test_a_pool_works_again_after_its_connections_were_cut(kept_database: str) -> None:
    async with Line(kept_database).open() as line, open_pool(line.dsn, name="test", max_size=2) as pool:
        await pool.wait()
        line.cut()
        with pytest.raises(StorageUnavailable):
            async with wrapped_errors(), pool.connection(timeout=1) as conn:
                await conn.execute("SELECT 1")
        line.mend()
        async with asyncio.timeout(10):
            while True:
                try:
                    async with wrapped_errors(), pool.connection() as conn:
                        await conn.execute("SELECT 1")
                    break
                except StorageUnavailable:
                    continue


async def test_nobody_there_is_away_and_not_refused() -> None:
    with pytest.raises(StorageUnavailable):
        await connect(NOWHERE, name="test")


async def test_times_leave_the_database_as_utc_whatever_its_own_zone_is(kept_database: str) -> None:
    conn = await connect(kept_database, name="test")
    await conn.execute("SELECT 1")
    cursor = await conn.execute("SELECT TIMESTAMPTZ '2026-03-02 09:30:00+08'")
    row = await cursor.fetchone()
    assert row is not None
    assert row[0].isoformat() == "2026-03-02T01:30:00+00:00"
    await conn.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1/0",
        "SELECT 'x'::jsonb",
        "INSERT INTO site (site_id, name, kind) VALUES ('UPPER', 'x', 'primary')",
        # Larger than an index entry may be: no waiting helps.
        "INSERT INTO rule_state SELECT string_agg(md5(n::text), ''), 1, '{}', now() FROM generate_series(1, 999) AS n",
    ],
)
async def test_what_the_database_will_never_take_is_refused_and_not_away(conn: Connection, statement: str) -> None:
    with pytest.raises(StorageError) as refused:
        async with wrapped_errors():
            await conn.execute(statement.encode())
    assert not isinstance(refused.value, StorageUnavailable)


async def test_text_that_cannot_be_encoded_is_refused_and_not_a_crash(conn: Connection) -> None:
    with pytest.raises(StorageError):
        async with wrapped_errors():
            await conn.execute("SELECT %s", ("\ud800",))


async def test_a_connection_that_was_ended_by_the_server_is_away(kept_database: str) -> None:
    conn = await connect(kept_database, name="test")
    with psycopg.connect(kept_database, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
    with pytest.raises(StorageUnavailable):
        async with wrapped_errors():
            await conn.execute("SELECT 1")
    await conn.close()


async def test_a_standby_that_has_not_taken_over_yet_is_away(conn: Connection) -> None:
    await conn.execute("SET default_transaction_read_only = on")
    with pytest.raises(StorageUnavailable):
        async with wrapped_errors():
            await conn.execute("DELETE FROM rule_state")


async def test_nobody_waits_for_ever_for_a_row_that_somebody_holds(kept_database: str) -> None:
    """A process that hangs in the middle of a transaction must not hold up an alarm on the same incident."""
    one, other = await connect(kept_database, name="one"), await connect(kept_database, name="other")
    try:
        async with one.transaction():
            await one.execute("SELECT pg_advisory_xact_lock(20261122)")
            with pytest.raises(StorageUnavailable, match="lock timeout"):
                async with wrapped_errors(), asyncio.timeout(60):
                    await other.execute("SELECT pg_advisory_xact_lock(20261122)")
        cursor = await one.execute("SHOW idle_in_transaction_session_timeout")
        assert await cursor.fetchone() == ("10s",)
    finally:
        await one.close()
        await other.close()
