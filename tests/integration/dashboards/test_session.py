"""Signing in, staying so, and out again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from dashboards.app import create_app
from dashboards.sign_in import MOST_WAITING, SLOW_S
from domain.access import Role
from storage.accounts import disable_account
from storage.pool import KeptPool, connect
from storage.sessions import revoke_token
from tests.integration.dashboards import accounts
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder, signed_in_settings
from tests.integration.dashboards.district import NOW, District, SetClock
from tests.integration.dashboards.running import PATIENCE_S


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


@pytest.fixture
def app(database: str, pool: KeptPool, desk: Desk, clock: SetClock, registry: CollectorRegistry) -> FastAPI:
    return create_app(
        pool=pool,
        desk=desk,
        registrar=Registrar(pool, clock),
        replayer=Replayer(),
        assessor=assessor(pool, clock),
        responder=responder(pool, clock),
        settings=signed_in_settings(database),
        clock=clock,
        version="0.1.0",
        registry=registry,
    )


@pytest.fixture
async def heard(app: FastAPI) -> AsyncIterator[None]:
    """The application is up: it hears notices."""
    async with app.router.lifespan_context(app):
        yield


@pytest.fixture(autouse=True)
async def _accounts(pool: KeptPool) -> None:
    await accounts.add(pool, "zhangwei", Role.OPERATOR, name="张伟")


async def test_nobody_is_told_that_he_is_nobody(client: httpx.AsyncClient) -> None:
    assert (await client.get("/session")).json() == {
        "sign_in": "required",
        "account": None,
        "csrf": "",
        "provider": None,
    }
    assert (await client.get("/wall")).status_code == 401


async def test_tries_that_wait_for_one_another_leave_the_database_to_those_at_work(
    client: httpx.AsyncClient, pool: KeptPool, database: str
) -> None:
    at_work = accounts.bearer(await accounts.token(pool, "zhangwei"))
    async with await connect(database, name="test") as conn, conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('address 127.0.0.1', 131))")
        tries = [
            asyncio.create_task(accounts.sign_in(client, f"guess{n}"), name=f"{n}") for n in range(MOST_WAITING + 9)
        ]
        await asyncio.wait(tries, timeout=0.5)
        assert (await client.get("/sites", headers=at_work)).status_code == 200
    answers = await asyncio.gather(*tries)
    assert {one.status_code for one in answers} <= {401, 429, 503}
    assert sum("at once" in one.text for one in answers) >= 9
    assert (await accounts.sign_in(client)).status_code in (200, 429)


async def test_who_signs_in_acts_under_his_own_name_whatever_the_client_says(
    client: httpx.AsyncClient, district: District
) -> None:
    signed_in = await accounts.sign_in(client, " ZhangWei ")
    assert signed_in.status_code == 200, signed_in.text
    told = signed_in.json()["account"]
    assert (told["name"], told["role"], told["sites"], told["must_change"]) == ("张伟", "operator", None, False)
    cookie = signed_in.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie

    incident = district.incident()
    answer = await client.post(
        f"/incidents/{incident}/acknowledge", json={"actor": "somebody else"}, headers=await accounts.csrf(client)
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["acknowledged_by"] == "张伟"
    answer = await client.post(f"/incidents/{incident}/notes", json={"note": "x"}, headers=await accounts.csrf(client))
    (entry,) = (await client.get(f"/incidents/{incident}")).json()["timeline"][-1:]
    assert (entry["actor"], answer.status_code) == ("张伟", 200)


async def test_who_signs_in_anew_leaves_the_session_before(client: httpx.AsyncClient, clock: SetClock) -> None:
    """And nobody is given a session that somebody else has chosen."""
    chosen = {"cookie": "campuswatch_session=chosen-by-somebody-else"}
    assert (await client.get("/session", headers=chosen)).json()["account"] is None
    first = (await accounts.sign_in(client, **chosen)).cookies["campuswatch_session"]
    second = (await accounts.sign_in(client)).cookies["campuswatch_session"]
    assert len({first, second, "chosen-by-somebody-else"}) == 3
    clock.at += timedelta(seconds=2)  # nobody hears notices in this test
    client.cookies.clear()
    for session, holds in ((first, False), (second, True)):
        told = await client.get("/session", headers={"cookie": f"campuswatch_session={session}"})
        assert (told.json()["account"] is not None) == holds


async def test_over_tls_the_cookie_never_goes_over_anything_else(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://localhost/api/v1") as client:
        signed_in = await accounts.sign_in(client, origin="https://localhost")
        assert signed_in.headers["set-cookie"].startswith("__Host-campuswatch_session=")
        assert "; secure" in signed_in.headers["set-cookie"].lower()
        assert (await client.get("/wall")).status_code == 200


@pytest.mark.parametrize(
    ("account", "password"), [("zhangwei", "wrong"), ("nobody", accounts.PASSWORD), ("a b", "x"), ("zhangwei", " ")]
)
async def test_what_was_wrong_is_not_told(client: httpx.AsyncClient, account: str, password: str) -> None:
    answer = await accounts.sign_in(client, account, password)
    assert (answer.status_code, answer.json()["detail"]) == (401, "account or password is wrong")
    assert "set-cookie" not in answer.headers


async def test_neither_a_wait_nor_the_time_tells_which_accounts_there_are(
    client: httpx.AsyncClient, district: District
) -> None:
    for account in ("zhangwei", "nobody-is-called-so"):
        for _ in range(5):
            began_s = time.monotonic()
            assert (await accounts.sign_in(client, account, "guess")).status_code == 401
            assert time.monotonic() - began_s >= SLOW_S * 0.9
        assert (await accounts.sign_in(client, account, "guess")).status_code == 429, account
    kept = district.execute("SELECT key FROM sign_in_failure")
    assert "nobody-is-called-so" not in str(kept), "it may be somebody's password"


async def test_a_change_without_the_word_of_our_page_is_refused(client: httpx.AsyncClient, district: District) -> None:
    await accounts.sign_in(client)
    incident = district.incident()
    for headers in ({}, {"x-csrf-token": "0" * 32}, {"x-csrf-token": "ä"}):
        said = {name.encode(): value.encode() for name, value in headers.items()}
        answer = await client.post(f"/incidents/{incident}/acknowledge", json={}, headers=said)
        assert answer.json()["type"] == "urn:campuswatch:problem:wrong-csrf-token"
    assert (await client.get(f"/incidents/{incident}")).json()["state"] == "raised"


async def test_signing_out_ends_the_session(client: httpx.AsyncClient, clock: SetClock) -> None:
    await accounts.sign_in(client)
    cookie = {"cookie": f"campuswatch_session={client.cookies['campuswatch_session']}"}
    assert (await client.delete("/session", headers=await accounts.csrf(client))).status_code == 200
    assert "campuswatch_session" not in client.cookies
    clock.at += timedelta(seconds=2)  # nobody hears notices in this test
    assert (await client.get("/session", headers=cookie)).json()["account"] is None


@pytest.mark.usefixtures("heard")
async def test_what_is_revoked_holds_no_more_at_once_though_it_is_remembered(
    client: httpx.AsyncClient, pool: KeptPool, clock: SetClock
) -> None:
    headers = accounts.bearer(await accounts.token(pool, "zhangwei"))
    await accounts.sign_in(client)
    for _ in range(3):
        assert (await client.get("/wall")).status_code == 200
        assert (await client.get("/wall", headers=headers)).status_code == 200
    async with pool.connection() as conn:
        await revoke_token(conn, 1, actor="test", at=clock.now())
    await _until_refused(client, headers)
    assert (await client.get("/wall")).status_code == 200  # the session is another matter
    async with pool.connection() as conn:
        await disable_account(conn, "zhangwei", actor="test", at=clock.now())
    await _until_refused(client, {})
    assert (await accounts.sign_in(client)).status_code == 401


async def _until_refused(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await client.get("/wall", headers=headers)).status_code != 401:  # noqa: ASYNC110  # it is remembered
            await asyncio.sleep(0.01)


async def test_a_session_that_nobody_uses_ends_and_one_that_is_used_does_not(
    client: httpx.AsyncClient, clock: SetClock
) -> None:
    await accounts.sign_in(client)
    for _ in range(4):
        clock.at += timedelta(hours=6)
        assert (await client.get("/wall")).status_code == 200
    clock.at += timedelta(hours=13)
    assert (await client.get("/wall")).status_code == 401


async def test_a_one_time_password_has_to_be_changed_first(client: httpx.AsyncClient, pool: KeptPool) -> None:
    await accounts.add(pool, "admin", Role.ADMINISTRATOR, one_time=True)
    assert (await accounts.sign_in(client, "admin")).json()["account"]["must_change"] is True
    refused = await client.get("/wall")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:campuswatch:problem:must-change-password")
    headers = await accounts.csrf(client)
    for old, new, status in (
        ("wrong", "a long and new one", 401),
        (accounts.PASSWORD, "1234567890", 422),
        (accounts.PASSWORD, accounts.PASSWORD, 422),
        (accounts.PASSWORD, "a long and new one", 200),
    ):
        answer = await client.post("/session/password", json={"old": old, "new": new}, headers=headers)
        assert answer.status_code == status, answer.text
    assert (await client.get("/wall")).status_code == 200
    assert (await accounts.sign_in(client, "admin")).status_code == 401
    assert (await accounts.sign_in(client, "admin", "a long and new one")).status_code == 200


async def test_a_one_time_password_grows_old(client: httpx.AsyncClient, pool: KeptPool, clock: SetClock) -> None:
    await accounts.add(pool, "admin", Role.ADMINISTRATOR, one_time=True)
    clock.at = NOW + accounts.YEAR
    answer = await accounts.sign_in(client, "admin")
    assert (answer.status_code, "too old" in answer.json()["detail"]) == (401, True)


async def test_who_guesses_waits_and_the_owner_elsewhere_does_not(
    client: httpx.AsyncClient, app: FastAPI, clock: SetClock, district: District
) -> None:
    for _ in range(5):
        assert (await accounts.sign_in(client, password="guess")).status_code == 401
    held = await accounts.sign_in(client)  # the right one
    assert held.status_code == 429
    assert 0 < int(held.headers["retry-after"]) <= 30
    elsewhere = httpx.ASGITransport(app, client=("10.9.9.9", 9))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://localhost/api/v1") as owner:
        assert (await accounts.sign_in(owner)).status_code == 200
    clock.at += timedelta(seconds=31)
    assert (await accounts.sign_in(client)).status_code == 200
    actions = [row[0] for row in district.execute("SELECT action FROM audit_entry ORDER BY entry_no")]
    assert actions[1:] == [*["session.refused"] * 4, "session.locked", "session.begun", "session.begun"]


async def test_a_thousand_guesses_at_once_are_a_thousand(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(accounts.sign_in(client, password=f"guess {n}") for n in range(12)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 7


async def test_what_may_not_be_is_in_the_audit_once(client: httpx.AsyncClient, district: District) -> None:
    await accounts.sign_in(client)
    for _ in range(3):
        assert (await client.get("/audit")).status_code == 403
    entries = district.execute("SELECT actor, subject, detail FROM audit_entry WHERE action = 'access.refused'")
    assert entries == [("张伟", "zhangwei", {"route": "get_audit"})]


async def test_neither_password_nor_session_nor_token_is_kept_anywhere(
    client: httpx.AsyncClient, pool: KeptPool, district: District
) -> None:
    secrets = [accounts.PASSWORD, await accounts.token(pool, "zhangwei")]
    await accounts.sign_in(client)
    secrets.append(client.cookies["campuswatch_session"])
    for table in ("account", "session", "api_token", "audit_entry", "sign_in_failure"):
        for (row,) in district.execute(f"SELECT t::text FROM {table} AS t"):
            assert not any(secret in row for secret in secrets)
            assert not any(secret.encode().hex() in row for secret in secrets)


async def test_a_cookie_opens_no_socket_without_an_origin(client: httpx.AsyncClient) -> None:
    """Browsers always send one, and it is compared with the host."""
    await accounts.sign_in(client)
    assert (await client.get("/stream")).status_code == 426


async def test_what_shows_no_credential_of_ours_is_nobody(client: httpx.AsyncClient) -> None:
    for value in ("Bearer", "Bearer cw_unknown", "Basic YTpi", "bearer " + "x" * 5000):
        assert (await client.get("/wall", headers={"authorization": value})).status_code == 401
