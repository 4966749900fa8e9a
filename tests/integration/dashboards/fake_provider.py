"""An OpenID Connect provider in memory, which can be made to do wrong."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import Key, KeySet, RSAKey

from dashboards.oidc.provider import Answer
from dashboards.oidc.refusal import Fault, ProviderRefused
from tests.integration.dashboards.district import SetClock

ISSUER, CLIENT, SECRET = "https://id.example.cn", "campuswatch", "not for the log"


class FakeProvider:
    """`dashboards.oidc.provider.Fetch`. ``claims`` go into the next ID token over those that belong there, ``key``
    signs it; ``away``: nothing answers.
    """

    def __init__(self, clock: SetClock) -> None:
        self.clock = clock
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
        self.published: list[Key] = [self.key]
        self.claims: dict[str, Any] = {}
        self.pages: dict[str, Any] = {}
        self.away = False
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def allow(self, page: str, **claims: Any) -> tuple[str, str]:
        """What a person does at the provider's page: code and state for the way back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(page).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        self.claims = claims
        return code, query["state"]

    async def __call__(
        self, url: str, *, form: Mapping[str, str] | None = None, basic: tuple[str, str] | None = None
    ) -> Answer:
        self.asked.append(urlsplit(url).path)
        if self.away:
            raise ProviderRefused(Fault.AWAY, "no answer")
        match urlsplit(url).path:
            case "/.well-known/openid-configuration":
                return _answer(
                    {
                        "issuer": ISSUER,
                        "authorization_endpoint": f"{ISSUER}/authorize",
                        "token_endpoint": f"{ISSUER}/token",
                        "jwks_uri": f"{ISSUER}/jwks",
                        "end_session_endpoint": f"{ISSUER}/logout",
                        **self.pages,
                    }
                )
            case "/jwks":
                return _answer(KeySet(self.published).as_dict(private=False))
            case "/token":
                assert form is not None
                return self._token(form, basic)
        return Answer(404, b"")

    def _token(self, form: Mapping[str, str], basic: tuple[str, str] | None) -> Answer:
        asked = self._codes.pop(form["code"], None)  # a code is good for once
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        right = (
            asked is not None
            and basic == (CLIENT, SECRET.replace(" ", "%20"))
            and form["redirect_uri"] == asked["redirect_uri"]
            and challenge.decode() == asked["code_challenge"]
        )
        if asked is None or not right:
            return _answer({"error": "invalid_grant"}, 400)
        now_s = int(self.clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": CLIENT,
            "sub": "248289761001",
            "nonce": asked["nonce"],
            "iat": now_s,
            "exp": now_s + 300,
            **self.claims,
        }
        token = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)
        return _answer({"id_token": token, "access_token": "x", "token_type": "Bearer"})


def _answer(said: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(said).encode())


async def begin(client: httpx.AsyncClient, **headers: str) -> str:
    """The provider's page to go to."""
    answer = await client.post("/session/provider", json={}, headers={"origin": "http://localhost", **headers})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["page"])


async def come_back(client: httpx.AsyncClient, code: str, state: str, **said: str) -> str:
    """What the first page is told; "" = somebody is signed in."""
    answer = await client.get("/session/provider/callback", params={"code": code, "state": state, **said})
    assert answer.status_code == 303, answer.text
    there = answer.headers["location"]
    return "" if there == "/" else there.removeprefix("/?sign_in=")
