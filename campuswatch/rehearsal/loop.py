"""An event loop whose time is not the world's.

Timers, time-outs and sleeps go by a virtual clock. It stands still while anybody waits for something real: the
database, the disk, a thread. When nobody does, it jumps to the next timer. So a night passes in a moment, and a
database that takes three real milliseconds takes none.

::

    ready ──► run it                    (no time passes)
    nothing ready, something real under way ──► wait for it   (no time passes)
    nothing ready, nothing under way ──► before_jump, then jump to the next timer
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

#: Real seconds that the database or the disk may take before a rehearsal gives up.
REAL_PATIENCE_S = 60.0


class StandsStill(RuntimeError):
    """Nothing will ever happen again, or something real does not answer."""


class _JumpingSelector(selectors.DefaultSelector):
    """Asked to wait for a while, it lets the while pass at once where nothing real can happen in it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0.0:
            return self._noted(super().select(0))
        loop = self.loop
        # The loop's own pipe is always registered; psycopg registers a connection while it waits for an answer.
        if loop.jobs or len(self.get_map()) > 1:
            found = super().select(REAL_PATIENCE_S)
            if not found:
                raise StandsStill(f"no answer of the database or the disk within {REAL_PATIENCE_S:g} s")
            return self._noted(found)
        if loop.hold_before_jump():
            return super().select(0)
        if timeout is None:
            raise StandsStill("everybody waits for somebody else, and no timer is set")
        loop.jump(timeout)
        return super().select(0)

    def _noted(self, found: list[tuple[selectors.SelectorKey, int]]) -> list[tuple[selectors.SelectorKey, int]]:
        """Something real has happened, unless it was on a file that is no news."""
        if any(key.fd not in self.loop.no_news for key, _ in found):
            self.loop.touched = True
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """``before_jump``, where it is set, is called once before time goes on if anything real has happened since the last
    call; what it starts comes first.

    :ivar jobs: calls that are under way in threads.
    :ivar no_news: files on which what happens is none: those of whoever looks before a jump.
    """

    def __init__(self) -> None:
        selector = _JumpingSelector()
        selector.loop = self
        self._virtual_s = 0.0
        self.jobs = 0
        self.no_news: set[int] = set()
        self.touched = False
        self.before_jump: Callable[[], None] | None = None
        super().__init__(selector)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._virtual_s

    def jump(self, seconds: float) -> None:
        self._virtual_s += seconds

    def hold_before_jump(self) -> bool:
        """Whether something has to happen before time may go on."""
        if self.before_jump is None or not self.touched:
            return False
        self.touched = False
        self.before_jump()
        return True

    @property
    def next_timer_s(self) -> float:
        """When the next timer is due; infinite where there is none."""
        due = [handle.when() for handle in self._scheduled[:1]]  # type: ignore[attr-defined]
        return due[0] if due else float("inf")

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self.jobs += 1
        future.add_done_callback(self._job_done)
        return future

    async def shutdown_default_executor(self) -> None:
        self.jobs += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self.jobs -= 1

    def _job_done(self, _: asyncio.Future[Any]) -> None:
        self.jobs -= 1
        self.touched = True


class LoopClock:
    """A `domain.clock.Clock` that goes by the running virtual loop."""

    def __init__(self, loop: VirtualLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def at(self, moment: datetime) -> float:
        """The loop's time at ``moment``."""
        return (moment - self._start).total_seconds()


def run_virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run ``main`` on a virtual loop of its own, as `asyncio.run` does on a real one."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(loop))
