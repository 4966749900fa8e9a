"""Passwords, sessions and tokens: how they are made and what is kept of them.

Passwords are hashed with argon2id; what we make ourselves has 256 random bits and needs no more than SHA-256.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from functools import cached_property

import argon2

from domain.errors import SignInRefused

#: What OWASP asks for at least: 19 MiB, two passes, one thread. The machine that checks passwords is the one on which
#: alarms are acknowledged.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
#: Passwords that are looked at at the same time; each takes a core.
AT_ONCE = 1
#: Who may wait behind them. More are turned away: guessing must not take the machine from alarms.
MOST_WAITING = 16

_TOKEN_PREFIX = "cw_"  # noqa: S105  # by which people and scanners know one when they see it
# Without what people confuse when they read it out.
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def hashed(password: str) -> str:
    """Takes some 30 ms of a core; in a loop use `Passwords.hashed`."""
    return _HASHER.hash(password)


def matches(password_hash: str, password: str) -> bool:
    """Takes as long as `hashed`."""
    try:
        return _HASHER.verify(password_hash, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def outdated(password_hash: str) -> bool:
    return _HASHER.check_needs_rehash(password_hash)


def one_time_password() -> str:
    """80 random bits, to be read from a screen and typed."""
    letters = [secrets.choice(_LETTERS) for _ in range(16)]
    return "-".join("".join(letters[at : at + 4]) for at in range(0, 16, 4))


def new_session() -> str:
    return secrets.token_urlsafe(32)


def new_token() -> str:
    return _TOKEN_PREFIX + secrets.token_urlsafe(32)


def kept(secret: str) -> bytes:
    """What the database keeps of a session or token."""
    return hashlib.sha256(secret.encode()).digest()


def csrf_token(session: str) -> str:
    """What a page of ours says with each change, and no other page can know."""
    return hashlib.sha256(f"campuswatch csrf\n{session}".encode()).hexdigest()[:32]


class Passwords:
    """Looks at passwords in threads, one at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    @cached_property
    def _nobodys(self) -> str:
        return hashed(secrets.token_urlsafe(16))

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password. Of an account without one, or of none at all, it takes as long and is not.

        :raises SignInRefused: too many are waiting.
        """
        async with _Place(self):
            return await asyncio.to_thread(self._matches, password_hash, password)

    async def hashed(self, password: str) -> str:
        """:raises SignInRefused: too many are waiting."""
        async with _Place(self):
            return await asyncio.to_thread(hashed, password)

    def _matches(self, password_hash: str | None, password: str) -> bool:
        right = matches(password_hash or self._nobodys, password)
        return right and bool(password_hash)


class _Place:
    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords

    async def __aenter__(self) -> None:
        if self._passwords._waiting >= MOST_WAITING:
            raise SignInRefused("too many are signing in at this moment", wait_s=2.0)
        self._passwords._waiting += 1
        try:
            await self._passwords._turn.acquire()
        except BaseException:
            self._passwords._waiting -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        self._passwords._waiting -= 1
        self._passwords._turn.release()
