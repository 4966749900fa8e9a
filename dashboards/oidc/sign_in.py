"""From a visit at the provider to a session here."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from dashboards.metrics import WebMetrics
from dashboards.oidc.claims import ClaimMapping, granted
from dashboards.oidc.provider import Provider
from dashboards.oidc.refusal import Fault, ProviderRefused
from dashboards.passwords import kept
from dashboards.reader import Reader
from dashboards.sign_in import From, SignedIn, SignIn
from domain.account import Account
from domain.clock import Clock
from domain.errors import AccountRefused, UnknownSite
from domain.lockout import network_of
from storage.accounts import account_of_subject, add_account, change_account
from storage.audit_trail import append
from storage.pool import Connection
from storage.provider_visits import Visit, begin_visit, take_visit

#: Who it is in the audit that makes and changes accounts by what claims say.
ACTOR = "provider"

log = structlog.get_logger("campuswatch.web.provider")


@dataclass(frozen=True, slots=True)
class Begun:
    """``page`` is where the browser goes; ``browser`` it carries meanwhile."""

    page: str
    browser: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What a browser brings back from the provider. ``issuer`` "" = not said (RFC 9207)."""

    state: str
    code: str
    browser: str
    error: str = ""
    issuer: str = ""


class ProviderSignIn:
    def __init__(
        self, provider: Provider, *, sign_in: SignIn, reader: Reader, clock: Clock, metrics: WebMetrics
    ) -> None:
        self.provider = provider
        self._sign_in = sign_in
        self._reader = reader
        self._clock = clock
        self._metrics = metrics

    async def begin(self, redirect_uri: str, where: From) -> Begun:
        """:raises ProviderRefused: the provider is away, or too many are on their way from there."""
        state, browser, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        page = await self.provider.page(state=state, nonce=nonce, verifier=verifier, redirect_uri=redirect_uri)
        visit = Visit(
            browser=kept(browser), nonce=nonce, verifier=verifier, redirect_uri=redirect_uri, made_at=self._clock.now()
        )
        address = network_of(where.address)
        if not await self._reader.read(lambda conn: begin_visit(conn, kept(state), visit, address=address)):
            raise ProviderRefused(Fault.BUSY, f"too many from {address} are on their way")
        return Begun(page, browser)

    async def finish(self, back: Returned, where: From) -> SignedIn:
        """:raises ProviderRefused:"""
        now = self._clock.now()
        visit = await self._reader.read(lambda conn: take_visit(conn, kept(back.state), now=now))
        if visit is None or not hmac.compare_digest(visit.browser, kept(back.browser)):
            raise ProviderRefused(Fault.STALE, "no such visit of this browser, or it took too long")
        if back.issuer and back.issuer != self.provider.settings.issuer:
            raise ProviderRefused(Fault.UNTRUSTED, "the answer is another issuer's")
        if back.error or not back.code:
            raise ProviderRefused(Fault.REFUSED, f"the provider says {back.error[:64]!r}")
        claims = await self.provider.claims(
            back.code, nonce=visit.nonce, verifier=visit.verifier, redirect_uri=visit.redirect_uri
        )
        try:
            account = await self._reader.read(lambda conn: self._account(conn, claims))
        except ProviderRefused as error:
            await self._write_down(str(claims["sub"]), error, where)
            raise
        return await self._sign_in.begin(account, where, how="provider", at_most=self.provider.settings.lasts)

    async def _account(self, conn: Connection, claims: Mapping[str, Any]) -> Account:
        issuer, subject = self.provider.settings.issuer, str(claims["sub"])
        account = await account_of_subject(conn, issuer, subject)
        if account is not None and account.disabled_at is not None:
            raise ProviderRefused(Fault.DISABLED, f"account {account.account_id} is disabled")
        mapping = self.provider.settings.mapping
        if mapping is not None:
            return await self._mapped(conn, account, claims, mapping)
        if account is None:
            raise ProviderRefused(Fault.UNKNOWN, f"no account is {subject} there")
        return account

    async def _mapped(
        self, conn: Connection, account: Account | None, claims: Mapping[str, Any], mapping: ClaimMapping
    ) -> Account:
        """As the claims say: made at the first sign-in, role and sites changed at each. An account that was there
        before and is not tied to this person is never taken over.
        """
        may, now = granted(claims, mapping), self._clock.now()
        try:
            if account is not None:
                if (account.role, account.site_ids) == (may.role, may.sites):
                    return account
                changed = msgspec.structs.replace(account, role=may.role, site_ids=may.sites)
                return await change_account(conn, changed, actor=ACTOR, at=now)
            if not may.account_id:
                raise ProviderRefused(Fault.CONFLICT, f"claim {mapping.account_claim} is no name of an account")
            new = Account(
                account_id=may.account_id,
                name=may.name[:64],
                role=may.role,
                site_ids=may.sites,
                issuer=self.provider.settings.issuer,
                subject=str(claims["sub"]),
            )
            await self._add(conn, new)
        except (AccountRefused, UnknownSite) as error:
            raise ProviderRefused(Fault.CONFLICT, str(error)) from error
        return new

    async def _add(self, conn: Connection, new: Account) -> None:
        now = self._clock.now()
        try:
            await add_account(conn, new, password_hash=None, actor=ACTOR, at=now)
        except AccountRefused as error:
            if error.field != "name":
                raise
            # Two of one name: the audit has to tell them apart.
            other = msgspec.structs.replace(new, name=f"{new.name[:30]} {new.account_id}")
            await add_account(conn, other, password_hash=None, actor=ACTOR, at=now)

    async def _write_down(self, subject: str, error: ProviderRefused, where: From) -> None:
        """Whom the provider knows and we let not in: with the subject, which an administrator needs to let him in."""
        now = self._clock.now()
        await self._reader.read(
            lambda conn: append(
                conn,
                at=now,
                actor="system",
                origin=where.address,
                action="session.refused",
                subject=subject,
                detail={"by": "provider", "reason": error.fault.value, "detail": str(error)[:500]},
            )
        )

    def tell(self, error: ProviderRefused, where: From) -> None:
        """Into the log and the figures."""
        self._metrics.sign_ins.labels("held" if error.fault is Fault.BUSY else "wrong").inc()
        log.warning("no sign-in by the provider", fault=error.fault.value, why=str(error), address=where.address)
