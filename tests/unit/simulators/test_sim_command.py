from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from campuswatch.commands.sim import sim


@pytest.mark.parametrize(
    "command",
    [
        ["fleet"],
        ["load"],
        ["press", "s001"],
        ["ignite", "s001"],
        ["heat", "s001"],
        ["cut", "s001"],
        ["restore", "s001"],
        ["far-end", "--secret", "whsec_cG9saWNlLXBvbGljZQ=="],
    ],
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
        (["press", "s001-btn-77"], "no device 's001-btn-77' at s001; there are s001-btn-01"),
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
    for command in (
        "list",
        "run",
        "check",
        "schema",
        "fleet",
        "load",
        "press",
        "ignite",
        "extinguish",
        "heat",
        "cut",
        "restore",
        "receivers",
    ):
        assert f"  {command} " in output
    assert "campuswatch sim press s001" in output


def test_a_taken_port_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(sim, ["receivers", "--port", port, "--secret", "whsec_cG9saWNlLXBvbGljZQ=="])
    assert result.exit_code == 1
    assert f"127.0.0.1:{port}" in result.output
    assert "--port" in result.output


def test_a_password_on_the_command_line_is_refused_and_one_in_the_environment_is_not() -> None:
    arguments = ["press", "s001", "--mqtt-url", "mqtt://sim:s3cret@192.0.2.1"]
    result = CliRunner().invoke(sim, arguments)
    assert result.exit_code == 2
    assert "--password-file" in result.output
    assert "s3cret" not in result.output
    url = {"CAMPUSWATCH_MQTT__URL": "mqtt://sim:s3cret@192.0.2.1"}
    assert "--allow-remote" in CliRunner().invoke(sim, ["press", "s001"], env=url).output


def test_a_virtual_run_does_not_mind_where_the_broker_is(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("title: x\n", "utf-8")
    result = CliRunner().invoke(sim, ["run", str(wrong)], env={"CAMPUSWATCH_MQTT__URL": "mqtt://192.0.2.1"})
    assert result.exit_code == 2
    assert "wrong.yaml" in result.output


def test_connections_of_two_kinds_contradict_each_other() -> None:
    result = CliRunner().invoke(sim, ["fleet", "--per-site", "--per-device"])
    assert result.exit_code == 2


def test_receivers_of_a_load_need_the_links_secret() -> None:
    result = CliRunner().invoke(sim, ["load", "--receivers", "8090"])
    assert result.exit_code == 2
    assert "CAMPUSWATCH_SIM_SECRET" in result.output


def test_scenarios_are_listed_in_both_languages() -> None:
    chinese, english = (CliRunner().invoke(sim, ["list", "--lang", lang]).output for lang in ("zh", "en"))
    assert re.search("^impatient-finger +一秒内连按两次$", chinese, re.MULTILINE)
    assert re.search("^impatient-finger +An impatient finger$", english, re.MULTILINE)


def test_check_names_every_fault_with_its_line_and_goes_on(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("title: {zh: 甲, en: A}\nlasts: soon\n", "utf-8")
    result = CliRunner().invoke(sim, ["check", str(wrong), "impatient-finger"])
    assert result.exit_code == 2
    assert "wrong.yaml:2" in result.output
    assert "impatient-finger: 6 steps, " in result.output
    assert " for 30 min, 1 site, seed 1" in result.output


def test_the_schema_is_json(tmp_path: Path) -> None:
    out = tmp_path / "schema.json"
    assert CliRunner().invoke(sim, ["schema", "--out", str(out)]).exit_code == 0
    printed = CliRunner().invoke(sim, ["schema"]).output
    assert json.loads(out.read_text("utf-8")) == json.loads(printed)
    assert "steps" in json.loads(printed)["properties"]


@pytest.mark.parametrize("command", [["load"], ["run", "impatient-finger"]])
def test_a_report_that_cannot_be_written_is_refused_before_the_start(command: list[str], tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none" / "report.json"):
        result = CliRunner().invoke(sim, [*command, "--json", str(place)])
        assert result.exit_code == 2
        assert "--json" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--wall", "--receivers"])
def test_a_live_run_keeps_to_this_machine(option: str) -> None:
    result = CliRunner().invoke(sim, ["run", "impatient-finger", "--live", option, "http://192.0.2.5"])
    assert result.exit_code == 2
    assert option in result.output
    assert "--allow-remote" in result.output
    result = CliRunner().invoke(sim, ["run", "impatient-finger", "--live", option, "127.0.0.1:8000"])
    assert result.exit_code == 2
    assert "http://127.0.0.1:8000" in result.output


def test_all_scenarios_are_not_for_real_time() -> None:
    result = CliRunner().invoke(sim, ["run", "--all", "--live"])
    assert result.exit_code == 2
    assert "--all" in result.output


@pytest.mark.parametrize("secret", ["", "geheim", "cG9saWNlLXBvbGljZQ==", "whsec_x"])
def test_receivers_refuse_what_is_no_secret_and_say_where_to_get_one(secret: str) -> None:
    result = CliRunner().invoke(sim, ["receivers", "--secret", secret])
    assert result.exit_code == 2
    assert "campuswatch secret" in result.output
    assert not secret or secret not in result.output
