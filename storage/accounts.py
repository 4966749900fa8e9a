"""Accounts: who may use the control room. Each change is in the audit and ends what it has to end, in one transaction.

Whoever remembers accounts, sessions or tokens listens on `NoticeChannel.ACCOUNT`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg.errors import UniqueViolation

from domain.access import Role
from domain.account import MOST_ACCOUNTS, Account, check_account
from domain.errors import AccountRefused, UnknownAccount, UnknownSite
from storage.audit_trail import append
from storage.instants import utc_or_none
from storage.notices import NoticeChannel, notify
from storage.pool import Connection

COLUMNS = (
    "a.account_id, a.name, a.role, a.site_ids, a.language, a.password_hash IS NOT NULL, a.one_time_until,"
    " a.disabled_at, coalesce(a.issuer, ''), coalesce(a.subject, '')"
)
#: Changes of accounts wait for each other: two administrators who disable one another leave one.
_TURN = 0x63775F616363  # "cw_acc"


def account_of(row: Sequence[Any]) -> Account:
    """A row of `COLUMNS`."""
    account_id, name, role, site_ids, language, has_password, one_time_until, disabled_at, issuer, subject = row
    return Account(
        account_id=account_id,
        name=name,
        role=Role(role),
        site_ids=None if site_ids is None else tuple(site_ids),
        language=language,
        has_password=has_password,
        one_time_until=utc_or_none(one_time_until),
        disabled_at=utc_or_none(disabled_at),
        issuer=issuer,
        subject=subject,
    )


async def list_accounts(conn: Connection) -> list[Account]:
    cursor = await conn.execute(f"SELECT {COLUMNS} FROM account AS a ORDER BY a.account_id")
    return [account_of(row) for row in await cursor.fetchall()]


async def get_account(conn: Connection, account_id: str) -> Account:
    """:raises UnknownAccount: there is none."""
    cursor = await conn.execute(f"SELECT {COLUMNS} FROM account AS a WHERE a.account_id = %s", (account_id,))
    row = await cursor.fetchone()
    if row is None:
        raise UnknownAccount(f"no account {account_id}")
    return account_of(row)


async def account_of_subject(conn: Connection, issuer: str, subject: str) -> Account | None:
    """Who it is that the provider calls so; None: nobody of ours."""
    cursor = await conn.execute(
        f"SELECT {COLUMNS} FROM account AS a WHERE a.issuer = %s AND a.subject = %s", (issuer, subject)
    )
    row = await cursor.fetchone()
    return None if row is None else account_of(row)


async def account_and_hash(conn: Connection, account_id: str) -> tuple[Account, str] | None:
    """What a password is held against; the hash is "" where the account has none. None: there is no such account."""
    cursor = await conn.execute(
        f"SELECT {COLUMNS}, coalesce(a.password_hash, '') FROM account AS a WHERE a.account_id = %s", (account_id,)
    )
    row = await cursor.fetchone()
    return None if row is None else (account_of(row[:-1]), row[-1])


async def add_account(
    conn: Connection, account: Account, *, password_hash: str | None, actor: str, at: datetime, origin: str = ""
) -> None:
    """:raises AccountRefused: it cannot be so, or account or name are taken. :raises UnknownSite:"""
    check_account(account)
    async with conn.transaction():
        await _turn(conn)
        await _check_room(conn)
        await _check_sites(conn, account)
        try:
            async with conn.transaction():
                await conn.execute(
                    "INSERT INTO account (account_id, name, role, site_ids, password_hash, one_time_until,"
                    " language, made_at, made_by, issuer, subject)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, nullif(%s, ''), nullif(%s, ''))",
                    (
                        account.account_id,
                        account.name,
                        account.role.value,
                        None if account.site_ids is None else list(account.site_ids),
                        password_hash,
                        account.one_time_until,
                        account.language,
                        at,
                        actor,
                        account.issuer,
                        account.subject,
                    ),
                )
        except UniqueViolation as error:
            raise _taken(error, account) from error
        await append(
            conn, at=at, actor=actor, origin=origin, action="account.added", subject=account.account_id,
            detail=_told(account),
        )  # fmt: skip


async def change_account(conn: Connection, account: Account, *, actor: str, at: datetime, origin: str = "") -> Account:
    """Name, role, sites, language and subject as ``account`` has them. It holds from the next request on.

    :raises UnknownAccount: :raises AccountRefused: :raises UnknownSite:
    """
    check_account(account)
    async with conn.transaction():
        before = await _locked(conn, account.account_id)
        await _check_sites(conn, account)
        if before.role is Role.ADMINISTRATOR and account.role is not Role.ADMINISTRATOR:
            await _check_another_administrator(conn, account.account_id, at=at)
        try:
            async with conn.transaction():
                await conn.execute(
                    "UPDATE account SET name = %s, role = %s, site_ids = %s, language = %s,"
                    " issuer = nullif(%s, ''), subject = nullif(%s, '') WHERE account_id = %s",
                    (
                        account.name,
                        account.role.value,
                        None if account.site_ids is None else list(account.site_ids),
                        account.language,
                        account.issuer,
                        account.subject,
                        account.account_id,
                    ),
                )
        except UniqueViolation as error:
            raise _taken(error, account) from error
        old, new = _told(before), _told(account)
        names = old.keys() | new.keys()
        changed = {name: [old.get(name), new.get(name)] for name in sorted(names) if old.get(name) != new.get(name)}
        if changed:
            if (before.issuer, before.subject) != (account.issuer, account.subject):
                await _end_sessions(conn, account.account_id, at=at, how="provider")
            await append(
                conn, at=at, actor=actor, origin=origin, action="account.changed", subject=account.account_id,
                detail=changed,
            )  # fmt: skip
            await notify(conn, NoticeChannel.ACCOUNT, account.account_id)
        return await get_account(conn, account.account_id)


async def set_password(
    conn: Connection,
    account_id: str,
    password_hash: str,
    *,
    one_time_until: datetime | None,
    actor: str,
    at: datetime,
    origin: str = "",
    keep: bytes | None = None,
) -> None:
    """Another password; every session of the account ends, but for the one whose hash is ``keep``.

    :raises UnknownAccount:
    """
    async with conn.transaction():
        await _locked(conn, account_id)
        await conn.execute(
            "UPDATE account SET password_hash = %s, one_time_until = %s WHERE account_id = %s",
            (password_hash, one_time_until, account_id),
        )
        await _end_sessions(conn, account_id, at=at, keep=keep)
        action = "account.password_changed" if one_time_until is None else "account.password_reset"
        await append(conn, at=at, actor=actor, origin=origin, action=action, subject=account_id)
        await notify(conn, NoticeChannel.ACCOUNT, account_id)


async def rehash(conn: Connection, account_id: str, before: str, after: str) -> None:
    """The same password hashed with today's cost; not if it was changed meanwhile."""
    await conn.execute(
        "UPDATE account SET password_hash = %s WHERE account_id = %s AND password_hash = %s",
        (after, account_id, before),
    )


