"""The accounts of a demo: one for people, whose password the terminal shows, and a token for the simulators.

Both are made at the first start and lie in the data directory, readable by its owner alone. What people change later
stays changed.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from dashboards.passwords import hashed, kept, matches, new_token, one_time_password
from domain.access import Role
from domain.account import Account
from domain.clock import SystemClock
from storage.accounts import account_and_hash, add_account
from storage.pool import Connection, connect, wrapped_errors
from storage.sessions import add_token, list_tokens, revoke_token, token_of

ACCOUNT = "demo"
#: Whom timelines name for what the simulators do: as scenarios in virtual time name who acts.
SIMULATOR, SIMULATOR_NAME = "sim", "值班员"
_TOKEN_NAME = "simulators"  # noqa: S105  # its name
_TOKEN_LASTS = timedelta(days=365)


def password_file(data: Path) -> Path:
    return data / "demo-password"


def token_file(data: Path) -> Path:
    return data / "demo-token"


async def make_accounts(dsn: str, data: Path) -> None:
    """What is missing of them. The password's file goes where it is not the password any more."""
    conn = await connect(dsn, name="demo")
    try:
        async with wrapped_errors():
            await _make_account(conn, password_file(data))
            await _make_token(conn, token_file(data))
    finally:
        await conn.close()


async def _make_account(conn: Connection, file: Path) -> None:
    known = await account_and_hash(conn, ACCOUNT)
    if known is not None:
        shown = read_secret(file)
        if shown and not matches(known[1], shown):
            _forget(file)
        return
    password = one_time_password()
    account = Account(account_id=ACCOUNT, name="值班员（演示）", role=Role.ADMINISTRATOR)
    await add_account(conn, account, password_hash=hashed(password), actor="demo", at=SystemClock().now())
    _write(file, password)


async def _make_token(conn: Connection, file: Path) -> None:
    now = SystemClock().now()
    if await token_of(conn, kept(read_secret(file)), now=now) is not None:
        return
    if await account_and_hash(conn, SIMULATOR) is None:
        account = Account(account_id=SIMULATOR, name=SIMULATOR_NAME, role=Role.ADMINISTRATOR)
        await add_account(conn, account, password_hash=None, actor="demo", at=now)
    for old in await list_tokens(conn, SIMULATOR):
        if old.revoked_at is None:
            await revoke_token(conn, old.token_no, actor="demo", at=now)
    secret = new_token()
    await add_token(
        conn,
        kept(secret),
        SIMULATOR,
        name=f"{_TOKEN_NAME} {now:%Y-%m-%d %H:%M:%S}",
        permissions=None,
        expires_at=now + _TOKEN_LASTS,
        actor="demo",
        at=now,
    )
    _write(file, secret)


def read_secret(file: Path) -> str:
    """What is in it; "" where there is none."""
    try:
        return file.read_text("ascii").strip()
    except OSError:
        return ""


def _forget(file: Path) -> None:
    file.unlink(missing_ok=True)


def _write(file: Path, secret: str) -> None:
    """For the owner alone, from the first moment on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(f"{secret}\n")
