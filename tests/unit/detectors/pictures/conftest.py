"""A camera before a drawn yard that has learnt for three days: what most tests of diagnosis begin with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from detectors.pictures.decoding import decoded
from detectors.pictures.diagnosis import Step, step
from detectors.pictures.look import look
from detectors.pictures.memory import Memory
from simulators.pictures.camera import Camera
from simulators.pictures.scenery import drawn

BEGUN = datetime(2026, 10, 1, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIZE = (480, 270)
LEARNT = BEGUN + 72 * HOUR


@pytest.fixture(scope="session")
def camera() -> Camera:
    return Camera(number=2, scenery=drawn(2, SIZE), size=SIZE, begun=BEGUN)


@pytest.fixture(scope="session")
def learnt(camera: Camera) -> Memory:
    """The memory after 72 pictures, one an hour."""
    memory = Memory()
    for hour in range(72):
        memory = seen(memory, camera.picture(BEGUN + hour * HOUR), BEGUN + hour * HOUR).memory
    return memory


def seen(memory: Memory, jpeg: bytes, at: datetime) -> Step:
    return step(memory, look(decoded(jpeg)), at)
