"""The short form of `make chaos`: the whole system as real processes, killed and cut, with nothing lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parents[2]
_PATIENCE_S = 160


@pytest.mark.timeout(_PATIENCE_S + 30)
def test_nothing_is_lost_and_every_alarm_arrives_once_under_fault_after_fault() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos", "--short", "--seed", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=_REPOSITORY,
    )
    try:
        said, _ = process.communicate(timeout=_PATIENCE_S)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)  # it takes its servers with it
            process.wait(30)
    assert process.returncode == 0, said
    assert "PostgreSQL killed" in said
