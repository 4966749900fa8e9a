"""What the web process tells Prometheus, and the timing of requests. Every label is bounded."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class WebMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.viewers = Gauge("campuswatch_web_viewers", "Viewers of the live wall", registry=registry)
        self.frames = Counter(
            "campuswatch_web_frames", "Frames made for the live wall, each sent to all", ["kind"], registry=registry
        )
        self.viewer_drops = Counter(
            "campuswatch_web_viewer_drops",
            "Viewers that got a fresh snapshot (overflow), were cut off (slow) or turned away (full)",
            ["reason"],
            registry=registry,
        )
        self.looks = Histogram(
            "campuswatch_web_look_seconds",
            "Time to read the wall and tell the viewers",
            ["kind"],
            registry=registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 3),
        )
        self.database_up = Gauge(
            "campuswatch_web_database_up", "1 while the stream reaches the database", registry=registry
        )
        self.sign_ins = Counter(
            "campuswatch_web_sign_ins", "Tries to sign in: ok, wrong, held", ["outcome"], registry=registry
        )
        self.refusals = Counter(
            "campuswatch_web_refusals",
            "Requests of nobody, without the permission, at another's site, before the password was changed",
            ["reason"],
            registry=registry,
        )
        self.requests = Histogram(
            "campuswatch_web_request_seconds",
            "Time to answer a request",
            ["method", "route", "status"],
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
        )


class RequestTiming:
    """ASGI middleware: observes each request under the template of its route, never under its path."""

    def __init__(self, app: ASGIApp, *, metrics: WebMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = "none"

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = getattr(scope.get("route"), "path_format", "") or "pages"
            self._metrics.requests.labels(method, route, status).observe(time.perf_counter() - began)
