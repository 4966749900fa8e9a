"""What every role is given, and how a role's process begins and ends."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server

from campuswatch.settings import Settings
from domain.clock import Clock, SystemClock
from domain.errors import CampuswatchError, SettingsError, first_error

log = structlog.get_logger("campuswatch.role")

#: How far each role steps back for the alarm lane when every core is busy (nice, 0 to 19).
STEPS_BACK = {"alarm": 0, "alerting": 2, "web": 5, "bulk": 10, "patrol": 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Settings, clock and the metrics registry of this process. ``settled``: to be called when something large is in
    memory to stay, such as the facts of a district: a collector that walks it again and again holds up everything else
    for a tenth of a second each time.
    """

    settings: Settings
    clock: Clock
    metrics: CollectorRegistry
    settled: Callable[[], None] = lambda: None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.zone)


def surroundings(settings: Settings) -> Surroundings:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return Surroundings(settings=settings, clock=SystemClock(), metrics=registry, settled=gc.freeze)


def run_role(name: str, settings: Settings, *, metrics_port: int | None) -> None:
    """Run a role until SIGTERM or SIGINT; it then stops intake, flushes and closes."""
    from campuswatch.roles import Role, role_main

    around = surroundings(settings)
    if metrics_port is not None:
        try:
            start_http_server(metrics_port, addr=settings.metrics.host, registry=around.metrics)
        except OSError as error:
            raise SettingsError(
                [f"metrics.port: cannot listen on {settings.metrics.host}:{metrics_port}: {error.strerror}"]
            ) from error

    os.nice(STEPS_BACK[name])

    async def live() -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        log.info("role starting")
        # Long-lived registries and routes are no garbage: keep the collector from walking them again and again.
        gc.freeze()
        try:
            await role_main(Role(name))(around)
        except asyncio.CancelledError:
            log.info("role stopped")

    try:
        asyncio.run(live())
    except* CampuswatchError as group:
        raise first_error(group) from None
