from __future__ import annotations

from pathlib import Path

import pytest

from campuswatch.secrets import kept_secret, webhook_secret
from campuswatch.settings import load_settings
from domain.errors import SettingsError


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("CAMPUSWATCH_") or name in ("DATABASE_URL", "MQTT_URL"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text(text, "utf-8")
    return file


def test_defaults_listen_on_loopback_and_name_no_server() -> None:
    settings = load_settings()
    assert settings.web.host == "127.0.0.1"
    assert settings.metrics.host == "127.0.0.1"
    assert settings.database.url is None
    assert settings.links == {}


def test_wrong_file_names_every_fault_in_one_go_without_repeating_values(tmp_path: Path) -> None:
    file = _write(
        tmp_path,
        """
zone = "Mars/Olympus"
colour = "red"
[web]
host = "0.0.0.0"
port = "eighty"
[database]
url = "mysql://user:hunter2@host/db"
[links.police]
url = "ftp://x"
secret = "hunter3"
[ingest]
batch_messages = 0
""",
    )
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    faults = caught.value.faults
    for place in (
        "zone",
        "colour",
        "web.host",
        "web.port",
        "database.url",
        "links.police.url",
        "links.police.secret",
        "ingest.batch_messages",
    ):
        assert any(f"{file}: {place}:" in fault for fault in faults), (place, faults)
    assert len(faults) == 8
    assert "hunter" not in str(caught.value)


def test_file_that_is_no_toml_names_the_line(tmp_path: Path) -> None:
    file = _write(tmp_path, "[web]\nport = = 3\n")
    with pytest.raises(SettingsError, match="line 2"):
        load_settings(file)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.toml"):
        load_settings(tmp_path / "nothing.toml")


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _write(tmp_path, "[web]\nport = 8001\n")
    monkeypatch.setenv("CAMPUSWATCH_WEB__PORT", "8002")
    assert load_settings(file).web.port == 8002


def test_misspelt_environment_variable_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPUSWATCH_WEBB__PORT", "8002")
    with pytest.raises(SettingsError, match="CAMPUSWATCH_WEBB__PORT"):
        load_settings()


def test_common_urls_are_understood_and_yield_to_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://a@localhost/a")
    monkeypatch.setenv("MQTT_URL", "mqtt://localhost:1")
    monkeypatch.setenv("CAMPUSWATCH_MQTT__URL", "mqtt://localhost:2")
    settings = load_settings()
    assert settings.database_url() == "postgresql://a@localhost/a"
    assert settings.mqtt_url() == "mqtt://localhost:2"


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = webhook_secret()
    monkeypatch.setenv("CAMPUSWATCH_LINKS__POLICE__URL", "http://localhost/police")
    monkeypatch.setenv("CAMPUSWATCH_LINKS__POLICE__SECRET", secret)
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@localhost/a")
    settings = load_settings()
    shown = f"{settings!r} {settings} {settings.model_dump_json()}"
    assert secret not in shown
    assert "hunter2" not in shown


def test_secret_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "secret"
    first = kept_secret(file)
    assert kept_secret(file) == first
    assert file.stat().st_mode & 0o777 == 0o600
    assert webhook_secret() != webhook_secret()


def test_ports_that_collide_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="collides"):
        load_settings(_write(tmp_path, "[web]\nport = 9465\n"))


@pytest.mark.parametrize("url", ["http://10.0.0.5/x", "http://example.com/x", "https:///x"])
def test_link_to_another_machine_is_refused_in_the_clear(tmp_path: Path, url: str) -> None:
    file = _write(tmp_path, f'[links.police]\nurl = "{url}"\nsecret = "{webhook_secret()}"\n')
    with pytest.raises(SettingsError, match=r"links\.police\.url: expected https"):
        load_settings(file)


def test_folder_of_profiles_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ingest\.profiles"):
        load_settings(_write(tmp_path, '[ingest]\nprofiles = "/nonexistent"\n'))
