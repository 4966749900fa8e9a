"""Who was sent to the OpenID Connect provider and is not back yet. Each visit is taken once."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from storage.instants import utc
from storage.pool import Connection

#: How long somebody may take at the provider's page.
LASTS = timedelta(minutes=10)
#: Visits that are kept; beyond those of one address nobody from there begins another, beyond all of them the oldest go.
MOST_OF_ADDRESS, MOST = 100, 5_000


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """``browser``: SHA-256 of what the browser carries that began."""

    browser: bytes
    nonce: str
    verifier: str
    redirect_uri: str
    made_at: datetime


async def begin_visit(conn: Connection, state: bytes, visit: Visit, *, address: str) -> bool:
    """False: too many from this address are on their way."""
    async with conn.transaction():
        await conn.execute("DELETE FROM provider_visit WHERE made_at <= %s", (visit.made_at - LASTS,))
        cursor = await conn.execute("SELECT count(*) FROM provider_visit WHERE address = %s", (address,))
        row = await cursor.fetchone()
        if row is not None and row[0] >= MOST_OF_ADDRESS:
            return False
        await conn.execute(
            "DELETE FROM provider_visit WHERE state IN"
            " (SELECT state FROM provider_visit ORDER BY made_at DESC OFFSET %s)",
            (MOST - 1,),
        )
        await conn.execute(
            "INSERT INTO provider_visit (state, browser, nonce, verifier, redirect_uri, address, made_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (state, visit.browser, visit.nonce, visit.verifier, visit.redirect_uri, address, visit.made_at),
        )
    return True


async def take_visit(conn: Connection, state: bytes, *, now: datetime) -> Visit | None:
    """The visit that began with ``state``, if it is no older than `LASTS`; it is gone then."""
    cursor = await conn.execute(
        "DELETE FROM provider_visit WHERE state = %s RETURNING browser, nonce, verifier, redirect_uri, made_at",
        (state,),
    )
    row = await cursor.fetchone()
    if row is None or utc(row[4]) <= now - LASTS:
        return None
    browser, nonce, verifier, redirect_uri, made_at = row
    return Visit(
        browser=bytes(browser), nonce=nonce, verifier=verifier, redirect_uri=redirect_uri, made_at=utc(made_at)
    )
