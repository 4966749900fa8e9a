"""Signing in at an OpenID Connect provider: who gets in, who does not, and that passwords never wait for it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from joserfc.jwk import RSAKey

from dashboards.app import create_app
from dashboards.oidc.claims import ClaimMapping
from dashboards.oidc.provider import ProviderSettings
from domain.access import Role
from storage.accounts import change_account, get_account
from storage.pool import KeptPool
from tests.integration.dashboards import accounts
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder, signed_in_settings
from tests.integration.dashboards.district import NOW, District, SetClock
from tests.integration.dashboards.fake_provider import CLIENT, ISSUER, SECRET, FakeProvider, begin, come_back

MAPPING = ClaimMapping(
    role_claim="groups",
    roles={"cw-admin": Role.ADMINISTRATOR, "cw-operator": Role.OPERATOR, "cw-school": Role.SCHOOL_OFFICER},
    site_claim="sites",
)
ZHANG: dict[str, Any] = {"preferred_username": "zhang", "name": "张伟", "groups": ["cw-operator"]}


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


@pytest.fixture
def mapping() -> ClaimMapping | None:
    return None


@pytest.fixture
def provider(clock: SetClock) -> FakeProvider:
    return FakeProvider(clock)


@pytest.fixture
def app(
    database: str, pool: KeptPool, desk: Desk, clock: SetClock, provider: FakeProvider, mapping: ClaimMapping | None
) -> FastAPI:
    known = ProviderSettings(issuer=ISSUER, client_id=CLIENT, client_secret=SECRET, mapping=mapping)
    return create_app(
        pool=pool,
        desk=desk,
        registrar=Registrar(pool, clock),
        replayer=Replayer(),
        assessor=assessor(pool, clock),
        responder=responder(pool, clock),
        settings=dataclasses.replace(signed_in_settings(database), provider=known),
        clock=clock,
        version="0.1.0",
        fetch=provider,
    )


@pytest.fixture(autouse=True)
async def _accounts(pool: KeptPool, district: District) -> None:
    district.site("s001")
    await accounts.add(pool, "admin", Role.ADMINISTRATOR)
    await accounts.add(pool, "li", Role.OPERATOR, name="李娜", one_time=True)


async def tie(pool: KeptPool, account_id: str, subject: str = "248289761001") -> None:
    async with pool.connection() as conn:
        account = await get_account(conn, account_id)
        tied = msgspec.structs.replace(account, issuer=ISSUER, subject=subject)
        await change_account(conn, tied, actor="test", at=NOW)


async def sign_in(client: httpx.AsyncClient, provider: FakeProvider, **claims: Any) -> str:
    return await come_back(client, *provider.allow(await begin(client), **claims))


async def me(client: httpx.AsyncClient) -> Any:
    return (await client.get("/session")).json()["account"]


async def test_an_account_made_beforehand_is_known_by_its_subject(
    client: httpx.AsyncClient, provider: FakeProvider, pool: KeptPool, district: District
) -> None:
    await tie(pool, "li")
    assert (await client.get("/session")).json()["provider"] == {"name": "统一身份认证", "name_en": "Single sign-on"}
    assert await sign_in(client, provider) == ""
    told = await me(client)
    assert (told["account"], told["role"], told["must_change"]) == ("li", "operator", False), "his password waits"
    (session,) = (await client.get("/session/sessions")).json()["items"]
    assert session["how"] == "provider"
    assert (await client.get("/wall")).status_code == 200
    begun = district.execute("SELECT subject, detail FROM audit_entry WHERE action = 'session.begun'")
    assert begun == [("li", {"by": "provider"})]


async def test_what_goes_out_and_what_comes_back_are_bound_to_each_other(
    client: httpx.AsyncClient, app: FastAPI, provider: FakeProvider, pool: KeptPool, clock: SetClock
) -> None:
    await tie(pool, "li")
    page = await begin(client)
    assert page.startswith(f"{ISSUER}/authorize?")
    assert SECRET not in page
    cookie = next(one for one in client.cookies.jar if one.name == "campuswatch_visit")
    assert cookie.value is not None
    assert cookie.value not in page, "the page knows nothing by which somebody else could come back"
    code, state = provider.allow(page)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost/api/v1") as other:
        assert await come_back(other, code, state) == "stale", "another browser"
    assert await come_back(client, code, state) == "stale", "a state is good for once"

    code, state = provider.allow(await begin(client))
    assert await come_back(client, code, "x" + state[1:]) == "stale"
    assert await come_back(client, code, state) == ""
    assert await come_back(client, code, state) == "stale", "nothing is replayed"
    code, state = provider.allow(await begin(client))
    clock.at += timedelta(minutes=11)
    assert await come_back(client, code, state) == "stale", "too late"
    code, state = provider.allow(await begin(client))
    assert await come_back(client, "code-that-never-was", state) == "refused"
    _, state = provider.allow(await begin(client))
    assert await come_back(client, "", state, error="access_denied") == "refused"
    code, state = provider.allow(await begin(client))
    assert await come_back(client, code, state, iss="https://elsewhere.example") == "untrusted"


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"aud": "another"},
        {"iss": "https://another.example"},
        {"exp": int(NOW.timestamp()) - 3600},
        {"sub": ""},
    ],
    ids=["nonce", "aud", "iss", "expired", "sub"],
)
async def test_a_token_that_is_not_for_this_visit_lets_nobody_in(
    client: httpx.AsyncClient, provider: FakeProvider, pool: KeptPool, claims: dict[str, Any]
) -> None:
    await tie(pool, "li")
    assert await sign_in(client, provider, **claims) == "untrusted"
    assert await me(client) is None


async def test_keys_may_change_and_strangers_keys_count_for_nothing(
    client: httpx.AsyncClient, provider: FakeProvider, pool: KeptPool, clock: SetClock
) -> None:
    await tie(pool, "li")
    assert await sign_in(client, provider) == ""
    provider.key = RSAKey.generate_key(2048, {"kid": "k2", "use": "sig"})
    assert await sign_in(client, provider) == "untrusted", "no key of the provider"
    asked = provider.asked.count("/jwks")
    for _ in range(3):
        assert await sign_in(client, provider) == "untrusted"
    assert provider.asked.count("/jwks") == asked, "nobody makes us ask again and again"
    provider.published = [provider.key]
    clock.at += timedelta(seconds=31)
    assert await sign_in(client, provider) == ""


async def test_whom_we_do_not_know_is_told_so_and_an_administrator_finds_the_subject(
    client: httpx.AsyncClient, provider: FakeProvider, district: District
) -> None:
    assert await sign_in(client, provider, groups=["cw-admin"]) == "unknown"
    assert await me(client) is None
    refused = district.execute("SELECT subject, detail->>'reason' FROM audit_entry WHERE action = 'session.refused'")
    assert refused == [("248289761001", "unknown")]


async def test_who_is_disabled_stays_out(client: httpx.AsyncClient, provider: FakeProvider, pool: KeptPool) -> None:
    await tie(pool, "li")
    await accounts.sign_in(client, "admin")
    assert (await client.post("/accounts/li/disable", headers=await accounts.csrf(client))).status_code == 200
    assert await sign_in(client, provider) == "disabled"


async def test_the_provider_may_be_away_and_passwords_do_not_wait_for_it(
    client: httpx.AsyncClient, provider: FakeProvider, pool: KeptPool
) -> None:
    provider.away = True
    answer = await client.post("/session/provider", json={}, headers={"origin": "http://localhost"})
    assert (answer.status_code, answer.json()["detail"]) == (503, "provider: away")
    assert (await accounts.sign_in(client, "admin")).status_code == 200
    provider.away = False
    code, state = provider.allow(await begin(client))
    provider.away = True
    assert await come_back(client, code, state) == "away"
    assert (await me(client))["account"] == "admin", "who was in stays in"


@pytest.mark.parametrize(
    "pages",
    [
        {"issuer": "https://another.example"},
        {"token_endpoint": "http://id.example.cn/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": 7},
    ],
)
async def test_a_discovery_that_cannot_be_is_not_believed(
    client: httpx.AsyncClient, provider: FakeProvider, pages: dict[str, Any]
) -> None:
    provider.pages = pages
    answer = await client.post("/session/provider", json={}, headers={"origin": "http://localhost"})
    assert (answer.status_code, answer.json()["detail"]) == (503, "provider: away")


async def test_signing_out_leads_to_the_provider(
    client: httpx.AsyncClient, provider: FakeProvider, pool: KeptPool
) -> None:
    await tie(pool, "li")
    await sign_in(client, provider)
    told = (await client.delete("/session", headers=await accounts.csrf(client))).json()
    assert told["sign_out_page"].startswith(
        f"{ISSUER}/logout?client_id={CLIENT}&post_logout_redirect_uri=http%3A%2F%2F"
    )
    await accounts.sign_in(client, "admin")
    told = (await client.delete("/session", headers=await accounts.csrf(client))).json()
    assert told["sign_out_page"] is None, "a password began it"


async def test_such_a_session_ends_when_the_provider_wants_to_be_asked_again(
    client: httpx.AsyncClient, provider: FakeProvider, pool: KeptPool, clock: SetClock
) -> None:
    await tie(pool, "li")
    await sign_in(client, provider)
    clock.at += timedelta(hours=11)
    assert (await client.get("/wall")).status_code == 200
    clock.at += timedelta(hours=2)
    assert (await client.get("/wall")).status_code == 401


async def test_no_foreign_page_begins_it_and_not_too_many_at_once(
    client: httpx.AsyncClient, provider: FakeProvider
) -> None:
    answer = await client.post("/session/provider", json={}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    for _ in range(100):
        await begin(client)
    answer = await client.post("/session/provider", json={}, headers={"origin": "http://localhost"})
    assert answer.status_code == 429
    assert (await accounts.sign_in(client, "admin")).status_code == 200


async def test_no_secret_is_logged_or_kept(
    client: httpx.AsyncClient,
    provider: FakeProvider,
    pool: KeptPool,
    district: District,
    logged: list[MutableMapping[str, Any]],
) -> None:
    page = await begin(client)
    browser = client.cookies["campuswatch_visit"]
    code, state = provider.allow(page)
    assert await come_back(client, code, state) == "unknown"
    assert logged, "that somebody did not come in is in the log"
    for secret in (SECRET, code, state, browser):
        assert secret not in json.dumps(logged, default=str)
    (visits,) = district.execute("SELECT count(*) FROM provider_visit")
    assert visits == (0,)


class TestMapped:
    """Roles and sites by claims."""

    @pytest.fixture
    def mapping(self) -> ClaimMapping | None:
        return MAPPING

    async def test_an_account_is_made_at_the_first_sign_in_and_follows_the_claims(
        self, client: httpx.AsyncClient, provider: FakeProvider, district: District
    ) -> None:
        assert await sign_in(client, provider, **ZHANG) == ""
        told = await me(client)
        assert (told["account"], told["name"], told["role"]) == ("zhang", "张伟", "operator")
        officer = ZHANG | {"groups": ["cw-school"], "sites": ["s001"]}
        assert await sign_in(client, provider, **officer) == ""
        told = await me(client)
        assert (told["account"], told["role"], told["sites"]) == ("zhang", "school_officer", ["s001"])
        assert await sign_in(client, provider, **ZHANG | {"groups": ["visitors"]}) == "no_role"
        assert await sign_in(client, provider, **officer | {"sites": ["s404"]}) == "conflict"
        actions = district.execute("SELECT action FROM audit_entry WHERE actor = 'provider' ORDER BY entry_no")
        assert actions == [("account.added",), ("account.changed",)]

    async def test_no_account_of_ours_is_taken_over(
        self, client: httpx.AsyncClient, provider: FakeProvider, pool: KeptPool
    ) -> None:
        assert await sign_in(client, provider, **ZHANG | {"preferred_username": "admin"}) == "conflict"
        assert await sign_in(client, provider, **ZHANG | {"preferred_username": "a b"}) == "conflict"
        assert await me(client) is None
        async with pool.connection() as conn:
            assert (await get_account(conn, "admin")).subject == ""

    async def test_two_of_one_name_are_told_apart(self, client: httpx.AsyncClient, provider: FakeProvider) -> None:
        assert await sign_in(client, provider, **ZHANG | {"name": "李娜"}) == ""
        assert (await me(client))["name"] == "李娜 zhang"

    async def test_claims_take_the_role_from_no_last_administrator(
        self, client: httpx.AsyncClient, provider: FakeProvider, pool: KeptPool
    ) -> None:
        await tie(pool, "admin")
        assert await sign_in(client, provider, **ZHANG) == "conflict"
        assert await sign_in(client, provider, **ZHANG | {"groups": ["cw-admin"]}) == ""
