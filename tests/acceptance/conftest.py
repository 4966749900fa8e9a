from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_demo import RunningDemo, running_demo


@pytest.fixture(scope="module")
def demo(server_directory: Path, request: pytest.FixtureRequest) -> Iterator[RunningDemo]:
    """A demo of six sites, fresh for each module."""
    directory = server_directory / f"demo-{request.module.__name__.rpartition('.')[2]}"
    directory.mkdir(mode=0o755)
    with running_demo(directory, sites=6) as demo:
        yield demo
