"""Waking up on notices of the database, with polling as the promise behind the hint."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import structlog

from domain.errors import StorageError
from storage.notices import NoticeChannel, listen
from storage.pool import Connection, connect, wrapped_errors

log = structlog.get_logger("campuswatch.listening")

#: How often each reaction runs though no notice came: one may have been missed while the connection was down.
POLL_S = 300.0

Reaction = Callable[[Connection], Awaitable[None]]


async def react(
    dsn: str,
    reactions: Mapping[NoticeChannel, Reaction],
    *,
    name: str,
    poll_s: float = POLL_S,
    pause_s: float = 0.0,
) -> None:
    """Run the reaction to each channel when it is noticed, at the start, and every ``poll_s``; ``pause_s`` lets notices
    that come one after the other be one reason. Until cancelled.

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
                await listen(conn, *reactions)
                if away:
                    log.info("database back", component=name)
                    away = False
                await _serve(conn, reactions, poll_s, pause_s)
        except StorageError as error:
            log.warning("database away", component=name, error=str(error))
            away = True
        finally:
            with suppress(Exception):
                await conn.close()
        await asyncio.sleep(1.0)


async def _serve(conn: Connection, reactions: Mapping[NoticeChannel, Reaction], poll_s: float, pause_s: float) -> None:
    due = set(reactions)
    while True:
        for channel in due:
            await reactions[channel](conn)
        due = {NoticeChannel(notice.channel) async for notice in conn.notifies(timeout=poll_s, stop_after=1)}
        if due:
            await asyncio.sleep(pause_s)
        # What came in the same moment is one reason to look, not many.
        due |= {NoticeChannel(notice.channel) async for notice in conn.notifies(timeout=0)}
        if not due:
            due = set(reactions)
