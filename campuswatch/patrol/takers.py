"""A picture by the way that a camera has: a snapshot over HTTP, or a frame of its stream."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import quote, urlsplit, urlunsplit

from campuswatch.patrol.helpers import HelperLost, Helpers
from campuswatch.patrol.jobs import Frame, TakeFrame
from domain.camera import CameraSource, Way
from domain.clock import Clock
from ingest.pictures.snapshot import Snapshots
from ingest.pictures.taken import NoPicture, TakenPicture

_RTSP_PORT = 554
#: What a helper may take longer than FFmpeg was told to.
_GRACE_S = 2.0


class Takers:
    def __init__(self, snapshots: Snapshots, streams: Helpers, clock: Clock, *, timeout_s: float) -> None:
        self._snapshots = snapshots
        self._streams = streams
        self._clock = clock
        self._timeout_s = timeout_s

    async def take(self, source: CameraSource) -> TakenPicture:
        """:raises NoPicture: there is none; within the time-out, and a little more for a stream."""
        if source.way is Way.SNAPSHOT:
            return await self._snapshots.take(source)
        if source.way is Way.STREAM:
            return await self._frame(source)
        raise NoPicture("silent", answered=False)

    async def _frame(self, source: CameraSource) -> TakenPicture:
        await self._knock(source.url)
        job = TakeFrame(url=with_credentials(source), timeout_s=self._timeout_s)
        try:
            answer = await self._streams.ask(job, timeout_s=self._timeout_s + _GRACE_S)
        except HelperLost as error:
            raise NoPicture("timeout" if error.timed_out else "undecodable", answered=True) from error
        if not isinstance(answer, Frame):
            raise NoPicture(getattr(answer, "reason", "no_frame"), answered=True)
        return TakenPicture(jpeg=answer.jpeg, at=self._clock.now())

    async def _knock(self, url: str) -> None:
        """Whether anybody is there: FFmpeg does not tell a closed door from a broken stream."""
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(self._timeout_s / 2):
                _, writer = await asyncio.open_connection(parts.hostname, parts.port or _RTSP_PORT)
        except TimeoutError as error:
            raise NoPicture("timeout", answered=False) from error
        except OSError as error:
            raise NoPicture("unresolved" if error.errno is None else "refused", answered=False) from error
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def with_credentials(source: CameraSource) -> str:
    """The address as FFmpeg wants it. Handed to a helper over a pipe, and shown to nobody."""
    if not source.username:
        return source.url
    parts = urlsplit(source.url)
    who = f"{quote(source.username, safe='')}:{quote(source.password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{who}@{parts.netloc.rpartition('@')[2]}"))
