"""Waking up on notices of the database, with polling as the promise behind the hint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress

import structlog
from psycopg import Notify

from domain.errors import StorageError
from storage.notices import NoticeChannel, listen
from storage.pool import Connection, connect, wrapped_errors

log = structlog.get_logger("campuswatch.listening")

#: How often each reaction runs though no notice came: one may have been missed while the connection was down.
POLL_S = 300.0

Reaction = Callable[[Connection], Awaitable[None]]
#: Is given the payload of a notice in the moment when it comes, and asks the database nothing.
Ear = Callable[[str], None]


async def react(
    dsn: str,
    reactions: Mapping[NoticeChannel, Reaction],
    *,
    name: str,
    poll_s: float = POLL_S,
    pause_s: float = 0.0,
    ears: Mapping[NoticeChannel, Ear] | None = None,
) -> None:
    """Run the reaction to each channel when it is noticed, at the start, and every ``poll_s``; ``pause_s`` lets notices
    that come one after the other be one reason. ``ears`` hear theirs at once. Until cancelled.

    Reactions share one connection of their own. A database that is away is waited for, and everything is run anew.
    """
    away = False
    while True:
        try:
            conn = await connect(dsn, name=name)
        except StorageError:
            away = True
            await asyncio.sleep(1.0)
            continue
        try:
            async with wrapped_errors():
                await listen(conn, *reactions, *(ears or {}))
                if away:
                    log.info("database back", component=name)
                    away = False
                await _serve(conn, reactions, poll_s, pause_s, ears or {})
        except StorageError as error:
            log.warning("database away", component=name, error=str(error))
            away = True
        finally:
            with suppress(Exception):
                await conn.close()
        await asyncio.sleep(1.0)


async def _serve(
    conn: Connection,
    reactions: Mapping[NoticeChannel, Reaction],
    poll_s: float,
    pause_s: float,
    ears: Mapping[NoticeChannel, Ear],
) -> None:
    due = set(reactions)
    while True:
        for channel in due:
            await reactions[channel](conn)
        heard = await _hear(conn.notifies(timeout=poll_s, stop_after=1), ears)
        if heard:
            # What comes in the same moment is one reason to look, not many.
            heard |= await _hear(conn.notifies(timeout=pause_s), ears)
        due = heard & reactions.keys() if heard else set(reactions)


async def _hear(notices: AsyncIterator[Notify], ears: Mapping[NoticeChannel, Ear]) -> set[NoticeChannel]:
    """The channels on which something came; whoever has an ear for it is told."""
    heard: set[NoticeChannel] = set()
    async for notice in notices:
        channel = NoticeChannel(notice.channel)
        heard.add(channel)
        if channel in ears:
            ears[channel](notice.payload)
    return heard
