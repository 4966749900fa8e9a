"""Which part of the server a command line belongs to."""

from __future__ import annotations

import pytest

from benchmarks.processes import SERVER, WORLD, part_of


@pytest.mark.parametrize("role", ["alarm", "bulk", "alerting", "patrol", "web"])
def test_a_role_is_known_by_its_option(role: str) -> None:
    assert part_of(["python", "-m", "campuswatch", "run", "--role", role]) == role


def test_simulators_are_not_the_server() -> None:
    names = ("fleet", "receivers", "cameras")
    parts = {part_of(["python", "-m", "campuswatch", "sim", name, "--port", "1"]) for name in names}
    assert parts == set(WORLD)
    assert not parts & set(SERVER)


def test_servers_are_known_by_their_programs() -> None:
    assert part_of(["/opt/pg/bin/postgres", "-D", "/data/cluster"]) == "postgresql"
    assert part_of(["python", "-P", "/x/embedded/broker_process.py", "broker.toml"]) == "broker"


def test_a_backend_counts_with_its_parent() -> None:
    assert part_of(["postgres: campuswatch: campuswatch campuswatch [local] idle"]) is None
