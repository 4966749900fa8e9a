"""What stands in the database, as tests want to ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from alerting.desk import Desk
from alerting.escalator import Escalator
from storage.pool import Connection
from tests.unit.alerting.findings import NOW, SetClock


async def rows(conn: Connection, statement: str, *values: object) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()


async def incidents(conn: Connection) -> list[dict[str, Any]]:
    return await rows(conn, "SELECT * FROM incident ORDER BY number")


async def deliveries(conn: Connection, incident_id: UUID | None = None) -> list[dict[str, Any]]:
    return await rows(
        conn,
        "SELECT * FROM delivery WHERE %s::uuid IS NULL OR incident_id = %s ORDER BY created_at, notice, recipient",
        incident_id,
        incident_id,
    )


async def timeline(conn: Connection, incident_id: UUID) -> list[str]:
    found = await rows(conn, "SELECT kind FROM incident_entry WHERE incident_id = %s ORDER BY entry_no", incident_id)
    return [row["kind"] for row in found]


class _One:
    """A pool of the one connection that a test has."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        yield self._conn


async def escalate(conn: Connection, desk: Desk, *, at: datetime = NOW) -> int:
    """Have an escalator do all that is due at ``at``; how many incidents it had in hand."""
    escalator = Escalator(pool=_One(conn), desk=desk, clock=SetClock(at), wake=asyncio.Event())
    done = 0
    while more := await escalator.work_off():
        done += more
    return done


async def put_on_duty(
    conn: Connection, leader: str, starts_at: datetime, ends_at: datetime, *, language: str = "zh"
) -> int:
    found = await rows(
        conn,
        "INSERT INTO duty_shift (leader, contacts, language, starts_at, ends_at) VALUES (%s, %s, %s, %s, %s)"
        " RETURNING shift_no",
        leader,
        ["json://127.0.0.1:1/phone"],
        language,
        starts_at,
        ends_at,
    )
    return int(found[0]["shift_no"])


async def until(condition: Callable[[], Awaitable[bool]], *, within_s: float = 10.0) -> None:
    """Wait for ``condition``; fails where it does not come true."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - the other side of it is a database
            await asyncio.sleep(0.01)


async def until_true(condition: Callable[[], bool], *, within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - nobody there to set an event
            await asyncio.sleep(0.005)
