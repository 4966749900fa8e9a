"""What writers of the registry share. Every change writes an audit entry and gives notice on `NoticeChannel.REGISTRY`.
Writers queue up behind one advisory lock, so that two imports never see half of each other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

import psycopg

from domain.errors import EntryRefused, RegistryError
from storage.audit_trail import asked_from
from storage.notices import NoticeChannel, notify
from storage.pool import Connection

_WRITER_LOCK = 0x63775F726567  # "cw_reg"


class Changes(NamedTuple):
    """How many rows a bulk change touched, and how many it found as they should be."""

    added: int
    changed: int
    unchanged: int


@asynccontextmanager
async def writing(conn: Connection) -> AsyncIterator[None]:
    """A (nested) transaction that waits for other writers and turns refusals of the tables into ours."""
    try:
        async with conn.transaction():
            await conn.execute("SELECT pg_advisory_xact_lock(%s)", (_WRITER_LOCK,))
            yield
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name == "guard_card":
            raise EntryRefused("card", "another guard of this site has this card") from error
        raise RegistryError(f"twice the same: {error.diag.message_detail or error}") from error
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        raise RegistryError(f"a value is not allowed: {error.diag.message_primary or error}") from error


async def stage(conn: Connection, create: LiteralString, copy: LiteralString, rows: Iterable[Sequence[Any]]) -> None:
    await conn.execute(create)
    async with conn.cursor() as cursor, cursor.copy(copy) as copying:
        for row in rows:
            await copying.write_row(row)


async def audited(conn: Connection, query: LiteralString, actor: str, at: datetime, added: str = "") -> Changes:
    cursor = await conn.execute(query, {"actor": actor, "at": at, "added": added, "origin": asked_from.get()})
    row = await cursor.fetchone()
    assert row is not None  # an aggregate always answers with one row
    changes = Changes(*row)
    if changes.added or changes.changed:
        await notify(conn, NoticeChannel.REGISTRY)
    return changes
