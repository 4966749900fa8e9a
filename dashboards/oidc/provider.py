"""The provider over HTTP: where its pages are, its keys, and a code for an ID token. Everything bounded and timed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from dashboards.guard import is_loopback
from dashboards.oidc.claims import ClaimMapping
from dashboards.oidc.refusal import Fault, ProviderRefused
from dashboards.oidc.tokens import UnknownKey, checked
from domain.clock import Clock

#: Where its pages and keys are is asked again so often; its keys at once where one is unknown, but no more often than
#: that.
_KNOWN_FOR, _KEYS_AGAIN = timedelta(hours=1), timedelta(seconds=30)
_TIMEOUT_S = 5.0
_AT_ONCE = 4
_MOST_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """``mapping`` None: accounts are made beforehand and say themselves who they are there."""

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    name: str = "统一身份认证"
    name_en: str = "Single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile")
    mapping: ClaimMapping | None = None
    #: How long such a session lasts at most: who is gone at the provider is gone here then.
    lasts: timedelta = timedelta(hours=12)
    ca: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


class Fetch(Protocol):
    """One request; no redirect is followed. :raises ProviderRefused: no answer came in time."""

    async def __call__(
        self, url: str, *, form: Mapping[str, str] | None = None, basic: tuple[str, str] | None = None
    ) -> Answer: ...


class _Pages(msgspec.Struct, frozen=True):
    """What discovery says (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Provider:
    def __init__(self, settings: ProviderSettings, *, clock: Clock, fetch: Fetch | None = None) -> None:
        self.settings = settings
        self._clock = clock
        self._fetch = fetch or over_http(settings.ca)
        self._turn = asyncio.Lock()
        self._failed = 0
        self._refused: ProviderRefused | None = None
        self._exchanges = asyncio.Semaphore(_AT_ONCE)
        self._pages: tuple[_Pages, float] | None = None
        self._keys: tuple[KeySet, float] | None = None

    async def page(self, *, state: str, nonce: str, verifier: str, redirect_uri: str) -> str:
        """Where the browser goes. :raises ProviderRefused: the provider is away."""
        pages = await self._known_pages()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return _with_query(pages.authorization_endpoint, asked)

    async def claims(self, code: str, *, nonce: str, verifier: str, redirect_uri: str) -> Mapping[str, Any]:
        """Of the ID token that ``code`` is exchanged for. :raises ProviderRefused:"""
        async with self._place():
            pages = await self._known_pages()
            id_token = await self._exchange(pages, code, verifier=verifier, redirect_uri=redirect_uri)
            keys = await self._known_keys(pages, again=False)
            try:
                return self._checked(id_token, keys, nonce)
            except UnknownKey:
                keys = await self._known_keys(pages, again=True)
            try:
                return self._checked(id_token, keys, nonce)
            except UnknownKey as error:
                raise ProviderRefused(Fault.UNTRUSTED, "ID token: signed with an unknown key") from error

    async def sign_out_page(self, back: str) -> str | None:
        """Where the session at the provider ends (RP-Initiated Logout 1.0); None: it has none, or is away."""
        try:
            pages = await self._known_pages()
        except ProviderRefused:
            return None
        if not pages.end_session_endpoint:
            return None
        asked = {"client_id": self.settings.client_id, "post_logout_redirect_uri": back}
        return _with_query(pages.end_session_endpoint, asked)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Among those who exchange a code. :raises ProviderRefused: none became free in time."""
        try:
            await asyncio.wait_for(self._exchanges.acquire(), _TIMEOUT_S)
        except TimeoutError as error:
            raise ProviderRefused(Fault.BUSY, f"{_AT_ONCE} others still wait for the provider") from error
        try:
            yield
        finally:
            self._exchanges.release()

    async def _asked(self, url: str, failed: int) -> Answer:
        """In its turn. Whoever waited while the provider did not answer somebody else does not ask and wait anew:
        ``failed`` is how often it had failed when he began to wait.
        """
        if self._refused is not None and self._failed != failed:
            raise ProviderRefused(self._refused.fault, str(self._refused)) from self._refused
        try:
            return await self._fetch(url)
        except ProviderRefused as error:
            self._failed += 1
            self._refused = error
            raise

    def _checked(self, id_token: str, keys: KeySet, nonce: str) -> Mapping[str, Any]:
        known = self.settings
        return checked(
            id_token, keys, issuer=known.issuer, client_id=known.client_id, nonce=nonce, now=self._clock.now()
        )

    async def _exchange(self, pages: _Pages, code: str, *, verifier: str, redirect_uri: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        client_id, secret = self.settings.client_id, self.settings.client_secret
        basic = None
        if not secret:
            form["client_id"] = client_id
        elif "client_secret_basic" in pages.token_endpoint_auth_methods_supported:
            basic = (quote(client_id, safe=""), quote(secret, safe=""))  # RFC 6749, 2.3.1
        else:
            form |= {"client_id": client_id, "client_secret": secret}
        answer = await self._fetch(pages.token_endpoint, form=form, basic=basic)
        if answer.status in (400, 401):
            raise ProviderRefused(Fault.REFUSED, f"the provider takes no code ({answer.status}): {_error_of(answer)}")
        said = _json(answer, "token endpoint")
        id_token = said.get("id_token")
        if not isinstance(id_token, str):
            raise ProviderRefused(Fault.UNTRUSTED, "the provider gave no ID token")
        return id_token

    async def _known_pages(self) -> _Pages:
        failed = self._failed
        async with self._turn:
            now_s = self._clock.now().timestamp()
            if self._pages is not None and 0 <= now_s - self._pages[1] < _KNOWN_FOR.total_seconds():
                return self._pages[0]
            url = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            said = _json(await self._asked(url, failed), "discovery")
            try:
                pages = msgspec.convert(said, _Pages)
            except msgspec.ValidationError as error:
                raise ProviderRefused(Fault.AWAY, f"discovery: {error}") from error
            if pages.issuer != self.settings.issuer:
                raise ProviderRefused(Fault.AWAY, f"discovery: the issuer calls itself {pages.issuer[:200]}")
            for page in (
                pages.authorization_endpoint,
                pages.token_endpoint,
                pages.jwks_uri,
                pages.end_session_endpoint,
            ):
                if page and not safe(page):
                    raise ProviderRefused(Fault.AWAY, f"discovery: expected https, got {page[:200]}")
            self._pages = (pages, now_s)
            return pages

    async def _known_keys(self, pages: _Pages, *, again: bool) -> KeySet:
        failed = self._failed
        async with self._turn:
            now_s = self._clock.now().timestamp()
            for_s = (_KEYS_AGAIN if again else _KNOWN_FOR).total_seconds()
            if self._keys is not None and 0 <= now_s - self._keys[1] < for_s:
                return self._keys[0]
            said = _json(await self._asked(pages.jwks_uri, failed), "keys")
            try:
                signing = [key for key in said["keys"] if key.get("use", "sig") == "sig"]
                keys = KeySet.import_key_set({"keys": signing})
            except (JoseError, KeyError, TypeError, AttributeError, ValueError) as error:
                raise ProviderRefused(Fault.AWAY, f"keys: {type(error).__name__}") from error
            self._keys = (keys, now_s)
            return keys


def safe(url: str) -> bool:
    """Over TLS, or on this machine."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    return bool(name) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(name)))


def over_http(ca: ssl.SSLContext | None) -> Fetch:
    async def fetch(url: str, *, form: Mapping[str, str] | None = None, basic: tuple[str, str] | None = None) -> Answer:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        auth = None if basic is None else aiohttp.BasicAuth(*basic)
        headers = {"accept": "application/json"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as client,
                client.request(
                    "GET" if form is None else "POST",
                    url,
                    data=form,
                    auth=auth,
                    ssl=True if ca is None else ca,
                    allow_redirects=False,
                ) as answer,
            ):
                body = await answer.content.read(_MOST_BYTES + 1)
                while len(body) <= _MOST_BYTES and (more := await answer.content.read(_MOST_BYTES + 1 - len(body))):
                    body += more
                return Answer(answer.status, body)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise ProviderRefused(
                Fault.AWAY, f"no answer from {urlsplit(url).hostname}: {type(error).__name__}"
            ) from error

    return fetch


def _with_query(url: str, asked: Mapping[str, str]) -> str:
    return url + ("&" if "?" in url else "?") + urlencode(asked)


def _json(answer: Answer, what: str) -> dict[str, Any]:
    if answer.status != 200 or len(answer.body) > _MOST_BYTES:
        raise ProviderRefused(Fault.AWAY, f"{what}: status {answer.status}, {len(answer.body)} bytes")
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ProviderRefused(Fault.AWAY, f"{what}: no JSON") from error


def _error_of(answer: Answer) -> str:
    """The provider's own word for it, which is of a short list (RFC 6749, 5.2)."""
    try:
        said = msgspec.json.decode(answer.body, type=dict[str, Any]).get("error", "")
    except msgspec.DecodeError:
        return ""
    return said[:64] if isinstance(said, str) and said.isascii() and said.isprintable() else ""
