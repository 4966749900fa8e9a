"""Accounts for tests: one of each role, with a token for each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import httpx

from dashboards.passwords import hashed, kept, new_token
from domain.access import Permission, Role
from domain.account import Account
from storage.accounts import add_account
from storage.pool import KeptPool
from storage.sessions import add_token
from tests.integration.dashboards.district import NOW

YEAR = timedelta(days=365)
PASSWORD = "not-to-be-guessed-7"  # of every account here
_HASHES: list[str] = []


def password_hash() -> str:
    """Of `PASSWORD`; made once, for it takes its time."""
    if not _HASHES:
        _HASHES.append(hashed(PASSWORD))
    return _HASHES[0]


async def add(
    pool: KeptPool,
    account_id: str,
    role: Role,
    *,
    name: str = "",
    sites: tuple[str, ...] | None = None,
    one_time: bool = False,
) -> Account:
    account = Account(
        account_id=account_id,
        name=name or account_id,
        role=role,
        site_ids=sites,
        one_time_until=NOW + YEAR if one_time else None,
    )
    async with pool.connection() as conn:
        await add_account(conn, account, password_hash=password_hash(), actor="test", at=NOW)
    return account


async def token(pool: KeptPool, account_id: str, *, only: Iterable[Permission] | None = None, name: str = "t") -> str:
    """A token of an account, as it goes into ``Authorization``."""
    secret = new_token()
    async with pool.connection() as conn:
        await add_token(
            conn,
            kept(secret),
            account_id,
            name=name,
            permissions=None if only is None else list(only),
            expires_at=NOW + YEAR,
            actor="test",
            at=NOW,
        )
    return secret


async def sign_in(
    client: httpx.AsyncClient, account: str = "zhangwei", password: str = PASSWORD, **headers: str
) -> httpx.Response:
    """As a page of ours does."""
    body = {"account": account, "password": password}
    return await client.post("/session", json=body, headers={"origin": "http://localhost", **headers})


async def csrf(client: httpx.AsyncClient) -> dict[str, str]:
    """What goes with each change of who is signed in."""
    return {"x-csrf-token": (await client.get("/session")).json()["csrf"]}


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}
