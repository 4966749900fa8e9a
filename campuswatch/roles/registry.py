"""The registry as a lane begins with it: empty, and waited for."""

from __future__ import annotations

import asyncio

import structlog

from campuswatch.settings import Settings
from devices.formats.decode import Decoder
from devices.profiles.matching import ProfileSet
from devices.registry import EMPTY_REGISTRY

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


def lane_decoder(settings: Settings, profiles: ProfileSet, *, most_bytes: int | None = None) -> Decoder:
    """A decoder with the bounds of the settings, and no message over ``most_bytes``. It knows no device before it is
    given a registry.
    """
    return Decoder(
        EMPTY_REGISTRY,
        profiles,
        future_s=settings.ingest.future_s,
        max_age_s=settings.ingest.oldest_days * 86_400,
        max_payload=min(settings.ingest.most_bytes, most_bytes or settings.ingest.most_bytes),
    )
