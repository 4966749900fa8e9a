"""Waiting for the registry to be loaded for the first time."""

from __future__ import annotations

import asyncio

import structlog

log = structlog.get_logger("campuswatch.registry")


class FirstRegistry:
    """A lane decodes nothing before it knows its devices, or it would put all of them into quarantine."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._size = -1

    @property
    def loaded(self) -> bool:
        return self._event.is_set()

    def done(self, size: int) -> None:
        """``size`` devices are known now."""
        if size != self._size:
            log.info("registry loaded", devices=size)
        self._size = size
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
