"""Helper processes: so many at once, each with one question at a time, ended and replaced when it takes too long."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from types import TracebackType

import msgspec
import structlog

from campuswatch.patrol.jobs import ANSWERS, READY, Answer, Job, length_of, packed
from domain.errors import CampuswatchError

log = structlog.get_logger("campuswatch.patrol")

#: Importing OpenCV takes its time where every core is busy.
START_S = 30.0
COMMAND = (sys.executable, "-m", "campuswatch.patrol.helper")


class HelperLost(CampuswatchError):
    """The helper died over a question, or took too long."""

    def __init__(self, *, timed_out: bool) -> None:
        self.timed_out = timed_out
        super().__init__("took too long" if timed_out else "died")


class Helpers:
    """``async with``; then `ask`. Processes begin with the first question."""

    def __init__(self, many: int, *, command: tuple[str, ...] = COMMAND) -> None:
        self._command = command
        self._free: asyncio.Queue[Process | None] = asyncio.Queue()
        self._all: set[Process] = set()
        for _ in range(many):
            self._free.put_nowait(None)
        #: How many were ended because they took too long, or died.
        self.lost = 0

    async def __aenter__(self) -> Helpers:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in tuple(self._all):
            await self._end(process)

    async def ask(self, job: Job, *, timeout_s: float) -> Answer:
        """The answer of the next free helper.

        :raises HelperLost: there is none; the helper is replaced.
        """
        process = await self._free.get()
        alive: Process | None = None
        try:
            if process is None or process.returncode is not None:
                process = await self._begin()
            async with asyncio.timeout(timeout_s):
                found = await _asked(process, job)
            alive = process
            return found
        except TimeoutError as error:
            raise HelperLost(timed_out=True) from error
        except (OSError, EOFError, ValueError, msgspec.MsgspecError) as error:
            raise HelperLost(timed_out=False) from error
        finally:
            if alive is None and process is not None:
                self.lost += 1
                await asyncio.shield(self._end(process))
            self._free.put_nowait(alive)

    async def _begin(self) -> Process:
        process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        self._all.add(process)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_S):
                await process.stdout.readexactly(len(READY))
        except BaseException:
            await asyncio.shield(self._end(process))
            raise
        return process

    async def _end(self, process: Process) -> None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        self._all.discard(process)


async def _asked(process: Process, job: Job) -> Answer:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(packed(job))
    await process.stdin.drain()
    head = await process.stdout.readexactly(4)
    return ANSWERS.decode(await process.stdout.readexactly(length_of(head)))
