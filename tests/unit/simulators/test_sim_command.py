from __future__ import annotations

import socket

import pytest
from click.testing import CliRunner

from campuswatch.commands.sim import sim


@pytest.mark.parametrize(
    "command",
    [["fleet"], ["press", "s001"], ["ignite", "s001"], ["heat", "s001"], ["cut", "s001"], ["restore", "s001"]],
)
def test_every_command_refuses_a_remote_broker(command: list[str]) -> None:
    result = CliRunner().invoke(sim, [*command, "--mqtt-url", "mqtt://192.0.2.1:1883"])
    assert result.exit_code == 1
    assert "--allow-remote" in result.output


def test_the_broker_is_taken_from_the_environment() -> None:
    result = CliRunner().invoke(sim, ["press", "s001"], env={"CAMPUSWATCH_MQTT__URL": "mqtt://192.0.2.9:1884"})
    assert result.exit_code == 1
    assert "192.0.2.9:1884" in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["press", "s999"], "s001 to s184"),
        (["press", "s001", "s001-btn-77"], "s001-btn-01"),
        (["ignite", "s001", "s001-btn-01"], "smoke"),
    ],
)
def test_an_unknown_site_or_device_is_named_before_anything_is_sent(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(sim, arguments)
    assert result.exit_code == 1
    assert told in result.output


def test_receivers_listen_on_loopback_only() -> None:
    result = CliRunner().invoke(sim, ["receivers", "--host", "0.0.0.0", "--secret", "whsec_cG9saWNlLXBvbGljZQ=="])
    assert result.exit_code == 2
    assert "loopback" in result.output


def test_the_help_shows_how_to_begin() -> None:
    output = CliRunner().invoke(sim, ["--help"]).output
    for command in ("fleet", "press", "ignite", "extinguish", "heat", "cut", "restore", "receivers"):
        assert f"  {command} " in output
    assert "campuswatch sim press s001" in output


def test_a_taken_port_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(sim, ["receivers", "--port", port, "--secret", "whsec_cG9saWNlLXBvbGljZQ=="])
    assert result.exit_code == 1
    assert f"127.0.0.1:{port}" in result.output
    assert "--port" in result.output
