"""Accounts, sessions and tokens over the API, and that nobody gets further with them than he may."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dashboards.app import create_app
from domain.access import Permission, Role
from storage.accounts import disable_account
from storage.pool import KeptPool
from tests.integration.dashboards import accounts
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder, signed_in_settings
from tests.integration.dashboards.district import NOW, District, SetClock

NEW = {"account": "lina", "name": "李娜", "role": "school_officer", "sites": ["s001"], "language": "zh"}


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


@pytest.fixture
def app(database: str, pool: KeptPool, desk: Desk, clock: SetClock) -> FastAPI:
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
    )


@pytest.fixture(autouse=True)
async def _people(pool: KeptPool, district: District) -> None:
    district.site("s001")
    await accounts.add(pool, "admin", Role.ADMINISTRATOR, name="系统管理员")
    await accounts.add(pool, "zhangwei", Role.OPERATOR, name="张伟")


@pytest.fixture
async def admin(client: httpx.AsyncClient) -> httpx.AsyncClient:
    await accounts.sign_in(client, "admin")
    client.headers.update(await accounts.csrf(client))
    return client


def another(app: FastAPI) -> httpx.AsyncClient:
    """Another browser."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost/api/v1")


def _audit(district: District) -> list[tuple[Any, ...]]:
    return district.execute(
        "SELECT actor, action, subject FROM audit_entry WHERE action ~ '^(account|token|session.(all_)?ended)'"
        " AND actor <> 'test' ORDER BY entry_no"
    )


async def test_an_account_from_its_beginning_to_its_end(
    admin: httpx.AsyncClient, app: FastAPI, district: District, clock: SetClock
) -> None:
    made = (await admin.post("/accounts", json=NEW)).json()
    password = made["one_time_password"]
    assert made["account"]["one_time_until"] is not None
    assert (await admin.get("/accounts/lina")).json() == made["account"]
    assert password not in (await admin.get("/accounts")).text

    async with another(app) as lina:
        told = await accounts.sign_in(lina, "lina", password)
        assert (told.json()["account"]["sites"], told.json()["account"]["must_change"]) == (["s001"], True)
        (session,) = (await admin.get("/accounts/lina/sessions")).json()["items"]
        assert (session["how"], session["this"]) == ("password", False)
        assert (await admin.delete("/accounts/lina/sessions")).json() == {"ended": 1}
        clock.at += timedelta(seconds=2)  # nobody hears notices in this test
        assert (await lina.get("/session")).json()["account"] is None

    facts = {"name": "李娜", "role": "operator", "sites": None, "language": "en", "subject": ""}
    changed = (await admin.put("/accounts/lina", json=facts)).json()
    assert (changed["role"], changed["sites"], changed["language"]) == ("operator", None, "en")
    again = (await admin.post("/accounts/lina/password")).json()["one_time_password"]
    assert again != password
    assert (await admin.post("/accounts/lina/disable")).json()["disabled_at"] is not None
    async with another(app) as lina:
        assert (await accounts.sign_in(lina, "lina", again)).status_code == 401
        assert (await admin.post("/accounts/lina/enable")).json()["disabled_at"] is None
        assert (await accounts.sign_in(lina, "lina", again)).status_code == 200
    assert _audit(district) == [
        ("系统管理员", f"{noun}.{verb}", "lina")
        for noun, verb in (
            ("account", "added"),
            ("session", "all_ended"),
            ("account", "changed"),
            ("account", "password_reset"),
            ("account", "disabled"),
            ("account", "enabled"),
        )
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"account": "张"}, "account"),
        ({"account": "admin"}, "account"),
        ({"name": "张伟"}, "name"),
        ({"name": " "}, "name"),
        ({"role": "king"}, "role"),
        ({"sites": ["s404"]}, "sites"),
        ({"sites": []}, "sites"),
        ({"role": "operator"}, "sites"),
        ({"language": "fr"}, "language"),
        ({"subject": "a\u0000b"}, "subject"),
        ({"subject": "4711"}, "subject"),  # there is no provider here
    ],
)
async def test_what_cannot_be_names_its_field(admin: httpx.AsyncClient, change: dict[str, Any], field: str) -> None:
    answer = await admin.post("/accounts", json=NEW | change)
    assert answer.status_code == 422, answer.text
    assert [error["field"].partition(".")[0] for error in answer.json()["errors"]] == [field]
    assert "lina" not in (await admin.get("/accounts")).text


