"""Sessions of browsers and tokens of programs. What they carry is kept nowhere, only its SHA-256."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from psycopg.errors import UniqueViolation

from domain.access import Permission
from domain.account import MOST_TOKENS, Account, ApiToken, SessionView
from domain.errors import AccountRefused, UnknownAccount
from storage.accounts import COLUMNS, account_of, get_account
from storage.audit_trail import append
from storage.instants import utc, utc_or_none
from storage.notices import NoticeChannel, notify
from storage.pool import Connection

#: That somebody is still there is written down so often.
_SEEN_EVERY = timedelta(minutes=5)
#: What is over is kept so long: from where somebody signed in lately says where he is at home.
KEPT = timedelta(days=31)
_COLUMNS = "token_no, account_id, name, permissions, made_at, made_by, expires_at, used_at, revoked_at"
_MOST_LISTED = 500
_PERMISSIONS = frozenset(one.value for one in Permission)


class KnownSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session or token that holds, whose it is, and until when it may be trusted at most."""

    account: Account
    until: datetime
    permissions: frozenset[Permission] | None = None
    token: str = ""
    how: str = ""


async def begin_session(
    conn: Connection,
    hash_: bytes,
    account_id: str,
    *,
    at: datetime,
    expires_at: datetime,
    address: str,
    agent: str,
    actor: str,
    origin: str,
    how: str,
) -> None:
    async with conn.transaction():
        await conn.execute(
            "INSERT INTO session (hash, account_id, made_at, seen_at, expires_at, address, agent, how)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (hash_, account_id, at, at, expires_at, address, agent[:200], how),
        )
        await append(
            conn, at=at, actor=actor, origin=origin, action="session.begun", subject=account_id, detail={"by": how}
        )


