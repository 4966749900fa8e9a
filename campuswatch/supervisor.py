"""Keeps processes running: starts them, starts them again when they die, ends them all within seconds.

For `campuswatch demo`. A real installation leaves this to systemd or its like (docs/operations.md).
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from campuswatch.embedded.child import Child, tethered
from campuswatch.embedded.server import EmbeddedServer

log = structlog.get_logger("campuswatch.supervisor")

#: Seconds that a role gets to flush and close before it is killed.
PARTING_S = 2.5
_LOOK_EVERY_S = 0.25
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 15.0
#: Every alarm waits while this process does not run.
_LONGEST_ALARM_WAIT_S = 1.0
#: Seconds of life after which a process counts as well again.
_WELL_AFTER_S = 30.0


class Worker:
    """One of our own programs: ``campuswatch <arguments>``. ``output`` None = it speaks on our terminal."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        settings_file: Path | None = None,
        output: Path | None = None,
    ) -> None:
        self.name = name
        before = ["--settings", str(settings_file)] if settings_file else []
        self._command = [sys.executable, "-m", "campuswatch", *before, *arguments]
        self._environment = dict(environment)
        self._output = output
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.poll() is None else None

    async def start(self) -> None:
        sink = None
        if self._output is not None:
            self._output.parent.mkdir(parents=True, exist_ok=True)
            sink = self._output.open("ab")
        try:
            process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                tethered(self._command, account=None, parting_signal=signal.SIGTERM),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**os.environ, **self._environment},
                start_new_session=True,  # the terminal's Ctrl-C reaches us alone; we end the others in order
            )
        finally:
            if sink is not None:
                sink.close()
        self._child = Child(process)

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.end([(signal.SIGTERM, PARTING_S), (signal.SIGKILL, 1.0)])

    def poll(self) -> int | None:
        return self._child.poll() if self._child is not None else None

    async def finished(self, timeout_s: float) -> int | None:
        """Its exit code once it is done, None when it is not after ``timeout_s``."""
        assert self._child is not None
        return await self._child.wait(timeout_s)


async def watch(ward: Worker | EmbeddedServer) -> None:
    """Start ``ward`` again whenever it has ended, with growing waits, until cancelled."""
    loop = asyncio.get_running_loop()
    wait_s, started = _FIRST_WAIT_S, loop.time()
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        code = ward.poll()
        if code is None:
            continue
        if loop.time() - started > _WELL_AFTER_S:
            wait_s = _FIRST_WAIT_S
        log.warning("process ended; starting it again", process=ward.name, code=code, in_s=wait_s)
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, _LONGEST_ALARM_WAIT_S if ward.name == "alarm" else _LONGEST_WAIT_S)
        try:
            await ward.start()
        except Exception as error:
            log.error("process does not start", process=ward.name, error=str(error))
            continue
        started = loop.time()
