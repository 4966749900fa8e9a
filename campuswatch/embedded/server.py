"""What an embedded server is to a supervisor."""

from __future__ import annotations

from typing import Protocol


class EmbeddedServer(Protocol):
    """A server that runs as a child process of ours.

    `start` must be called on a thread that lives as long as the server (the event loop of the main thread):
    the kernel ends the server when the thread that started it is gone.
    """

    @property
    def name(self) -> str:
        """What it is called in logs."""

    @property
    def pid(self) -> int | None:
        """Process id, ``None`` while it is not running."""

    async def start(self) -> None:
        """Start it and return once it answers.

        :raises EmbeddedError: it did not start; the text says how to mend it.
        """

    async def stop(self) -> None:
        """End it, within 3 s, and do nothing when it is not running."""

    def poll(self) -> int | None:
        """``None`` while it runs; else how it ended: an exit code, or minus the number of a signal."""

    async def answers(self, *, timeout_s: float = 2.0) -> bool:
        """Whether a client gets through to it now; a process that lives may still refuse everybody."""
