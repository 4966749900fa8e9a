"""Signing in with a password: counted, bounded, written down. What was wrong is told by no word and by no time."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog

from dashboards.metrics import WebMetrics
from dashboards.passwords import Passwords, csrf_token, kept, new_session, outdated
from dashboards.reader import Reader
from domain.account import Account, account_key, check_password
from domain.clock import Clock
from domain.errors import PasswordRefused, SignInRefused
from domain.lockout import BOUNDS, Count, counts_of, held_until, network_of
from storage.accounts import account_and_hash, rehash, set_password
from storage.audit_trail import append
from storage.pool import Connection
from storage.sessions import begin_session, end_session
from storage.sign_ins import at_home, count_failure, failures, take_back

log = structlog.get_logger("campuswatch.web.sign_in")

_WRONG = "account or password is wrong"
#: A refusal takes so long at least: what is written down of an account that there is takes some milliseconds, which
#: would tell.
SLOW_S = 0.2

#: So many connections to the database tries to sign in have at once; so many tries wait for them.
AT_ONCE, MOST_WAITING = 2, 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class From:
    """Where somebody sits who signs in. ``before``: the session that its browser had until now; it ends."""

    address: str
    agent: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """``session`` goes into the cookie, ``csrf`` to the page."""

    account: Account
    session: str
    csrf: str
    lasts: timedelta


class SignIn:
    """:param lasts: how long a session lasts at most."""

    def __init__(
        self, *, reader: Reader, clock: Clock, metrics: WebMetrics, lasts: timedelta, passwords: Passwords
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._metrics = metrics
        self._lasts = lasts
        self._passwords = passwords
        self._salt = secrets.token_bytes(16)
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def sign_in(self, written: str, password: str, where: From) -> SignedIn:
        """:raises SignInRefused: account or password is wrong, or it is too early for another try."""
        account = await self._check(written, password, where)
        if account.one_time_until is not None and account.one_time_until <= self._clock.now():
            raise SignInRefused("this one-time password is too old; have another one made")
        return await self.begin(account, where, how="password")

    async def begin(self, account: Account, where: From, *, how: str, at_most: timedelta | None = None) -> SignedIn:
        """A session of somebody who has proved who it is."""
        lasts = self._lasts if at_most is None else min(self._lasts, at_most)
        session, now = new_session(), self._clock.now()

        await self._reader.read(
            lambda conn: begin_session(
                conn,
                kept(session),
                account.account_id,
                at=now,
                expires_at=now + lasts,
                address=network_of(where.address),
                agent=where.agent,
                actor=account.name,
                origin=where.address,
                how=how,
            )
        )
        if where.before:  # in a transaction of its own: each waits for the audit's turn with nothing else in hand
            await self.sign_out(where.before, actor=account.name, origin=where.address)
        self._metrics.sign_ins.labels("ok").inc()
        log.info("signed in", account=account.account_id, by=how)
        return SignedIn(account, session, csrf_token(session), lasts)

    async def sign_out(self, session: str, *, actor: str, origin: str) -> None:
        now = self._clock.now()
        await self._reader.read(lambda conn: end_session(conn, kept(session), at=now, actor=actor, origin=origin))

    async def change_password(self, account_id: str, old: str, new: str, *, session: bytes, where: From) -> None:
        """One's own. Every other session of the account ends.

        :raises SignInRefused: the old one is wrong. :raises PasswordRefused: the new one is the old one, or too easy.
        """
        account = await self._check(account_id, old, where)
        check_password(new, account)
        if new == old:
            raise PasswordRefused("the new password is the old one")
        password_hash, now = await self._passwords.hashed(new), self._clock.now()
        await self._reader.read(
            lambda conn: set_password(
                conn,
                account_id,
                password_hash,
                one_time_until=None,
                actor=account.name,
                at=now,
                origin=where.address,
                keep=session,
            )
        )

    async def _check(self, written: str, password: str, where: From) -> Account:
        """The account, whose password it is. Each try is counted before it is looked at, so that a thousand at once are
        a thousand; the right one is taken back.
        """
        if self._waiting >= MOST_WAITING:
            self._metrics.sign_ins.labels("held").inc()
            raise SignInRefused("too many sign in at once; try again in a moment", wait_s=SLOW_S)
        key, address = account_key(written), network_of(where.address)
        began_s = self._loop_s()
        known = await self._read(lambda conn: account_and_hash(conn, key))
        keys = counts_of(key if known is not None else self._disguised(key), address)
        await self._read(lambda conn: self._count(conn, keys, key, address, where))
        account, password_hash = known if known is not None else (None, None)
        right = await self._passwords.matches(password_hash, password)
        if account is None or not right or account.disabled_at is not None:
            self._metrics.sign_ins.labels("wrong").inc()
            if account is not None:
                await self._read(lambda conn: self._tell(conn, account, keys, where))
            await asyncio.sleep(began_s + SLOW_S - self._loop_s())
            raise SignInRefused(_WRONG)
        await self._read(lambda conn: take_back(conn, keys))
        if password_hash and outdated(password_hash):
            newer = await self._passwords.hashed(password)
            await self._read(lambda conn: rehash(conn, account.account_id, password_hash, newer))
        return account

    async def _read(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        """Tries of one address wait for one another in the database. However many there are, they leave connections to
        those who are at work.
        """
        self._waiting += 1
        try:
            async with self._places:
                return await self._reader.read(query)
        finally:
            self._waiting -= 1

    def _disguised(self, name: str) -> str:
        """A name that nobody has, as it is counted: somebody may have typed his password into that field."""
        return hashlib.blake2b(name.encode(), key=self._salt, digest_size=16).hexdigest() if name else ""

    def _loop_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def _count(self, conn: Connection, keys: Mapping[Count, str], key: str, address: str, where: From) -> None:
        """:raises SignInRefused: it is too early."""
        now = self._clock.now()
        async with conn.transaction():
            found = await failures(conn, keys)
            until = held_until(found, at_home=await at_home(conn, key, address, now=now), now=now)
            if until is None:
                await count_failure(conn, keys, now=now)
                return
        self._metrics.sign_ins.labels("held").inc()
        wait_s = (until - now).total_seconds()
        raise SignInRefused(f"too many failed; try again in {wait_s:.0f} s", wait_s=wait_s)

    async def _tell(self, conn: Connection, account: Account, keys: Mapping[Count, str], where: From) -> None:
        """A refusal is in the audit, and so is that from now on there is a wait. Nothing is while it lasts: whoever
        guesses does not fill the audit.
        """
        now = self._clock.now()
        async with conn.transaction():
            counted = await failures(conn, keys)
            held = [count.value for count, failed in counted.items() if failed.failures >= BOUNDS[count].free]
            await append(
                conn,
                at=now,
                actor="system",
                origin=where.address,
                action="session.locked" if held else "session.refused",
                subject=account.account_id,
                detail={"counts": held} if held else {},
            )
        if held:
            log.warning("signing in is held up", account=account.account_id, address=where.address, counts=held)