async def test_the_last_administrator_with_a_password_stays(
    admin: httpx.AsyncClient, pool: KeptPool, clock: SetClock
) -> None:
    operator = {"name": "系统管理员", "role": "operator"}
    program = NEW | {"account": "program", "name": "p", "role": "administrator", "sites": None, "password": False}
    assert (await admin.post("/accounts", json=program)).json()["one_time_password"] is None  # and that is none either
    await accounts.add(pool, "late", Role.ADMINISTRATOR, one_time=True)
    clock.at += accounts.YEAR  # its one-time password is too old by now
    await accounts.sign_in(admin, "admin")
    admin.headers.update(await accounts.csrf(admin))
    for answer in (
        await admin.post("/accounts/admin/disable"),
        await admin.put("/accounts/admin", json=operator),
        await admin.post("/accounts/admin/password"),
    ):
        assert answer.status_code == 409, answer.text
    assert (await admin.get("/accounts/admin")).json()["role"] == "administrator"


async def test_two_administrators_who_disable_one_another_leave_one(pool: KeptPool, clock: SetClock) -> None:
    await accounts.add(pool, "second", Role.ADMINISTRATOR)

    async def disable(account_id: str) -> None:
        async with pool.connection() as conn:
            await disable_account(conn, account_id, actor="test", at=clock.now())

    ended = await asyncio.gather(disable("admin"), disable("second"), return_exceptions=True)
    assert [type(one).__name__ for one in ended if one is not None] == ["AccountRefused"]


async def test_whoever_is_held_up_is_unlocked(admin: httpx.AsyncClient, app: FastAPI, district: District) -> None:
    async with another(app) as guesser:
        for _ in range(5):
            await accounts.sign_in(guesser, "zhangwei", "guess")
        assert (await accounts.sign_in(guesser)).status_code == 429
        assert (await admin.get("/accounts/zhangwei")).json()["held_until"] is not None
        assert (await admin.post("/accounts/zhangwei/unlock")).json()["held_until"] is None
        assert (await accounts.sign_in(guesser)).status_code == 200
    assert _audit(district)[-1] == ("系统管理员", "account.unlocked", "zhangwei")


async def test_a_token_of_an_account(admin: httpx.AsyncClient, app: FastAPI, clock: SetClock) -> None:
    body = {"name": "report", "days": 30, "permissions": ["see", "audit"]}
    made = (await admin.post("/accounts/zhangwei/tokens", json=body)).json()
    headers, number = accounts.bearer(made["secret"]), made["token"]["token_no"]
    async with another(app) as program:
        assert (await program.get("/wall", headers=headers)).status_code == 200
        assert (await program.get("/audit", headers=headers)).status_code == 403  # no more than its account
        assert (await admin.post("/accounts/zhangwei/tokens", json=body)).json()["errors"][0]["field"] == "name"
        (listed,) = (await admin.get("/tokens", params={"account_id": "zhangwei"})).json()["items"]
        assert (listed["token_no"], listed["permissions"]) == (number, ["audit", "see"])
        assert made["secret"] not in str(listed)
        assert (await admin.delete(f"/tokens/{number}")).status_code == 200
        assert (await admin.delete(f"/tokens/{number}")).status_code == 404
        clock.at += timedelta(seconds=2)
        assert (await program.get("/wall", headers=headers)).status_code == 401
    assert (await admin.get("/tokens")).json()["items"] == []


