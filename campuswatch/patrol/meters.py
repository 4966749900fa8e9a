"""What the patrol shows on /metrics."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from detectors.pictures.rota import Progress


class PatrolMeters:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._looks = Counter("campuswatch_patrol_looks", "Cameras looked at", ["outcome"], registry=registry)
        self._gauges = {
            name: Gauge(f"campuswatch_patrol_{name}", text, registry=registry)
            for name, text in (
                ("cameras", "Cameras whose pictures can be had"),
                ("covered", "Cameras looked at within the last cycle"),
                ("overdue", "Cameras that should have been looked at"),
                ("doubtful", "Cameras that are looked at more often"),
                ("under_way", "Cameras that are being looked at"),
                ("oldest_seconds", "How long ago the camera was looked at that waits longest, -1: one never was"),
                ("working", "Whether this process is the one that patrols"),
            )
        }
        self._registry = registry

    def looked(self, outcome: str) -> None:
        self._looks.labels(outcome).inc()

    def progress(self, progress: Progress) -> None:
        for name in ("cameras", "covered", "overdue", "doubtful", "under_way"):
            self._gauges[name].set(getattr(progress, name))
        self._gauges["oldest_seconds"].set(-1 if progress.oldest_s is None else progress.oldest_s)

    def working(self, works: bool) -> None:
        self._gauges["working"].set(works)

    def count(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A figure that is asked for when it is shown."""
        Gauge(f"campuswatch_patrol_{name}", text, registry=self._registry).set_function(value)
