"""Idempotency keys: a request that is sent again under its key is done once, in whichever process it arrives."""

from __future__ import annotations

from datetime import datetime

from domain.errors import KeyReused
from storage.pool import Connection


async def done_before(conn: Connection, key: str, fingerprint: bytes, *, at: datetime) -> str | None:
    """What came of the request when it was done before ("" = nothing to tell); None: it is new, and is to be done in
    this transaction. Where another process is doing the same at this moment, its end is waited for.

    :raises KeyReused: the key came with another request.
    """
    cursor = await conn.execute(
        "INSERT INTO action_key (key, fingerprint, at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (key, fingerprint, at),
    )
    if cursor.rowcount:
        return None
    cursor = await conn.execute("SELECT fingerprint, result FROM action_key WHERE key = %s", (key,))
    row = await cursor.fetchone()
    if row is None or bytes(row[0]) != fingerprint:
        raise KeyReused
    return str(row[1])


async def keep_result(conn: Connection, key: str, result: str) -> None:
    await conn.execute("UPDATE action_key SET result = %s WHERE key = %s", (result, key))