async def test_ones_own_sessions_and_tokens_and_nobody_elses(
    client: httpx.AsyncClient, app: FastAPI, pool: KeptPool, clock: SetClock
) -> None:
    await accounts.token(pool, "admin", name="of the administrator")
    async with another(app) as elsewhere, another(app) as other:
        await accounts.sign_in(elsewhere, "admin")
        await accounts.sign_in(other, user_agent="Firefox")
        await accounts.sign_in(client)
        client.headers.update(await accounts.csrf(client))
        listed = (await client.get("/session/sessions")).json()["items"]
        assert [one["this"] for one in listed] == [True, False]
        numbers = [one["session_no"] for one in listed]
        for number in (1, 10**6):  # the administrator's, and nobody's: answered alike
            answer = await client.delete(f"/session/sessions/{number}")
            assert (answer.status_code, answer.json()["detail"]) == (404, f"account zhangwei has no session {number}")
        assert (await client.delete(f"/session/sessions/{numbers[1]}")).status_code == 200
        clock.at += timedelta(seconds=2)
        assert (await other.get("/session")).json()["account"] is None
        assert (await elsewhere.get("/session")).json()["account"]["account"] == "admin"

        assert (await client.delete("/session/tokens/1")).status_code == 404
        made = (await client.post("/session/tokens", json={"name": "mine", "days": 30})).json()
        assert [one["name"] for one in (await client.get("/session/tokens")).json()["items"]] == ["mine"]
        assert (await client.post("/session/tokens", json={"name": "too long", "days": 400})).status_code == 422
        await accounts.sign_in(other)
        assert (await client.delete("/session/sessions")).json() == {"ended": 1}
        assert (await client.get("/session")).json()["account"]["account"] == "zhangwei"
        assert (await client.delete(f"/session/tokens/{made['token']['token_no']}")).status_code == 200


async def test_a_token_makes_no_further_tokens_and_ends_no_sessions(client: httpx.AsyncClient, pool: KeptPool) -> None:
    headers = accounts.bearer(await accounts.token(pool, "zhangwei", only=[Permission.SEE]))
    for answer in (
        await client.get("/session/tokens", headers=headers),
        await client.post("/session/tokens", json={"name": "wider", "days": 366}, headers=headers),
        await client.get("/session/sessions", headers=headers),
        await client.delete("/session/sessions", headers=headers),
    ):
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (403, "session-only")


async def test_a_program_that_changes_accounts_grants_nothing_that_it_has_not_itself(
    client: httpx.AsyncClient, pool: KeptPool, district: District
) -> None:
    headers = accounts.bearer(await accounts.token(pool, "admin", only=[Permission.ACCOUNTS, Permission.SEE]))
    king = {"account": "king", "name": "王", "role": "administrator", "sites": None}
    await accounts.add(pool, "old", Role.OPERATOR)
    async with pool.connection() as conn:
        await disable_account(conn, "old", actor="test", at=NOW)
    for path, body in (
        ("/accounts/admin/tokens", {"name": "wider", "days": 30}),
        ("/accounts/admin/tokens", {"name": "wider", "days": 30, "permissions": ["see", "life_safety"]}),
        ("/accounts", king),
        ("/accounts/zhangwei/password", None),
        ("/accounts/old/enable", None),
    ):
        answer = await client.post(path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (403, "not-permitted"), path
    promoted = {"name": "张伟", "role": "administrator"}
    assert (await client.put("/accounts/zhangwei", json=promoted, headers=headers)).status_code == 403
    narrow = {"name": "narrow", "days": 30, "permissions": ["see"]}
    assert (await client.post("/accounts/zhangwei/tokens", json=narrow, headers=headers)).status_code == 200
    assert (await client.post("/accounts/zhangwei/unlock", headers=headers)).status_code == 200
    assert [subject for _, action, subject in _audit(district) if action != "account.unlocked"] == ["zhangwei"]


async def test_a_one_time_password_makes_no_tokens(client: httpx.AsyncClient, pool: KeptPool) -> None:
    """A token would not wait for the password to be changed."""
    await accounts.add(pool, "new", Role.OPERATOR, one_time=True)
    await accounts.sign_in(client, "new")
    body = {"name": "early", "days": 30}
    answer = await client.post("/session/tokens", json=body, headers=await accounts.csrf(client))
    assert answer.json()["type"].rpartition(":")[2] == "must-change-password"


async def test_there_are_so_many_tokens_of_an_account_at_most(admin: httpx.AsyncClient) -> None:
    for number in range(50):
        assert (await admin.post("/session/tokens", json={"name": f"t{number}", "days": 1})).status_code == 200
    assert (await admin.post("/session/tokens", json={"name": "t50", "days": 1})).status_code == 409


async def test_who_is_no_administrator_changes_no_accounts(client: httpx.AsyncClient) -> None:
    await accounts.sign_in(client)
    headers = await accounts.csrf(client)
    assert (await client.get("/accounts")).status_code == 403
    promoted = {"name": "张伟", "role": "administrator"}
    assert (await client.put("/accounts/zhangwei", json=promoted, headers=headers)).status_code == 403
    assert (await client.get("/session")).json()["account"]["role"] == "operator"
