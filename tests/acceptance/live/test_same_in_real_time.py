"""The same scenario files in virtual time and in real time over a broker: the same incidents, the same deliveries."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running_demo import RunningDemo, running_demo, wait_for

SCENARIOS = sorted(Path(__file__).parent.glob("*.yaml"))
#: What makes one happening another; times and the names of those on duty are a matter of the place.
TELLING = ("kind", "what", "rule", "site", "device", "severity", "test", "drill", "text")

Happenings = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def silent_demo(server_directory: Path) -> Iterator[RunningDemo]:
    directory = server_directory / "demo-live"
    directory.mkdir(mode=0o755)
    with running_demo(directory, sites=1, options=["--no-fleet"]) as demo:
        yield demo


def sim(*arguments: str, token: str = "") -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CAMPUSWATCH_")}
    environment["CAMPUSWATCH_TOKEN"] = token
    return subprocess.Popen(
        [sys.executable, "-m", "campuswatch", "sim", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def live(demo: RunningDemo) -> list[str]:
    broker = f"mqtt://127.0.0.1:{demo.mqtt_port}"
    return ["--live", "--mqtt-url", broker, "--wall", demo.url, "--receivers", demo.receivers]


def played(directory: Path, *how: str, token: str = "") -> Happenings:
    told = directory / "happenings.json"
    running = sim("run", *map(str, SCENARIOS), "--json", str(told), *how, token=token)
    said, _ = running.communicate(timeout=300)
    assert running.returncode == 0, said
    runs = json.loads(told.read_text("utf-8"))
    assert {run["verdict"] for run in runs.values()} == {"passed"}
    return {name: run["happenings"] for name, run in runs.items()}


def essence(happenings: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    """Incidents, what became of them, and deliveries. How sites stand to targets is told in virtual time alone."""
    return Counter(tuple(one[name] for name in TELLING) for one in happenings if one["kind"] != "target")


@pytest.mark.timeout(400)
def test_three_scenarios_are_the_same_in_virtual_and_in_real_time(silent_demo: RunningDemo, tmp_path: Path) -> None:
    (tmp_path / "virtual").mkdir()
    virtual = played(tmp_path / "virtual")
    real = played(tmp_path, *live(silent_demo), token=silent_demo.token)
    assert len(virtual) == len(real) == len(SCENARIOS) == 3
    for name, happenings in virtual.items():
        assert len(happenings) >= 5
        assert essence(real[name]) == essence(happenings), name


@pytest.mark.timeout(240)
def test_interrupted_it_ends_at_once_and_the_links_behave_again(silent_demo: RunningDemo) -> None:
    running = sim(
        "run", str(Path(__file__).parent / "link-comes-back.yaml"), *live(silent_demo), token=silent_demo.token
    )

    def education() -> str:
        behaviour = httpx.get(f"{silent_demo.receivers}/behaviour", timeout=10, trust_env=False).json()
        return str(behaviour["education"]["mode"])

    try:
        wait_for(lambda: education() == "error500", "the scenario makes the link fail", within_s=120)
        running.send_signal(signal.SIGINT)
        said, _ = running.communicate(timeout=30)
    finally:
        running.kill()
    assert running.returncode == 130
    assert "不作结论" in said
    assert "Traceback" not in said
    assert education() == "ok"


@pytest.mark.timeout(120)
def test_another_district_than_the_control_rooms_is_refused_before_anything_starts(
    silent_demo: RunningDemo, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(SCENARIOS[0].read_text("utf-8").replace("steps:", "seed: 7\nsteps:", 1), "utf-8")
    running = sim("run", str(other), *live(silent_demo), token=silent_demo.token)
    said, _ = running.communicate(timeout=100)
    assert running.returncode == 1
    assert "does not know s001" in said
    assert "--seed 7" in said


@pytest.mark.timeout(120)
def test_an_incident_that_is_still_open_is_named_before_anything_starts(silent_demo: RunningDemo) -> None:
    pressed = sim("press", "s001-btn-04", "--test", "--mqtt-url", f"mqtt://127.0.0.1:{silent_demo.mqtt_port}")
    said, _ = pressed.communicate(timeout=60)
    assert pressed.returncode == 0, said

    def opened() -> bool:
        reply = silent_demo.get("/incidents", state="open")
        return any(one["device_id"] == "s001-btn-04" for one in reply["items"])

    wait_for(opened, "the press is an incident", within_s=30)
    running = sim("run", str(SCENARIOS[0]), *live(silent_demo), token=silent_demo.token)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "s001-btn-04 has an open one-key alarm since" in said
    assert "on the wall" in said
