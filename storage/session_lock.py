"""A lock that a session holds as long as it lives: who patrols."""

from __future__ import annotations

from storage.pool import Connection

_PATROL = 0x63775F706174  # "cw_pat"


async def try_hold(conn: Connection) -> bool:
    """Whether this session holds the patrol's lock, now or already. Asking again is a sign of life."""
    cursor = await conn.execute(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        " AND ((classid::bigint << 32) | objid::bigint) = %(lock)s AND granted) OR pg_try_advisory_lock(%(lock)s)",
        {"lock": _PATROL},
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])
