from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from campuswatch.rehearsal import rehearse
from campuswatch.rehearsal.stage import Stage, open_stage
from simulators.scenarios.happening import Happening
from simulators.scenarios.script import Script

Play = Callable[[Script], list[Happening]]


@pytest.fixture(scope="session")
def stage(server_directory: Path) -> Iterator[Stage]:
    with open_stage(server_directory) as stage:
        yield stage


@pytest.fixture
def play(stage: Stage) -> Play:
    """Runs a script in virtual time, in a control room of its own."""

    def play(script: Script) -> list[Happening]:
        with stage.settings() as settings:
            return rehearse(script, settings)

    return play
