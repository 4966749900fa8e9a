"""Progress of something that runs for a while: one line that is written anew on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from shutil import get_terminal_size
from typing import TextIO

ON_A_TERMINAL_S = 0.5
ELSEWHERE_S = 10.0


class Progress:
    """``plain`` takes the lines where there is no terminal; by default they go to ``stream`` too."""

    def __init__(self, stream: TextIO, *, plain: Callable[[str], None] | None = None) -> None:
        self._stream = stream
        self._plain = plain or self._print
        self.on_terminal = stream.isatty()
        self.every_s = ON_A_TERMINAL_S if self.on_terminal else ELSEWHERE_S
        self._next_at = 0.0
        self._standing = False

    def due(self, now_s: float) -> bool:
        """Once every so often by a steady clock, the first time one interval after the first look."""
        if not self._next_at:
            self._next_at = now_s + self.every_s
        if now_s < self._next_at:
            return False
        self._next_at += self.every_s * (1 + (now_s - self._next_at) // self.every_s)
        return True

    def show(self, line: str) -> None:
        if not self.on_terminal:
            self._plain(line)
            return
        width = get_terminal_size().columns - 1
        self._stream.write(f"\r{line[:width]}\x1b[K")
        self._stream.flush()
        self._standing = True

    def say(self, line: str) -> None:
        """A line that stays; the one that is written anew moves below it."""
        if self._standing:
            self._stream.write("\r\x1b[K")
            self._standing = False
        self._print(line)

    def end(self) -> None:
        """The last state stays on the terminal."""
        if self._standing:
            self._stream.write("\n")
            self._stream.flush()
            self._standing = False

    def _print(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()
