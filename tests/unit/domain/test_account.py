from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.access import Permission, Role
from domain.account import Account, account_key, check_account, check_password
from domain.errors import AccountRefused, PasswordRefused

OPERATOR = Account(account_id="zhangwei", name="张伟", role=Role.OPERATOR)


@pytest.mark.parametrize(
    ("written", "key"),
    [("zhangwei", "zhangwei"), (" ZhangWei ", "zhangwei"), ("ｚｈａｎｇ", "zhang"), ("a b", ""), ("", "")],
)
def test_an_account_is_found_however_it_is_written(written: str, key: str) -> None:
    assert account_key(written) == key


@pytest.mark.parametrize(
    "account",
    [
        Account(account_id="Zhang Wei", name="x", role=Role.OPERATOR),
        Account(account_id="zhangwei", name=" ", role=Role.OPERATOR),
        Account(account_id="zhangwei", name="a\x00b", role=Role.OPERATOR),
        Account(account_id="wangfang", name="王芳", role=Role.SCHOOL_OFFICER),
        Account(account_id="wangfang", name="王芳", role=Role.SCHOOL_OFFICER, site_ids=()),
        Account(account_id="zhangwei", name="张伟", role=Role.OPERATOR, site_ids=("s001",)),
    ],
)
def test_an_account_that_cannot_be_is_refused(account: Account) -> None:
    with pytest.raises(AccountRefused):
        check_account(account)


@pytest.mark.parametrize(
    "password", ["short", "1234567890", "aaaaaaaaaaaa", "Password123", "ab" * 200, "my-zhangwei-pass", "abababababab"]
)
def test_a_password_that_anybody_could_guess_is_refused(password: str) -> None:
    with pytest.raises(PasswordRefused):
        check_password(password, OPERATOR)


def test_a_long_password_is_taken_whatever_it_is_made_of() -> None:
    for password in ("horse staple battery", "值班员的一句很长的密码话", "x7!kd-02m.Q"):
        assert check_password(password, OPERATOR) == password


def test_a_token_does_not_wait_for_a_password_to_be_changed() -> None:
    new = Account(account_id="sim", name="模拟", role=Role.OPERATOR, one_time_until=datetime(2026, 3, 9, tzinfo=UTC))
    assert not new.principal().may(Permission.SEE)
    assert new.principal(token="far ends").may(Permission.SEE)
