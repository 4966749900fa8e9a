"""What a role says, through a pipe into a file: a role whose disk is full can still speak, as under systemd."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path


class RoleLog:
    """``pipe`` is where the role writes; `open` before it starts."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.pipe = file.with_suffix(".pipe")

    async def open(self) -> None:
        self.file.parent.mkdir(exist_ok=True)
        os.mkfifo(self.pipe)
        # For writing too: so the pipe does not end when the role is killed.
        end = os.fdopen(os.open(self.pipe, os.O_RDWR | os.O_NONBLOCK), "rb", buffering=0)
        sink = self.file.open("wb", buffering=0)
        self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: _ToFile(sink.write), end)
        self._sink = sink

    def close(self) -> None:
        self._transport.close()
        self._sink.close()

    def count(self, words: str) -> int:
        """How often the role has said ``words``."""
        return self.file.read_text("utf-8", "replace").count(words)


class _ToFile(asyncio.Protocol):
    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def data_received(self, data: bytes) -> None:
        self._write(data)
