from __future__ import annotations

from pathlib import Path

from domain.access import GRANTS, Permission, Principal, Role, permissions_of


def _principal(role: Role, **more: object) -> Principal:
    return Principal(account_id="a", name="A", role=role, permissions=permissions_of(role), **more)  # type: ignore[arg-type]


def test_every_role_may_sign_in_and_see() -> None:
    assert set(GRANTS) == set(Role)
    for permissions in GRANTS.values():
        assert {Permission.SELF, Permission.SEE} <= permissions


def test_only_the_control_room_handles_alarms_and_only_administrators_accounts() -> None:
    handling = {role for role in Role if Permission.HANDLE in GRANTS[role]}
    assert handling == {Role.OPERATOR, Role.DUTY_LEADER, Role.ADMINISTRATOR}
    assert {role for role in Role if Permission.ACCOUNTS in GRANTS[role]} == {Role.ADMINISTRATOR}


def test_the_auditor_changes_nothing() -> None:
    seeing = {"self", "see", "staff", "watch", "load", "audit"}
    assert {str(one) for one in GRANTS[Role.AUDITOR]} == seeing


def test_a_token_has_never_more_than_its_account() -> None:
    asked = frozenset({Permission.SEE, Permission.ACCOUNTS})
    assert permissions_of(Role.AUDITOR, asked) == {Permission.SEE, Permission.SELF}


def test_a_password_of_somebody_else_allows_nothing_but_to_change_it() -> None:
    new = _principal(Role.ADMINISTRATOR, must_change=True)
    assert [one for one in Permission if new.may(one)] == [Permission.SELF]


def test_a_school_officer_reaches_his_own_sites_alone() -> None:
    officer = _principal(Role.SCHOOL_OFFICER, sites=frozenset({"s001"}))
    assert officer.reaches("s001")
    assert not officer.reaches("s002")
    assert not officer.reaches("")
    assert _principal(Role.BUREAU).reaches("s002")


def test_the_table_of_roles_in_the_docs_is_the_one_that_holds() -> None:
    text = (Path(__file__).parents[3] / "docs" / "users.md").read_text("utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]
    said = {row[0].strip("`"): row[2:] for row in rows if row[0].strip("`") in set(Permission)}
    held = {one.value: ["x" if one in GRANTS[role] else "" for role in Role] for one in Permission}
    assert said == held
