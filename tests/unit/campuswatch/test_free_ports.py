from __future__ import annotations

import subprocess
import sys

import pytest

from campuswatch.free_ports import FreePorts, is_free
from domain.errors import EmbeddedError
from tests.servers import free_port


def test_two_demos_that_start_at_once_choose_other_ports() -> None:
    near = free_port()
    one, other = FreePorts(), FreePorts()
    first = one.row(4, near=near)
    second = other.row(4, near=near)
    assert not set(range(first, first + 4)) & set(range(second, second + 4))
    one.close()
    assert other.row(4, near=near) == first
    other.close()


def test_another_process_reserves_as_well_and_its_end_frees() -> None:
    near = free_port()
    script = """
from campuswatch.free_ports import FreePorts
import sys
ports = FreePorts()
print(ports.row(1, near=int(sys.argv[1])), flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(near)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        taken = int(process.stdout.readline())
        mine = FreePorts()
        assert mine.row(1, near=taken) > taken
        mine.close()
        process.kill()
    after = FreePorts()
    assert after.row(1, near=taken) == taken
    after.close()


def test_a_port_that_somebody_listens_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    near = free_port()
    monkeypatch.setattr("campuswatch.free_ports.is_free", lambda port: port >= near + 3)
    ports = FreePorts()
    assert ports.row(2, near=near) == near + 3
    monkeypatch.setattr("campuswatch.free_ports.is_free", lambda _port: False)
    with pytest.raises(EmbeddedError, match="no 2 free ports in a row"):
        ports.row(2, near=near)
    ports.close()
    assert is_free(free_port())
