"""Failed tries to sign in, as `domain.lockout` counts them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from domain.lockout import AT_HOME, FORGOTTEN_AFTER, Count, Failures
from storage.accounts import get_account
from storage.audit_trail import append
from storage.instants import utc
from storage.pool import Connection

#: Keys that are kept at most; beyond, those that failed longest ago are forgotten.
MOST_KEYS = 20_000


async def failures(conn: Connection, keys: Mapping[Count, str]) -> dict[Count, Failures]:
    """What is counted under ``keys``. Locks them until the end of the transaction, so that many tries at once count as
    many.
    """
    for key in sorted(keys.values()):
        await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 131))", (key,))
    cursor = await conn.execute(
        "SELECT key, failures, last_at FROM sign_in_failure WHERE key = ANY(%s)", (list(keys.values()),)
    )
    names = {key: count for count, key in keys.items()}
    return {names[key]: Failures(number, utc(last_at)) for key, number, last_at in await cursor.fetchall()}


async def count_failure(conn: Connection, keys: Mapping[Count, str], *, now: datetime) -> None:
    """One more under each; what was long ago is counted no more."""
    await conn.execute(
        "INSERT INTO sign_in_failure (key, failures, last_at)"
        " SELECT key, 1, %(now)s FROM unnest(%(keys)s::text[]) AS k (key)"
        " ON CONFLICT (key) DO UPDATE SET last_at = %(now)s, failures ="
        "  CASE WHEN sign_in_failure.last_at < %(old)s THEN 1 ELSE least(sign_in_failure.failures + 1, 1000000) END",
        {"now": now, "keys": list(keys.values()), "old": now - FORGOTTEN_AFTER},
    )


async def take_back(conn: Connection, keys: Mapping[Count, str]) -> None:
    """The try was none that failed: nothing is held against the account from there, and elsewhere it counts no more."""
    await conn.execute("DELETE FROM sign_in_failure WHERE key = %s", (keys.get(Count.PAIR, ""),))
    others = [key for count, key in keys.items() if count is not Count.PAIR]
    await conn.execute("DELETE FROM sign_in_failure WHERE key = ANY(%s) AND failures = 1", (others,))
    await conn.execute("UPDATE sign_in_failure SET failures = failures - 1 WHERE key = ANY(%s)", (others,))


async def forgive(conn: Connection, account_id: str) -> int:
    """Whatever is held against an account; how many keys that were."""
    cursor = await conn.execute(
        "DELETE FROM sign_in_failure WHERE key = %s OR starts_with(key, %s)",
        (f"account {account_id}", f"pair {account_id} "),
    )
    return cursor.rowcount


async def unlock(conn: Connection, account_id: str, *, actor: str, at: datetime, origin: str = "") -> None:
    """As `forgive`, and in the audit where anything was held. :raises UnknownAccount:"""
    async with conn.transaction():
        await get_account(conn, account_id)
        if await forgive(conn, account_id):
            await append(conn, at=at, actor=actor, origin=origin, action="account.unlocked", subject=account_id)


async def at_home(conn: Connection, account_id: str, address: str, *, now: datetime) -> bool:
    """Whether the account has signed in from there lately."""
    cursor = await conn.execute(
        "SELECT EXISTS (SELECT FROM session WHERE account_id = %s AND address = %s AND made_at > %s)",
        (account_id, address, now - AT_HOME),
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def prune_failures(conn: Connection, *, now: datetime) -> None:
    await conn.execute("DELETE FROM sign_in_failure WHERE last_at < %s", (now - FORGOTTEN_AFTER - timedelta(hours=1),))
    await conn.execute(
        "DELETE FROM sign_in_failure WHERE key IN (SELECT key FROM sign_in_failure ORDER BY last_at DESC OFFSET %s)",
        (MOST_KEYS,),
    )