async def disable_account(conn: Connection, account_id: str, *, actor: str, at: datetime, origin: str = "") -> None:
    """Nobody signs in with it any more; its sessions end, its tokens are of no use. It stays, for the audit names it.

    :raises UnknownAccount: :raises AccountRefused: it is disabled already, or the last administrator.
    """
    async with conn.transaction():
        account = await _locked(conn, account_id)
        if account.disabled_at is not None:
            raise AccountRefused(f"account {account_id} is disabled already")
        if account.role is Role.ADMINISTRATOR:
            await _check_another_administrator(conn, account_id, at=at)
        await conn.execute("UPDATE account SET disabled_at = %s WHERE account_id = %s", (at, account_id))
        await _end_sessions(conn, account_id, at=at)
        await append(conn, at=at, actor=actor, origin=origin, action="account.disabled", subject=account_id)
        await notify(conn, NoticeChannel.ACCOUNT, account_id)


async def enable_account(conn: Connection, account_id: str, *, actor: str, at: datetime, origin: str = "") -> None:
    """:raises UnknownAccount: :raises AccountRefused: it is not disabled."""
    async with conn.transaction():
        if (await _locked(conn, account_id)).disabled_at is None:
            raise AccountRefused(f"account {account_id} is not disabled")
        await conn.execute("UPDATE account SET disabled_at = NULL WHERE account_id = %s", (account_id,))
        await append(conn, at=at, actor=actor, origin=origin, action="account.enabled", subject=account_id)
        await notify(conn, NoticeChannel.ACCOUNT, account_id)


