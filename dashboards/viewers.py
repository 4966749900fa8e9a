"""Those who watch: each with a short queue of frames, none able to hold up another."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable

from dashboards.metrics import WebMetrics
from domain.access import Sites

#: Frames that may wait for a viewer. One more, and all are dropped for a fresh snapshot.
QUEUE_FRAMES = 8


class Viewer:
    """One viewer's frames. It begins, and after an overflow begins again, with a snapshot.

    ``only``: the sites that it is shown; None = every site. ``snapshot`` is asked at the moment of sending, so that a
    viewer that was away for long gets the wall of now; what was offered meanwhile is in it. Where it answers None there
    is nothing to show yet, and `refresh` asks again.
    """

    def __init__(self, snapshot: Callable[[], str | None], *, only: Sites = None) -> None:
        self.only = only
        self._snapshot = snapshot
        self._frames: deque[str] = deque()
        self._stale = True
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, frame: str) -> bool:
        """Put a frame into the queue; False when it overflowed."""
        if self._stale:
            return True
        if len(self._frames) >= QUEUE_FRAMES:
            self.refresh()
            return False
        self._frames.append(frame)
        self._wake()
        return True

    def refresh(self) -> None:
        """Whatever waits is outdated: the next frame is a snapshot."""
        self._frames.clear()
        self._stale = True
        self._wake()

    async def next(self) -> str:
        """The next frame to send. One task asks at a time."""
        while True:
            if not self._stale:
                if self._frames:
                    return self._frames.popleft()
            elif (frame := self._snapshot()) is not None:
                self._stale = False
                return frame
            # An `asyncio.Event` would do the same at twice the price, and there are hundreds of viewers.
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Audience:
    """All viewers of this process, at most ``limit``."""

    def __init__(self, *, limit: int, metrics: WebMetrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._viewers: set[Viewer] = set()
        self._scopes: Counter[frozenset[str]] = Counter()

    def __len__(self) -> int:
        return len(self._viewers)

    @property
    def full(self) -> bool:
        return len(self._viewers) >= self._limit

    @property
    def scopes(self) -> set[frozenset[str]]:
        """Of the viewers that are not shown every site: what they are shown."""
        return set(self._scopes)

    def join(self, snapshot: Callable[[], str | None], *, only: Sites = None) -> Viewer:
        viewer = Viewer(snapshot, only=only)
        self._viewers.add(viewer)
        if only is not None:
            self._scopes[only] += 1
        self._metrics.viewers.set(len(self._viewers))
        return viewer

    def leave(self, viewer: Viewer) -> None:
        if viewer not in self._viewers:
            return
        self._viewers.remove(viewer)
        if viewer.only is not None:
            self._scopes[viewer.only] -= 1
            self._scopes += Counter()  # without those that nobody is shown any more
        self._metrics.viewers.set(len(self._viewers))

    def broadcast(self, kind: str, frame: str, *, only: Sites = None) -> None:
        """The same text to everybody who is shown the same sites."""
        self._metrics.frames.labels(kind).inc()
        for viewer in self._viewers:
            if viewer.only == only and not viewer.offer(frame):
                self._metrics.viewer_drops.labels("overflow").inc()

    def refresh(self) -> None:
        for viewer in self._viewers:
            viewer.refresh()

    def refresh_only(self, only: frozenset[str]) -> None:
        for viewer in self._viewers:
            if viewer.only == only:
                viewer.refresh()
