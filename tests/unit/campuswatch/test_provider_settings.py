"""`web.provider`: what cannot be is refused before anything starts, and its secret is shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from campuswatch.roles.web_provider import provider_settings
from campuswatch.settings import load_settings
from domain.access import Role
from domain.errors import SettingsError

BASE = """
[web.provider]
issuer = "https://id.example.cn/realms/edu"
client_id = "campuswatch"
"""
MAPPED = """
role_claim = "realm_access.roles"
roles = { cw-admin = "administrator", cw-school = "school_officer" }
site_claim = "sites"
"""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("CAMPUSWATCH_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _file(tmp_path: Path, more: str = "") -> Path:
    file = tmp_path / "settings.toml"
    file.write_text(BASE + more, "utf-8")
    return file


def test_accounts_are_made_beforehand_where_nothing_else_is_said(tmp_path: Path) -> None:
    known = provider_settings(load_settings(_file(tmp_path)).web)
    assert known is not None
    assert (known.mapping, known.client_secret, known.scopes) == (None, "", ("openid", "profile"))
    assert provider_settings(load_settings().web) is None


def test_roles_come_with_claims_in_the_order_of_the_file(tmp_path: Path) -> None:
    known = provider_settings(load_settings(_file(tmp_path, MAPPED)).web)
    assert known is not None
    assert known.mapping is not None
    assert list(known.mapping.roles.items()) == [
        ("cw-admin", Role.ADMINISTRATOR),
        ("cw-school", Role.SCHOOL_OFFICER),
    ]


def test_the_secret_comes_from_a_file_or_the_environment_and_is_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n", "utf-8")
    settings = load_settings(_file(tmp_path, f'client_secret_file = "{secret}"'))
    known = provider_settings(settings.web)
    assert known is not None
    assert known.client_secret == "hunter2"
    assert "hunter2" not in repr(known)

    monkeypatch.setenv("CAMPUSWATCH_WEB__PROVIDER__CLIENT_SECRET", "hunter3")
    settings = load_settings(_file(tmp_path))
    assert "hunter3" not in repr(settings)
    known = provider_settings(settings.web)
    assert known is not None
    assert known.client_secret == "hunter3"

    secret.write_text("\n", "utf-8")
    monkeypatch.delenv("CAMPUSWATCH_WEB__PROVIDER__CLIENT_SECRET")
    with pytest.raises(SettingsError, match="client_secret_file is empty"):
        provider_settings(load_settings(_file(tmp_path, f'client_secret_file = "{secret}"')).web)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ('issuer = "http://id.example.cn"', "https"),
        ('roles = { x = "operator" }', "role_claim and roles together"),
        ('role_claim = "groups"', "role_claim and roles together"),
        ('role_claim = "groups"\nroles = { x = "king" }', "roles"),
        ('role_claim = "groups"\nroles = { x = "school_officer" }', "site_claim"),
        ('scopes = ["profile"]', "openid"),
        ('client_secret = "hunter2"\nclient_secret_file = "settings.toml"', "not both"),
        ('client_secret_file = "nowhere"', "client_secret_file"),
        ('[web]\nsign_in = "off"', "nobody"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, more: str, why: str) -> None:
    file = _file(tmp_path, "" if more.startswith(("issuer", "[web]")) else more)
    if more.startswith("issuer"):
        file.write_text(f"[web.provider]\n{more}\nclient_id = 'c'", "utf-8")
    elif more.startswith("[web]"):
        file.write_text(f"{more}\n{BASE}", "utf-8")
    with pytest.raises(SettingsError, match=why) as refused:
        load_settings(file)
    assert "hunter2" not in str(refused.value)