async def end_sessions(
    conn: Connection, account_id: str, *, actor: str, at: datetime, origin: str = "", keep: bytes | None = None
) -> int:
    """All sessions of an account, but for the one whose hash is ``keep``; how many that were. Tokens stay.

    :raises UnknownAccount:
    """
    async with conn.transaction():
        await get_account(conn, account_id)
        ended = await _end_sessions(conn, account_id, at=at, keep=keep)
        if ended:
            await append(
                conn, at=at, actor=actor, origin=origin, action="session.all_ended", subject=account_id,
                detail={"sessions": ended},
            )  # fmt: skip
            await notify(conn, NoticeChannel.ACCOUNT, account_id)
    return ended


async def _turn(conn: Connection) -> None:
    await conn.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))


async def _locked(conn: Connection, account_id: str) -> Account:
    await _turn(conn)
    await conn.execute("SELECT FROM account WHERE account_id = %s FOR UPDATE", (account_id,))
    return await get_account(conn, account_id)


async def _check_another_administrator(conn: Connection, account_id: str, *, at: datetime) -> None:
    """One who can come in with a password, whatever becomes of an OpenID Connect provider."""
    cursor = await conn.execute(
        "SELECT FROM account WHERE role = 'administrator' AND disabled_at IS NULL AND account_id <> %s"
        " AND password_hash IS NOT NULL AND (one_time_until IS NULL OR one_time_until > %s)",
        (account_id, at),
    )
    if not await cursor.fetchall():
        raise AccountRefused(f"{account_id} is the last administrator with a password; add another one first")


async def _check_room(conn: Connection) -> None:
    cursor = await conn.execute("SELECT count(*) FROM account")
    row = await cursor.fetchone()
    if row is not None and row[0] >= MOST_ACCOUNTS:
        raise AccountRefused(f"there are {MOST_ACCOUNTS} accounts already, and no more are kept")


async def _check_sites(conn: Connection, account: Account) -> None:
    cursor = await conn.execute(
        "SELECT site_id FROM unnest(%s::text[]) AS asked (site_id) WHERE site_id NOT IN (SELECT site_id FROM site)",
        (list(account.site_ids or ()),),
    )
    if unknown := [site_id for (site_id,) in await cursor.fetchall()]:
        raise UnknownSite(f"no such site: {', '.join(sorted(unknown))}")


async def _end_sessions(
    conn: Connection, account_id: str, *, at: datetime, keep: bytes | None = None, how: str | None = None
) -> int:
    cursor = await conn.execute(
        "UPDATE session SET ended_at = %(at)s WHERE account_id = %(account)s AND ended_at IS NULL"
        " AND expires_at > %(at)s AND hash IS DISTINCT FROM %(keep)s AND (%(how)s::text IS NULL OR how = %(how)s)",
        {"at": at, "account": account_id, "keep": keep, "how": how},
    )
    return cursor.rowcount


def _taken(error: UniqueViolation, account: Account) -> AccountRefused:
    constraint = error.diag.constraint_name or ""
    if constraint.startswith("account_name"):
        return AccountRefused(
            f"another account has the name {account.name}; the audit has to tell them apart", field="name"
        )
    if constraint == "account_subject":
        return AccountRefused(f"another account is {account.subject} at the provider", field="subject")
    return AccountRefused(f"there is an account {account.account_id} already", field="account")


def _told(account: Account) -> dict[str, Any]:
    """What the audit says of an account."""
    kept = msgspec.to_builtins(account)
    told = {name: kept[name] for name in ("name", "role", "site_ids", "language")}
    return told | ({"subject": account.subject} if account.subject else {})
