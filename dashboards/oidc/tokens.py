"""An ID token is believed when everything about it is right: OpenID Connect Core 1.0, 3.1.3.7. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from dashboards.oidc.refusal import Fault, ProviderRefused

#: Signatures with the provider's own key. None with a shared secret, and never `none`.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
#: How far the clocks of both sides may be apart.
LEEWAY = timedelta(seconds=60)
#: An ID token is made in the moment in which the code is exchanged.
OLDEST = timedelta(minutes=10)
LONGEST_TOKEN = 64 * 1024
LONGEST_SUBJECT = 255


class UnknownKey(Exception):
    """The token was signed with a key that is not among those known; there may be newer ones."""


def checked(
    id_token: str, keys: KeySet, *, issuer: str, client_id: str, nonce: str, now: datetime
) -> Mapping[str, Any]:
    """Its claims. :raises ProviderRefused: anything about it is wrong. :raises UnknownKey:"""
    claims = _signed(id_token, keys)
    if claims.get("iss") != issuer:
        raise _untrusted("iss is another")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise _untrusted("aud is another")
    authorized = claims.get("azp")
    if authorized != client_id and (authorized is not None or len(audiences) > 1):
        raise _untrusted("azp is another")
    if _moment(claims, "exp") <= now.timestamp() - LEEWAY.total_seconds():
        raise _untrusted("it has expired")
    issued_s = _moment(claims, "iat")
    if issued_s > now.timestamp() + LEEWAY.total_seconds():
        raise _untrusted("it was issued in the future; the clocks are apart")
    if issued_s < now.timestamp() - OLDEST.total_seconds():
        raise _untrusted("it was issued long ago")
    if "nbf" in claims and _moment(claims, "nbf") > now.timestamp() + LEEWAY.total_seconds():
        raise _untrusted("it does not hold yet")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise _untrusted("nonce is another")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise _untrusted("sub is none")
    return claims


def _signed(id_token: str, keys: KeySet) -> Mapping[str, Any]:
    if len(id_token) > LONGEST_TOKEN:
        raise _untrusted("it is too long")
    try:
        header = extract_compact(id_token.encode()).headers()
    except (JoseError, ValueError, UnicodeError) as error:
        raise _untrusted("it is no signed token") from error
    if header.get("alg") not in ALGORITHMS:
        raise _untrusted("its algorithm is not taken")
    if header.get("kid") and header["kid"] not in {key.kid for key in keys.keys}:
        raise UnknownKey
    try:
        return jwt.decode(id_token, keys, algorithms=list(ALGORITHMS)).claims
    except InvalidKeyIdError as error:
        raise UnknownKey from error
    except (JoseError, ValueError, UnicodeError) as error:
        raise _untrusted(f"its signature does not hold ({type(error).__name__})") from error


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _untrusted(f"{name} is no time")
    return float(value)


def _untrusted(why: str) -> ProviderRefused:
    return ProviderRefused(Fault.UNTRUSTED, f"ID token: {why}")
