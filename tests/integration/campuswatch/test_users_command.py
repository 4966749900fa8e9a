"""``campuswatch users``, as an administrator types it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from campuswatch.commands.users import users
from campuswatch.demo_accounts import make_accounts, password_file, read_secret, token_file
from campuswatch.settings import Settings
from dashboards.passwords import hashed, kept, matches
from domain.access import Permission, Role
from storage.accounts import account_and_hash, set_password
from storage.pool import connect
from storage.sessions import KnownSession, token_of


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


@pytest.fixture
def run(database: str) -> Any:
    session = SimpleNamespace(dsn=lambda: database, settings=lambda: Settings())

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(users, list(arguments), obj=session)

    return run


def _rows(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as conn:
        return conn.execute(query.encode()).fetchall()


async def _known(database: str, token: str) -> KnownSession | None:
    async with await connect(database, name="test") as conn:
        return await token_of(conn, kept(token), now=datetime.now(UTC))


def test_the_first_administrator_gets_a_one_time_password(run: Any, database: str) -> None:
    added = run("add", "admin", "--role", "administrator", "--name", "系统管理员")
    assert added.exit_code == 0, added.output
    password = added.stdout.splitlines()[-1]
    ((stored, one_time, made_by),) = _rows(database, "SELECT password_hash, one_time_until, made_by FROM account")
    assert matches(stored, password)
    assert one_time is not None
    assert made_by.startswith("cli")
    assert "one-time password" in run("list").output

    again = run("reset", "admin").stdout.splitlines()[-1]
    assert again != password
    ((stored,),) = _rows(database, "SELECT password_hash FROM account")
    assert matches(stored, again)
    actions = [row[0] for row in _rows(database, "SELECT action FROM audit_entry ORDER BY entry_no")]
    assert actions == ["account.added", "account.password_reset"]
    for (entry,) in _rows(database, "SELECT e::text FROM audit_entry AS e"):
        assert password not in entry
        assert again not in entry


def test_the_last_administrator_stays_one(run: Any) -> None:
    run("add", "admin", "--role", "administrator")
    for refused in (run("disable", "admin"), run("change", "admin", "--role", "operator")):
        assert refused.exit_code != 0
        assert "last administrator" in str(refused.exception)
    run("add", "second", "--role", "administrator")
    assert run("disable", "admin").exit_code == 0
    assert run("disable", "second").exit_code != 0
    assert run("enable", "admin").exit_code == 0


def test_a_school_officer_is_bound_to_sites_that_exist(run: Any, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("INSERT INTO site (site_id, name, kind, township) VALUES ('s001', '甲', 'primary', '镇')")
    assert "one site or more" in str(run("add", "wang", "--role", "school_officer").exception)
    assert "no such site: s999" in str(run("add", "wang", "--role", "school_officer", "--site", "s999").exception)
    assert run("add", "wang", "--role", "school_officer", "--site", "s001").exit_code == 0
    assert "nobody else" in str(run("add", "zhang", "--role", "operator", "--site", "s001").exception)
    assert run("change", "wang", "--role", "bureau").exit_code == 0
    assert _rows(database, "SELECT role, site_ids FROM account") == [("bureau", None)]


def test_two_people_never_have_one_name_in_the_audit(run: Any) -> None:
    run("add", "zhang1", "--role", "operator", "--name", "张伟")
    refused = run("add", "zhang2", "--role", "operator", "--name", "张伟")
    assert "another account has the name" in str(refused.exception)


def test_a_token_is_shown_once_and_of_no_use_once_it_is_revoked(run: Any, database: str) -> None:
    run("add", "report", "--role", "auditor", "--no-password")
    made = run("token", "add", "report", "--name", "monthly", "--days", "30", "--may", "see", "--may", "handle")
    token = made.stdout.splitlines()[-1]
    assert token.startswith("cw_")
    known = asyncio.run(_known(database, token))
    assert known is not None
    principal = known.account.principal(scope=known.permissions, token=known.token)
    assert principal.may(Permission.SEE)
    assert not principal.may(Permission.HANDLE)  # its account may not either
    listed = run("token", "list").output
    assert "monthly" in listed
    assert token not in listed
    number = listed.split("\t")[0]
    assert run("token", "revoke", number).exit_code == 0
    assert asyncio.run(_known(database, token)) is None
    assert run("token", "revoke", number).exit_code != 0


async def test_the_demo_keeps_what_people_changed(database: str, tmp_path: Any) -> None:
    await make_accounts(database, tmp_path)
    password, token = read_secret(password_file(tmp_path)), read_secret(token_file(tmp_path))
    assert password_file(tmp_path).stat().st_mode & 0o077 == 0
    assert token_file(tmp_path).stat().st_mode & 0o077 == 0
    await make_accounts(database, tmp_path)
    assert (read_secret(password_file(tmp_path)), read_secret(token_file(tmp_path))) == (password, token)
    async with await connect(database, name="test") as conn:
        known = await account_and_hash(conn, "demo")
        assert known is not None
        assert known[0].role is Role.ADMINISTRATOR
        assert matches(known[1], password)
        await set_password(conn, "demo", hashed("my own"), one_time_until=None, actor="test", at=datetime.now(UTC))
    await make_accounts(database, tmp_path)
    assert read_secret(password_file(tmp_path)) == ""
    token_file(tmp_path).unlink()
    await make_accounts(database, tmp_path)
    assert await _known(database, token) is None
    assert await _known(database, read_secret(token_file(tmp_path))) is not None
