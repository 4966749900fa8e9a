"""Whatever is asked of the API is answered as its own document says, and never by a failure of the server.

Schemathesis makes the requests: all that the document allows at its bounds, much that it does not, and chains of them
in which one uses what another made. A disagreement is printed with the request, as a line for curl.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.running_demo import RunningDemo, running_demo, wait_for

RULES = Path(__file__).with_name("schemathesis.toml")
#: Lists, and which parameters of paths name what stands in them.
NAMED_IN = {
    "/sites": ["site_id"],
    "/incidents": ["incident_id"],
    "/guards": ["guard_id"],
    "/gates": ["gate_id"],
    "/barriers": ["barrier_id"],
    "/posts": ["post_id"],
    "/safety-officers": ["name"],
    "/rules": ["rule"],
    "/targets": ["target_id"],
}
#: As the configuration names it; the first is the demo's own.
SOMEBODY_S_TOKEN = 2
#: At least so many requests; fewer, and something was left out.
FEWEST = 4_000


@pytest.fixture(scope="module")
def demo(server_directory: Path) -> Iterator[RunningDemo]:
    directory = server_directory / "any-request"
    directory.mkdir(mode=0o755)
    with running_demo(directory, sites=2) as demo:
        yield demo


def named(demo: RunningDemo) -> dict[str, Sequence[str]]:
    """Some of what there is, by the name of its parameter."""
    kinds = ("one_key_alarm", "camera")
    devices = [one["device_id"] for kind in kinds for one in demo.get("/devices", kind=kind)["items"][:2]]
    found: dict[str, Sequence[str]] = {"device_id": devices}
    for path, names in NAMED_IN.items():
        items = demo.get(path)["items"]
        found |= {name: sorted({str(one[name]) for one in items})[:3] for name in names}
    return found


def rules(demo: RunningDemo) -> str:
    """The configuration, with the ids: most requests ask for what there is, some for what there is not."""
    known = named(demo)
    dictionaries = "".join(f"[dictionaries.{name}]\nvalues = {list(values)}\n" for name, values in known.items())
    bound = "".join(f'"path.{name}" = {{dictionary = "{name}", probability = 0.8}}\n' for name in known)
    return f"{RULES.read_text('utf-8')}\n{dictionaries}\n[parameters]\n{bound}"


@pytest.mark.timeout(600)
def test_any_request_is_answered_as_the_document_says(demo: RunningDemo) -> None:
    for site in ("s001", "s002"):
        demo.publish(f"campus/v1/{site}/{site}-btn-01/alarm", '{"alarm":"panic"}')
    wait_for(lambda: len(demo.get("/incidents")["items"]) >= 2, "the presses are incidents")
    made = {"account": "somebody", "name": "某人", "role": "operator", "password": False}
    assert demo.client.post("/accounts", json=made).status_code == 200
    token = demo.client.post("/accounts/somebody/tokens", json={"name": "a program", "days": 1}).json()["token"]
    assert token["token_no"] == SOMEBODY_S_TOKEN
    configuration = demo.directory / "schemathesis.toml"
    configuration.write_text(rules(demo), "utf-8")

    asked = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)),
            *("run", f"{demo.url}/api/v1/openapi.json", "--header", f"Authorization: Bearer {demo.token}"),
            *("--checks", "all", "--output-truncate", "false"),
        ],
        cwd=demo.directory,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=500,
    )

    answered = asked.stdout[asked.stdout.find("= FAILURES =") :]
    assert asked.returncode == 0, f"{answered}\n{asked.stderr}"
    requests = re.search(r"([\d,]+) generated", asked.stdout)
    assert requests is not None, asked.stdout
    assert int(requests[1].replace(",", "")) >= FEWEST, asked.stdout
    assert "request failed" not in demo.log()
