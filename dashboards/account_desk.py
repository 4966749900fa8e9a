"""Accounts, sessions and tokens, as administrators and their owners change them. Each change names who made it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from dashboards.entry import Refused
from dashboards.identities import Identity
from dashboards.passwords import Passwords, kept, new_token, one_time_password
from dashboards.people import Who
from dashboards.problems import InvalidField
from dashboards.reader import Reader
from domain.access import Permission, Principal, Role, permissions_of
from domain.account import ONE_TIME, Account, AccountView, ApiToken, SessionView
from domain.clock import Clock
from domain.errors import AccountRefused, UnknownAccount, UnknownSite
from storage.account_views import account_views
from storage.accounts import (
    add_account,
    change_account,
    disable_account,
    enable_account,
    end_sessions,
    get_account,
    set_password,
)
from storage.pool import Connection
from storage.sessions import add_token, end_numbered, list_sessions, list_tokens, number_of, revoke_token
from storage.sign_ins import unlock


class AccountDesk:
    def __init__(self, *, reader: Reader, clock: Clock, passwords: Passwords, idle: timedelta) -> None:
        self._reader = reader
        self._clock = clock
        self._passwords = passwords
        self._idle = idle

    async def accounts(self) -> list[AccountView]:
        now = self._clock.now()
        return await self._reader.read(lambda conn: account_views(conn, now=now, idle=self._idle))

    async def account(self, account_id: str) -> AccountView:
        """:raises UnknownAccount:"""
        now = self._clock.now()
        found = await self._reader.read(
            lambda conn: account_views(conn, now=now, idle=self._idle, account_id=account_id)
        )
        if not found:
            raise UnknownAccount(f"no account {account_id}")
        return found[0]

    async def add(self, account: Account, *, password: bool, by: Who, granting: Principal) -> str | None:
        """Its one-time password. :raises AccountRefused: :raises InvalidField: a site is none. :raises Refused:"""
        check_grant(granting, account.role)
        check_provider(account)
        now, made, hash_ = self._clock.now(), None, None
        if password:
            made, hash_ = await self._one_time()
            account = msgspec.structs.replace(account, one_time_until=now + ONE_TIME)
        await self._sited(
            lambda conn: add_account(conn, account, password_hash=hash_, actor=by.actor, at=now, origin=by.origin)
        )
        return made

    async def change(self, account_id: str, by: Who, *, granting: Principal, **facts: Any) -> None:
        """:raises UnknownAccount: :raises AccountRefused: :raises InvalidField: a site is none. :raises Refused:"""
        now = self._clock.now()

        async def work(conn: Connection) -> None:
            async with conn.transaction():
                before = await get_account(conn, account_id)
                after = msgspec.structs.replace(before, **facts)
                check_grant(granting, after.role)
                if after.subject and not after.issuer and after.subject == before.subject:
                    after = msgspec.structs.replace(after, issuer=before.issuer)  # its provider is configured no more
                check_provider(after)
                await change_account(conn, after, actor=by.actor, at=now, origin=by.origin)

        await self._sited(work)

    async def disable(self, account_id: str, by: Who) -> None:
        now = self._clock.now()
        await self._reader.read(
            lambda conn: disable_account(conn, account_id, actor=by.actor, at=now, origin=by.origin)
        )

    async def enable(self, account_id: str, by: Who, *, granting: Principal) -> None:
        now = self._clock.now()

        async def work(conn: Connection) -> None:
            check_grant(granting, (await get_account(conn, account_id)).role)
            await enable_account(conn, account_id, actor=by.actor, at=now, origin=by.origin)

        await self._reader.read(work)

    async def unlock(self, account_id: str, by: Who) -> None:
        """Forget the tries that failed."""
        now = self._clock.now()
        await self._reader.read(lambda conn: unlock(conn, account_id, actor=by.actor, at=now, origin=by.origin))

    async def reset(self, account_id: str, by: Who, *, granting: Principal) -> str:
        """Another one-time password; sessions end and failed tries are forgotten.

        :raises AccountRefused: it is the account of whoever asks, who changes his own with the one that he knows.
        :raises Refused: it may more than whoever asks.
        """
        if account_id == granting.account_id:
            raise AccountRefused("change your own password at your account; somebody else has to reset it")
        now, (made, hash_) = self._clock.now(), await self._one_time()

        async def work(conn: Connection) -> None:
            async with conn.transaction():
                check_grant(granting, (await get_account(conn, account_id)).role)
                await set_password(
                    conn, account_id, hash_, one_time_until=now + ONE_TIME, actor=by.actor, at=now, origin=by.origin
                )
                await unlock(conn, account_id, actor=by.actor, at=now, origin=by.origin)

        await self._reader.read(work)
        return made

    async def sessions(self, account_id: str) -> list[SessionView]:
        """:raises UnknownAccount:"""
        now = self._clock.now()

        async def work(conn: Connection) -> list[SessionView]:
            await get_account(conn, account_id)
            return await list_sessions(conn, account_id, now=now, idle=self._idle)

        return await self._reader.read(work)

    async def number_of(self, identity: Identity | None) -> int | None:
        """Of the session that asks; None: it is a token."""
        if identity is None or identity.credential.is_token:
            return None
        return await self._reader.read(lambda conn: number_of(conn, identity.hash))

    async def end_sessions(self, account_id: str, by: Who, *, keep: bytes | None = None) -> int:
        now = self._clock.now()
        return await self._reader.read(
            lambda conn: end_sessions(conn, account_id, actor=by.actor, at=now, origin=by.origin, keep=keep)
        )

    async def end_session(self, account_id: str, session_no: int, by: Who) -> None:
        now = self._clock.now()
        await self._reader.read(
            lambda conn: end_numbered(conn, session_no, of=account_id, actor=by.actor, at=now, origin=by.origin)
        )

    async def tokens(self, account_id: str | None) -> list[ApiToken]:
        """Those that hold."""
        now = self._clock.now()
        return await self._reader.read(lambda conn: list_tokens(conn, account_id, holding_at=now))

    async def add_token(
        self,
        account_id: str,
        by: Who,
        *,
        name: str,
        days: int,
        permissions: list[Permission] | None,
        granting: Principal,
    ) -> tuple[ApiToken, str]:
        """The token, and what goes into ``Authorization``. :raises Refused: it may more than whoever asks."""
        now, secret = self._clock.now(), new_token()
        scope = None if permissions is None else frozenset(permissions)

        async def work(conn: Connection) -> ApiToken:
            check_grant(granting, (await get_account(conn, account_id)).role, scope)
            number = await add_token(
                conn,
                kept(secret),
                account_id,
                name=name,
                permissions=None if permissions is None else sorted(set(permissions)),
                expires_at=now + timedelta(days=days),
                actor=by.actor,
                at=now,
                origin=by.origin,
            )
            return next(one for one in await list_tokens(conn, account_id) if one.token_no == number)

        return await self._reader.read(work), secret

    async def revoke_token(self, token_no: int, by: Who, *, of: str | None = None) -> None:
        now = self._clock.now()
        await self._reader.read(
            lambda conn: revoke_token(conn, token_no, actor=by.actor, at=now, origin=by.origin, of=of)
        )

    async def _one_time(self) -> tuple[str, str]:
        made = one_time_password()
        return made, await self._passwords.hashed(made)

    async def _sited(self, work: Any) -> None:
        try:
            await self._reader.read(work)
        except UnknownSite as error:
            raise InvalidField("sites", str(error)) from error


def check_grant(granting: Principal, role: Role, scope: frozenset[Permission] | None = None) -> None:
    """Nobody hands out more than he has: the token of a program that may change accounts makes no administrator, and
    no token that may more than itself.

    :raises Refused: ``role``, or a token of it with ``scope``, may more than ``granting``.
    """
    if more := sorted(permissions_of(role, scope) - granting.permissions):
        raise Refused(403, f"It would have permissions that you have not: {', '.join(more)}.", name="not-permitted")


def check_provider(account: Account) -> None:
    """:raises InvalidField: somebody is to sign in at a provider, and there is none."""
    if account.subject and not account.issuer:
        raise InvalidField("subject", "no OpenID Connect provider is configured (web.provider)")
