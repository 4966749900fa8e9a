"""An ID token is believed when everything about it is right."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from dashboards.oidc.claims import ClaimMapping, granted
from dashboards.oidc.refusal import Fault, ProviderRefused
from dashboards.oidc.tokens import UnknownKey, checked
from domain.access import Role

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
ISSUER, CLIENT, NONCE = "https://id.example.cn/realms/edu", "campuswatch", "n-0S6_WzA2Mj"
RSA = RSAKey.generate_key(2048, {"kid": "r1", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "e1", "use": "sig"})
STRANGER = RSAKey.generate_key(2048, {"kid": "r1", "use": "sig"})  # of the same name
KEYS = KeySet.import_key_set(KeySet([RSA, EC]).as_dict(private=False))
RIGHT: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "sub": "248289761001",
    "nonce": NONCE,
    "iat": NOW_S - 2,
    "exp": NOW_S + 300,
}


def signed(claims: dict[str, Any], key: Any = RSA, **header: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": key.kid, **header}, claims, key, algorithms=["RS256", "ES256", "HS256"])


def check(token: str) -> Any:
    return checked(token, KEYS, issuer=ISSUER, client_id=CLIENT, nonce=NONCE, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "other"], "azp": CLIENT},
        {"exp": NOW_S - 59},
        {"iat": NOW_S + 59},
        {"nbf": NOW_S},
        {"sub": "张伟@edu"},
    ],
)
def test_what_is_right_is_believed(change: dict[str, Any]) -> None:
    assert check(signed(RIGHT | change))["sub"] == (RIGHT | change)["sub"]


def test_any_of_its_keys_and_algorithms_holds() -> None:
    assert check(signed(RIGHT, EC, alg="ES256"))["iss"] == ISSUER


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iss": "https://id.example.org"}, "iss"),
        ({"iss": ISSUER + "/"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": [CLIENT, "other"]}, "azp"),
        ({"azp": "other"}, "azp"),
        ({"exp": NOW_S - 61}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": True}, "exp"),
        ({"iat": NOW_S + 3600}, "future"),
        ({"iat": NOW_S - 3600}, "long ago"),
        ({"iat": None}, "iat"),
        ({"nbf": NOW_S + 3600}, "hold yet"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": [NONCE]}, "nonce"),
        ({"sub": ""}, "sub"),
        ({"sub": None}, "sub"),
        ({"sub": 7}, "sub"),
        ({"sub": "x" * 256}, "sub"),
        ({"sub": "a\x00b"}, "sub"),
    ],
)
def test_what_is_wrong_is_not(change: dict[str, Any], why: str) -> None:
    claims = {name: value for name, value in (RIGHT | change).items() if value is not None}
    with pytest.raises(ProviderRefused, match=why) as refused:
        check(signed(claims))
    assert refused.value.fault is Fault.UNTRUSTED


def _tampered() -> str:
    head, _, signature = signed(RIGHT).split(".")
    return f"{head}.{signed(RIGHT | {'sub': 'admin'}).split('.')[1]}.{signature}"


def _none() -> str:
    return signed(RIGHT).rsplit(".", 2)[0].replace(signed(RIGHT).split(".")[0], "eyJhbGciOiJub25lIn0") + "."


@pytest.mark.parametrize(
    "token",
    [
        signed(RIGHT, STRANGER),
        _tampered(),
        _none(),
        signed(RIGHT, OctKey.import_key("secret-of-the-client-0123456789abcdef"), alg="HS256", kid="r1"),
        signed(RIGHT, EC, alg="ES256", kid="r1"),  # another key's name
        "",
        "a.b",
        "a.b.c",
        "ä.b.c",
        "x" * 70_000,
    ],
    ids=["stranger", "tampered", "none", "shared-secret", "other-key", "empty", "two", "three", "letters", "long"],
)
def test_nothing_unsigned_or_signed_otherwise_is_believed(token: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        check(token)
    assert refused.value.fault is Fault.UNTRUSTED


def test_a_key_that_is_not_known_is_asked_for() -> None:
    """The provider may have changed its keys."""
    with pytest.raises(UnknownKey):
        check(signed(RIGHT, RSAKey.generate_key(2048, {"kid": "r2"})))


MAPPING = ClaimMapping(
    role_claim="realm_access.roles",
    roles={"cw-admin": Role.ADMINISTRATOR, "cw-operator": Role.OPERATOR, "cw-school": Role.SCHOOL_OFFICER},
    site_claim="sites",
)
PERSON: dict[str, Any] = {"preferred_username": "ZhangWei", "name": "张伟", "sites": ["s001", "s002", "s001"]}


def having(*roles: object) -> dict[str, Any]:
    return {**PERSON, "realm_access": {"roles": list(roles)}}


def test_claims_give_the_first_role_that_the_settings_name() -> None:
    assert granted(having("x", "cw-operator", "cw-admin"), MAPPING).role is Role.ADMINISTRATOR
    officer = granted(having("cw-school"), MAPPING)
    assert (officer.role, officer.sites) == (Role.SCHOOL_OFFICER, ("s001", "s002"))
    assert (officer.account_id, officer.name) == ("zhangwei", "张伟")
    assert granted(having("cw-operator"), MAPPING).sites is None


@pytest.mark.parametrize(
    "claims",
    [
        PERSON,
        having(),
        having("CW-ADMIN", 7, None),
        {**PERSON, "realm_access": "cw-admin"},
        {**PERSON, "realm_access": {"roles": {"cw-admin": True}}},
        {**having("cw-school"), "sites": []},
        {**having("cw-school"), "sites": None},
    ],
)
def test_nobody_gets_a_role_by_default(claims: dict[str, Any]) -> None:
    with pytest.raises(ProviderRefused) as refused:
        granted(claims, MAPPING)
    assert refused.value.fault is Fault.NO_ROLE


@pytest.mark.parametrize("name", ["张伟", "", "a b", "x" * 33, 7])
def test_who_is_called_as_no_account_can_be_gets_none(name: object) -> None:
    assert granted({**having("cw-operator"), "preferred_username": name}, MAPPING).account_id == ""
