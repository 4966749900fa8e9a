"""Idempotency keys: a request that is sent again under its key is done once, in whichever process it arrives."""

from __future__ import annotations

from datetime import datetime

from domain.errors import KeyReused
from storage.pool import Connection


async def first_time(conn: Connection, key: str, fingerprint: bytes, *, at: datetime) -> bool:
    """Whether this key is new, inside the transaction that does what is asked. Where another process is doing the same
    at this moment, its end is waited for.

    :raises KeyReused: the key came with another request.
    """
    cursor = await conn.execute(
        "INSERT INTO action_key (key, fingerprint, at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (key, fingerprint, at),
    )
    if cursor.rowcount:
        return True
    cursor = await conn.execute("SELECT fingerprint FROM action_key WHERE key = %s", (key,))
    row = await cursor.fetchone()
    if row is not None and bytes(row[0]) != fingerprint:
        raise KeyReused
    return False
