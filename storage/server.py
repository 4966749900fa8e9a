"""Facts about the database server, for those who look after it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from storage.pool import Connection


class ServerFacts(NamedTuple):
    """``durable``: a commit survives a crash of the machine (fsync and synchronous_commit are on)."""

    version: str
    now: datetime
    durable: bool


async def server_facts(conn: Connection) -> ServerFacts:
    cursor = await conn.execute(
        "SELECT current_setting('server_version'), clock_timestamp(),"
        " current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off'"
    )
    row = await cursor.fetchone()
    assert row is not None
    return ServerFacts(version=row[0], now=row[1], durable=row[2])
