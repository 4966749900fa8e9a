"""Who stands behind a session or a token. What is known is remembered, and forgotten in the moment in which somebody
changes it: the database gives notice.

::

    cookie or token ──► remembered? ──► Identity
                            │ no, or too long ago
                            ▼
                        database ──► remembered until a notice names the account, at most KEEP_S

While notices cannot be heard, what is known is asked again every UNSURE_S. While the database is away, so that nobody
can be signed out in it either, whoever was known lately is known still: an outage signs no operator out.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from starlette.requests import HTTPConnection

from dashboards.passwords import kept
from dashboards.reader import Reader
from domain.access import Principal
from domain.clock import Clock
from domain.errors import StorageError, StorageUnavailable
from storage.notices import NoticeChannel, listen
from storage.pool import Connection, connect, wrapped_errors
from storage.sessions import KnownSession, prune_sessions, session_of, token_of
from storage.sign_ins import prune_failures

COOKIE = "campuswatch_session"
#: Over TLS: such a cookie can be set by nobody but this very host.
SECURE_COOKIE = "__Host-" + COOKIE

#: What is known of a session is trusted so long; without notices, and while the database is away.
KEEP_S, UNSURE_S, AWAY_S = 60.0, 1.0, 900.0
#: Sessions and tokens that are remembered; beyond, those used longest ago are forgotten.
MOST_KNOWN = 10_000
RECONNECT_S = 1.0
_PRUNE_S = 3600.0

log = structlog.get_logger("campuswatch.web.identities")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client shows: a cookie or a token."""

    secret: str
    is_token: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """``hash`` is what the database keeps of its session or token; ``how`` a session began: by password or provider."""

    principal: Principal
    credential: Credential
    hash: bytes
    how: str = ""


@dataclass(slots=True)
class _Known:
    identity: Identity
    until: float  # in seconds since 1970, as is the next
    looked_s: float
    outdated: bool = False


def shown(connection: HTTPConnection) -> Credential | None:
    """The token in ``Authorization``, else the session's cookie."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return Credential(token.strip()[:200], True)
    cookie = connection.cookies.get(SECURE_COOKIE) or connection.cookies.get(COOKIE)
    return Credential(cookie[:200], False) if cookie else None


class Identities:
    """`run` once; ask `of` for each request."""

    def __init__(self, *, reader: Reader, clock: Clock, dsn: str, idle: timedelta) -> None:
        self._reader = reader
        self._clock = clock
        self._dsn = dsn
        self._idle = idle
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._watched: dict[str, set[asyncio.Event]] = {}
        self._hearing = False
        self._turn = 0  # counts what was forgotten: what was read before is not remembered after

    async def of(self, connection: HTTPConnection) -> Identity | None:
        """Who asks; None: nobody, or with a session or token that holds no more.

        :raises StorageUnavailable: the database is away, and who it is was not known lately.
        """
        credential = shown(connection)
        return None if credential is None else await self.holder(credential)

    async def holder(self, credential: Credential) -> Identity | None:
        hash_ = kept(credential.secret)
        known = self._known.get(hash_)
        now_s = self._clock.now().timestamp()
        if known is not None:
            age_s = now_s - known.looked_s
            if known.until <= now_s:
                known = self._known.pop(hash_)
            elif not known.outdated and 0 <= age_s < (KEEP_S if self._hearing else UNSURE_S):
                self._known.move_to_end(hash_)
                return known.identity
        turn = self._turn
        try:
            found = await self._reader.read(lambda conn: self._look(conn, credential, hash_))
        except StorageUnavailable:
            if known is not None and hash_ in self._known and now_s - known.looked_s < AWAY_S:
                return known.identity
            raise
        if found is None:
            self._known.pop(hash_, None)
            return None
        principal = found.account.principal(
            scope=found.permissions, token=found.token, by_password=found.how != "provider"
        )
        identity = Identity(principal, credential, hash_, found.how)
        if turn == self._turn:
            self._known[hash_] = _Known(identity, found.until.timestamp(), now_s)
            self._known.move_to_end(hash_)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return identity

    async def _look(self, conn: Connection, credential: Credential, hash_: bytes) -> KnownSession | None:
        now = self._clock.now()
        if credential.is_token:
            return await token_of(conn, hash_, now=now)
        return await session_of(conn, hash_, now=now, idle=self._idle)

    async def until_over(self, identity: Identity) -> None:
        """Return when ``identity`` holds no more, or not as it did. Keeps its session from growing old meanwhile."""
        account_id = identity.principal.account_id
        changed = asyncio.Event()
        self._watched.setdefault(account_id, set()).add(changed)
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(KEEP_S):
                        await changed.wait()
                changed.clear()
                with suppress(StorageError):
                    now = await self.holder(identity.credential)
                    if now is None or now.principal != identity.principal:
                        return
        finally:
            watching = self._watched[account_id]
            watching.discard(changed)
            if not watching:
                del self._watched[account_id]

    def forget(self, account_id: str = "") -> None:
        """What is known of an account; "" = of all."""
        self._turn += 1
        for hash_, known in list(self._known.items()):
            if not account_id:
                known.outdated = True  # and kept for the case that the database is away
            elif known.identity.principal.account_id == account_id:
                del self._known[hash_]
        for watched in [account_id] if account_id else list(self._watched):
            for changed in self._watched.get(watched, ()):
                changed.set()

    async def run(self) -> None:
        """Hear of changes, and forget what is over."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="identities listener")
            tasks.create_task(self._prune(), name="identities pruner")

    async def _listen(self) -> None:
        told = True
        while True:
            try:
                conn = await connect(self._dsn, name="web identities")
                try:
                    async with wrapped_errors():
                        await listen(conn, NoticeChannel.ACCOUNT)
                        self.forget()
                        self._hearing = told = True
                        async for notice in conn.notifies():
                            self.forget(notice.payload)
                finally:
                    self._hearing = False
                    await conn.close()
            except StorageError as error:
                if told:
                    log.warning("changes of accounts are not heard", error=str(error))
                told = False
            await asyncio.sleep(RECONNECT_S)

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(_PRUNE_S)
            with suppress(StorageError):
                await self._reader.read(self._prune_now)

    async def _prune_now(self, conn: Connection) -> None:
        now = self._clock.now()
        await prune_sessions(conn, now=now)
        await prune_failures(conn, now=now)