async def session_of(conn: Connection, hash_: bytes, *, now: datetime, idle: timedelta) -> KnownSession | None:
    """The session with this hash, if it holds; that somebody uses it is written down now and then."""
    cursor = await conn.execute(
        f"SELECT {COLUMNS}, s.seen_at, s.expires_at, s.how FROM session AS s JOIN account AS a USING (account_id)"
        " WHERE s.hash = %s AND s.ended_at IS NULL AND s.expires_at > %s AND s.seen_at > %s"
        " AND a.disabled_at IS NULL",
        (hash_, now, now - idle),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    *of_account, seen_at, expires_at, how = row
    if utc(seen_at) < now - min(_SEEN_EVERY, idle / 4):
        await conn.execute("UPDATE session SET seen_at = greatest(seen_at, %s) WHERE hash = %s", (now, hash_))
    return KnownSession(account=account_of(of_account), until=utc(expires_at), how=how)


async def end_session(conn: Connection, hash_: bytes, *, at: datetime, actor: str, origin: str) -> None:
    """Sign out."""
    async with conn.transaction():
        cursor = await conn.execute(
            "UPDATE session SET ended_at = %s WHERE hash = %s AND ended_at IS NULL RETURNING account_id", (at, hash_)
        )
        row = await cursor.fetchone()
        if row is not None:
            await append(conn, at=at, actor=actor, origin=origin, action="session.ended", subject=row[0])
            await notify(conn, NoticeChannel.ACCOUNT, row[0])


async def end_numbered(
    conn: Connection, session_no: int, *, of: str, at: datetime, actor: str, origin: str = ""
) -> None:
    """One session of the account ``of``. :raises UnknownAccount: it has none of this number that holds."""
    async with conn.transaction():
        cursor = await conn.execute(
            "UPDATE session SET ended_at = %s WHERE session_no = %s AND account_id = %s AND ended_at IS NULL"
            " AND expires_at > %s RETURNING session_no",
            (at, session_no, of, at),
        )
        if await cursor.fetchone() is None:
            raise UnknownAccount(f"account {of} has no session {session_no}")
        await append(
            conn, at=at, actor=actor, origin=origin, action="session.ended", subject=of,
            detail={"session_no": session_no},
        )  # fmt: skip
        await notify(conn, NoticeChannel.ACCOUNT, of)


async def list_sessions(conn: Connection, account_id: str, *, now: datetime, idle: timedelta) -> list[SessionView]:
    """Those that hold, the one used last first."""
    cursor = await conn.execute(
        "SELECT session_no, account_id, how, made_at, seen_at, expires_at, address, agent FROM session"
        " WHERE account_id = %s AND ended_at IS NULL AND expires_at > %s AND seen_at > %s"
        " ORDER BY seen_at DESC, session_no DESC LIMIT %s",
        (account_id, now, now - idle, _MOST_LISTED),
    )
    return [
        SessionView(
            session_no=number,
            account_id=account,
            how=how,
            made_at=utc(made_at),
            seen_at=utc(seen_at),
            expires_at=utc(expires_at),
            address=address,
            agent=agent,
        )
        for number, account, how, made_at, seen_at, expires_at, address, agent in await cursor.fetchall()
    ]


async def number_of(conn: Connection, hash_: bytes) -> int | None:
    """Of the session with this hash."""
    cursor = await conn.execute("SELECT session_no FROM session WHERE hash = %s", (hash_,))
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def token_of(conn: Connection, hash_: bytes, *, now: datetime) -> KnownSession | None:
    """The token with this hash, if it holds; that it was used is written down now and then."""
    cursor = await conn.execute(
        f"SELECT {COLUMNS}, t.name, t.permissions, t.expires_at, t.used_at"
        " FROM api_token AS t JOIN account AS a USING (account_id)"
        " WHERE t.hash = %s AND t.revoked_at IS NULL AND t.expires_at > %s AND a.disabled_at IS NULL",
        (hash_, now),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    *of_account, name, permissions, expires_at, used_at = row
    if used_at is None or utc(used_at) < now - _SEEN_EVERY:
        await conn.execute("UPDATE api_token SET used_at = %s WHERE hash = %s", (now, hash_))
    return KnownSession(
        account=account_of(of_account),
        until=utc(expires_at),
        permissions=None if permissions is None else _known(permissions),
        token=name,
    )


async def add_token(
    conn: Connection,
    hash_: bytes,
    account_id: str,
    *,
    name: str,
    permissions: Sequence[Permission] | None,
    expires_at: datetime,
    actor: str,
    at: datetime,
    origin: str = "",
) -> int:
    """Its number. :raises UnknownAccount: :raises AccountRefused: the account has a token of this name, or too many."""
    async with conn.transaction():
        await conn.execute("SELECT FROM account WHERE account_id = %s FOR UPDATE", (account_id,))
        await get_account(conn, account_id)
        cursor = await conn.execute(
            "SELECT count(*) FROM api_token WHERE account_id = %s AND revoked_at IS NULL AND expires_at > %s",
            (account_id, at),
        )
        counted = await cursor.fetchone()
        if counted is not None and counted[0] >= MOST_TOKENS:
            raise AccountRefused(f"account {account_id} has {MOST_TOKENS} tokens; revoke one first")
        try:
            async with conn.transaction():
                cursor = await conn.execute(
                    "INSERT INTO api_token (hash, account_id, name, permissions, made_at, made_by, expires_at)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING token_no",
                    (
                        hash_,
                        account_id,
                        name,
                        None if permissions is None else [one.value for one in permissions],
                        at,
                        actor,
                        expires_at,
                    ),
                )
                row = await cursor.fetchone()
        except UniqueViolation as error:
            raise AccountRefused(f"account {account_id} has a token called {name} already", field="name") from error
        assert row is not None
        await append(
            conn, at=at, actor=actor, origin=origin, action="token.added", subject=account_id,
            detail={
                "token_no": row[0],
                "name": name,
                "permissions": None if permissions is None else [one.value for one in permissions],
                "expires_at": expires_at.isoformat(),
            },
        )  # fmt: skip
    return int(row[0])


async def revoke_token(
    conn: Connection, token_no: int, *, actor: str, at: datetime, origin: str = "", of: str | None = None
) -> ApiToken:
    """:param of: only if it is a token of this account. :raises UnknownAccount: there is no such token, or it was
    revoked before.
    """
    async with conn.transaction():
        cursor = await conn.execute(
            "UPDATE api_token SET revoked_at = %(at)s WHERE token_no = %(number)s AND revoked_at IS NULL"
            f" AND (%(of)s::text IS NULL OR account_id = %(of)s) RETURNING {_COLUMNS}",
            {"at": at, "number": token_no, "of": of},
        )
        row = await cursor.fetchone()
        if row is None:
            raise UnknownAccount(f"no token {token_no} that is not revoked")
        token = _token(row)
        await append(
            conn, at=at, actor=actor, origin=origin, action="token.revoked", subject=token.account_id,
            detail={"token_no": token_no, "name": token.name},
        )  # fmt: skip
        await notify(conn, NoticeChannel.ACCOUNT, token.account_id)
    return token


async def list_tokens(
    conn: Connection, account_id: str | None = None, *, holding_at: datetime | None = None
) -> list[ApiToken]:
    """:param holding_at: only those that hold then."""
    cursor = await conn.execute(
        f"SELECT {_COLUMNS} FROM api_token WHERE (%(account)s::text IS NULL OR account_id = %(account)s)"
        " AND (%(at)s::timestamptz IS NULL OR (revoked_at IS NULL AND expires_at > %(at)s)) ORDER BY token_no",
        {"account": account_id, "at": holding_at},
    )
    return [_token(row) for row in await cursor.fetchall()]


async def prune_sessions(conn: Connection, *, now: datetime) -> None:
    """What has been over for long is forgotten; the audit keeps that it was."""
    await conn.execute(
        "DELETE FROM session WHERE least(expires_at, coalesce(ended_at, expires_at)) < %s", (now - KEPT,)
    )


def _token(row: Sequence[Any]) -> ApiToken:
    number, account_id, name, permissions, made_at, made_by, expires_at, used_at, revoked_at = row
    return ApiToken(
        token_no=number,
        account_id=account_id,
        name=name,
        permissions=None if permissions is None else tuple(sorted(_known(permissions))),
        made_at=utc(made_at),
        made_by=made_by,
        expires_at=utc(expires_at),
        used_at=utc_or_none(used_at),
        revoked_at=utc_or_none(revoked_at),
    )


def _known(permissions: Sequence[str]) -> frozenset[Permission]:
    """A permission that there is no more is none."""
    return frozenset(Permission(name) for name in permissions if name in _PERMISSIONS)
