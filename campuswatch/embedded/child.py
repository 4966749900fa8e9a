"""Child processes in a session of their own that end with us."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from campuswatch.embedded.account import ServerAccount

_TETHER = Path(__file__).with_name("tether.py")
_POLL_S = 0.02


def tethered(command: Sequence[str], *, account: ServerAccount | None, parting_signal: signal.Signals) -> list[str]:
    """The command line that runs ``command`` as ``account`` and sends it ``parting_signal`` when we end."""
    uid, gid = ("-", "-") if account is None else (str(account.uid), str(account.gid))
    return [
        *(sys.executable, "-I", "-S", str(_TETHER)),
        *(str(os.getpid()), str(int(parting_signal)), uid, gid),
        *command,
    ]


class Child:
    """One running child. It gets no Ctrl-C of the terminal: who started it decides when and how it ends."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    def spawn(
        cls,
        command: Sequence[str],
        *,
        account: ServerAccount | None = None,
        parting_signal: signal.Signals,
        output: Path,
        environment: Mapping[str, str],
        directory: Path,
    ) -> Child:
        """Start ``command``; what it prints goes to ``output``, which is emptied first."""
        with output.open("wb") as sink:
            process = subprocess.Popen(
                tethered(command, account=account, parting_signal=parting_signal),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=dict(environment),
                cwd=directory,
                start_new_session=True,
            )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    async def wait(self, timeout_s: float) -> int | None:
        """Its exit code, or ``None`` when it still runs after ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                while (code := self.poll()) is None:  # noqa: ASYNC110 - keeps the exit code with Popen
                    await asyncio.sleep(_POLL_S)
                return code
        except TimeoutError:
            return self.poll()

    async def end(self, steps: Sequence[tuple[signal.Signals, float]]) -> None:
        """Send each signal in turn and give it its seconds, until the child is gone."""
        for step, patience_s in steps:
            if self.poll() is not None:
                return
            self._process.send_signal(step)
            if await self.wait(patience_s) is not None:
                return


def last_lines(output: Path, count: int = 5) -> str:
    """The end of what a child printed, for an error message."""
    try:
        lines = output.read_text("utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])
