"""Those who watch: each with a short queue of frames, none able to hold up another."""

from __future__ import annotations

import asyncio
from collections import deque
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
        self._ready = asyncio.Event()
        self._ready.set()

    def offer(self, frame: str) -> bool:
        """Put a frame into the queue; False when it overflowed."""
        if self._stale:
            return True
        if len(self._frames) >= QUEUE_FRAMES:
            self.refresh()
            return False
        self._frames.append(frame)
        self._ready.set()
        return True

    def refresh(self) -> None:
        """Whatever waits is outdated: the next frame is a snapshot."""
        self._frames.clear()
        self._stale = True
        self._ready.set()

    async def next(self) -> str:
        """The next frame to send."""
        while True:
            await self._ready.wait()
            if not self._stale:
                frame: str | None = self._frames.popleft()
            elif (frame := self._snapshot()) is not None:
                self._stale = False
            if not self._frames:
                self._ready.clear()
            if frame is not None:
                return frame


class Audience:
    """All viewers of this process, at most ``limit``."""

    def __init__(self, *, limit: int, metrics: WebMetrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._viewers: set[Viewer] = set()

    def __len__(self) -> int:
        return len(self._viewers)

    @property
    def full(self) -> bool:
        return len(self._viewers) >= self._limit

    @property
    def scopes(self) -> set[frozenset[str]]:
        """Of the viewers that are not shown every site: what they are shown."""
        return {viewer.only for viewer in self._viewers if viewer.only is not None}

    def join(self, snapshot: Callable[[], str | None], *, only: Sites = None) -> Viewer:
        viewer = Viewer(snapshot, only=only)
        self._viewers.add(viewer)
        self._metrics.viewers.set(len(self._viewers))
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
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
