from __future__ import annotations

import asyncio
import threading
from uuid import uuid4

from alerting.standing import Keeper, Standing
from domain.incident import OpenCase


class _Disk:
    """Keeps what it is given once it is let; refuses while it is ``full``."""

    def __init__(self) -> None:
        self.kept: list[Standing] = []
        self.full = False
        self.tries = 0
        self.free = threading.Event()
        self.free.set()

    def put(self, standing: Standing) -> None:
        self.tries += 1
        assert self.free.wait(10)
        if self.full:
            raise OSError(28, "No space left on device")
        self.kept.append(standing)


def _open(*keys: str) -> Standing:
    return Standing(cases={key: OpenCase(incident_id=uuid4()) for key in keys})


async def test_who_asks_while_it_is_being_written_waits_for_one_more_writing_together_with_all_others() -> None:
    disk, now = _Disk(), [_open("a")]
    async with asyncio.TaskGroup() as tasks:
        keeper = Keeper(lambda: now[0], disk.put, tasks)
        disk.free.clear()
        first = tasks.create_task(keeper.keep())
        while not disk.tries:  # noqa: ASYNC110 - on the other side of it is a thread
            await asyncio.sleep(0)
        others = []
        for standing in (_open("b"), _open("c"), _open("d")):
            now[0] = standing
            others.append(tasks.create_task(keeper.keep()))
            await asyncio.sleep(0)
        assert not first.done()
        disk.free.set()
        await first
        assert not any(other.done() for other in others), "the first one was of before"
    assert [set(standing.cases) for standing in disk.kept] == [{"a"}, {"d"}]


async def test_what_has_not_changed_is_not_written_again() -> None:
    disk, standing = _Disk(), _open("a")
    async with asyncio.TaskGroup() as tasks:
        keeper = Keeper(lambda: standing, disk.put, tasks)
        keeper.found(standing)
        await keeper.keep()
    assert disk.tries == 0


async def test_what_the_disk_refused_is_tried_again_though_it_has_not_changed() -> None:
    disk, standing = _Disk(), _open("a")
    async with asyncio.TaskGroup() as tasks:
        keeper = Keeper(lambda: standing, disk.put, tasks)
        disk.full = True
        await keeper.keep()
        disk.full = False
        await keeper.keep()
    assert disk.kept == [standing]
