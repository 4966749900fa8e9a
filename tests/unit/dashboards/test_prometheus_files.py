"""The files for those who watch the server with Prometheus and Grafana, checked with Debian's promtool."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import MissingPart

REPOSITORY = Path(__file__).resolve().parents[3]
PROMETHEUS = REPOSITORY / "dashboards" / "prometheus"
DASHBOARD = REPOSITORY / "dashboards" / "grafana" / "campuswatch.json"
PROGRAMS = ("alerting", "campuswatch", "dashboards", "detectors", "devices", "ingest", "storage")
METRIC = re.compile(r"campuswatch_[a-z0-9_]+")


def promtool(*arguments: str | Path) -> str:
    program = REPOSITORY / ".tools" / "promtool"
    if not program.exists():
        raise MissingPart("promtool is not there; `make debian-packages` brings it")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, cwd=PROMETHEUS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_takes_the_example_and_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")


def test_the_rules_call_when_they_should_and_not_before() -> None:
    promtool("test", "rules", "alerts_test.yml")


def test_grafana_asks_in_expressions_that_prometheus_understands(tmp_path: Path) -> None:
    expressions = list(_expressions())
    assert len(expressions) > 20
    lines = [f"  - record: one:{number}\n    expr: {json.dumps(one)}" for number, one in enumerate(expressions)]
    rules = tmp_path / "rules.yml"
    rules.write_text("groups:\n- name: dashboard\n  rules:\n" + "\n".join(lines))
    promtool("check", "rules", rules)


@pytest.mark.parametrize("file", [PROMETHEUS / "alerts.yml", DASHBOARD], ids=lambda file: file.name)
def test_every_metric_that_is_asked_for_is_told_by_a_program(file: Path) -> None:
    told = _told()
    asked = set(METRIC.findall(file.read_text("utf-8"))) - {"campuswatch"}
    assert asked
    unknown = {one for one in asked if re.sub(r"_(total|bucket|count|sum)$", "", one) not in told}
    assert not unknown


def _expressions() -> Iterator[str]:
    board: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m")


def _told() -> set[str]:
    """As the code names them; those of the load on operators are put together."""
    told: set[str] = set()
    for room in PROGRAMS:
        for source in (REPOSITORY / room).rglob("*.py"):
            text = source.read_text("utf-8")
            told.update(re.findall(r'"(campuswatch_[a-z0-9_]+)"', text))
            prefix = re.search(r'f"(campuswatch_[a-z0-9_]+_)\{name\}"', text)
            if prefix is not None:
                told.update(prefix[1] + name for name in re.findall(r'gauge\("([a-z0-9_]+)"', text))
    return told
