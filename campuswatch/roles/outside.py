"""What lies around the alarm and alerting roles: the broker, the links, telephones, the database's notices, chance.

Both roles are put together from `Outside` alone, so a rehearsal (`campuswatch.rehearsal`) runs them as they are, within
walls of its own.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, Protocol

from alerting.channels import Channel
from alerting.channels.mqtt import OnReply
from alerting.directory import Look
from alerting.reporter import MOST_LATE
from alerting.status_poll import PollPlan
from campuswatch.roles.links import open_inquiries, open_links
from campuswatch.roles.listening import POLL_S, Ear, Reaction, react
from campuswatch.roles.people import open_people
from campuswatch.roles.session_mark import marked_session
from campuswatch.roles.surroundings import Surroundings
from domain.delivery import DeliveryChannel
from ingest.alarm_lane import Session
from ingest.session import BrokerSession
from storage.notices import NoticeChannel
from storage.pool import Pool, open_pool


class Outside(Protocol):
    """``poll_s``: how late a notice of the database that was missed is made up for. ``chance``: numbers in [0, 1) that
    keep many from trying again in the same moment. ``supervised``: whether links are sent heartbeats and test alarms.
    ``drill_links``: those that hear of a drill which does not say so itself (None = all). ``receipt_lateness``: see
    `alerting.reporter.Reporter`.
    """

    poll_s: float
    chance: Callable[[], float]
    supervised: bool
    drill_links: Sequence[str] | None
    receipt_lateness: timedelta | None

    def session(
        self,
        *,
        client_id: str,
        filters: Sequence[str],
        on_connection: Callable[[bool], None],
        on_forgotten: Callable[[], None],
    ) -> Session: ...

    def pool(self, *, name: str, max_size: int) -> AbstractAsyncContextManager[Pool]:
        """Connections to the database."""

    def links(self, name: str, on_reply: OnReply | None = None) -> AbstractAsyncContextManager[Mapping[str, Channel]]:
        """The links by their ids, for the role ``name``; see `campuswatch.roles.links`."""

    def inquiries(self) -> AbstractAsyncContextManager[Mapping[str, PollPlan]]:
        """The links that are asked what a person there says."""

    def people(self, look: Look) -> AbstractAsyncContextManager[Mapping[DeliveryChannel, Channel]]:
        """The ways to people; ``look`` finds addresses."""

    async def react(
        self,
        reactions: Mapping[NoticeChannel, Reaction],
        *,
        name: str,
        poll_s: float = POLL_S,
        pause_s: float = 0.0,
        ears: Mapping[NoticeChannel, Ear] | None = None,
    ) -> None:
        """See `campuswatch.roles.listening`."""

    def chore(self, tasks: asyncio.TaskGroup, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Have ``work`` done that decides nothing about alarms: books, tidying, gauges."""

    def on_fault(self, part: str, error: Exception) -> None:
        """A part of the role failed, or one of its rows. It is logged and counted already."""


class World:
    """The real outside."""

    poll_s = 2.0
    chance = staticmethod(random.random)
    supervised = True
    receipt_lateness: timedelta | None = MOST_LATE

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.drill_links: Sequence[str] | None = around.settings.drill_links()

    def session(
        self,
        *,
        client_id: str,
        filters: Sequence[str],
        on_connection: Callable[[bool], None],
        on_forgotten: Callable[[], None],
    ) -> BrokerSession:
        return marked_session(
            self._around.settings,
            client_id=client_id,
            filters=filters,
            on_connection=on_connection,
            on_forgotten=on_forgotten,
        )

    def pool(self, *, name: str, max_size: int) -> AbstractAsyncContextManager[Pool]:
        return open_pool(self._around.settings.database_url(), name=name, max_size=max_size)

    def links(self, name: str, on_reply: OnReply | None = None) -> AbstractAsyncContextManager[Mapping[str, Channel]]:
        return open_links(self._around, name=name, on_reply=on_reply)

    def inquiries(self) -> AbstractAsyncContextManager[Mapping[str, PollPlan]]:
        return open_inquiries(self._around)

    def people(self, look: Look) -> AbstractAsyncContextManager[Mapping[DeliveryChannel, Channel]]:
        return open_people(self._around, look)

    async def react(
        self,
        reactions: Mapping[NoticeChannel, Reaction],
        *,
        name: str,
        poll_s: float = POLL_S,
        pause_s: float = 0.0,
        ears: Mapping[NoticeChannel, Ear] | None = None,
    ) -> None:
        dsn = self._around.settings.database_url()
        await react(dsn, reactions, name=name, poll_s=poll_s, pause_s=pause_s, ears=ears)

    def chore(self, tasks: asyncio.TaskGroup, work: Coroutine[Any, Any, None], *, name: str) -> None:
        tasks.create_task(work, name=name)

    def on_fault(self, part: str, error: Exception) -> None:
        pass
