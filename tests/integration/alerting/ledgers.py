"""What stands in the database, as tests want to ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from storage.pool import Connection


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
