"""The outside of a rehearsal: the broker's alarms, the links' far ends and the duty leader's telephone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from random import Random
from types import TracebackType
from typing import Any

import msgspec

from alerting.channels import Channel
from alerting.channels.mqtt import OnReply
from alerting.channels.webhook import WebhookLink
from alerting.directory import Look
from alerting.status_poll import PollPlan
from campuswatch.rehearsal.connections import open_connections
from campuswatch.rehearsal.ears import Ears
from campuswatch.rehearsal.story import Overheard, Story
from campuswatch.roles.links import ANSWER_S
from campuswatch.roles.listening import Ear, Reaction
from domain.clock import Clock
from domain.delivery import PEOPLE, Delivery, DeliveryChannel, Receipt
from domain.errors import PermanentFailure, StorageError, TemporaryFailure
from ingest.session import Inbound
from simulators.far_ends import Answer, FarEnds, LinkName, Say
from storage.notices import NoticeChannel
from storage.pool import Pool

#: One way of a line to somebody else.
LINE_S = 0.02


class Handed:
    """Stands where the alarm lane has its MQTT session: what is handed in is a batch, and is safe once acknowledged."""

    def __init__(self) -> None:
        self._waiting: list[Inbound] = []
        self._unacknowledged: dict[int, Inbound] = {}
        self._wake = asyncio.Event()
        self._number = 0

    def hand(self, topic: str, payload: bytes, at: datetime) -> None:
        self._number += 1
        message = Inbound(topic.encode(), payload, at, self._number, 1, False)
        self._unacknowledged[self._number] = message
        self._waiting.append(message)
        self._wake.set()

    async def __aenter__(self) -> Handed:
        """Somebody takes the session up: what his predecessor did not acknowledge comes again."""
        self._waiting = [msgspec.structs.replace(message, again=True) for message in self._unacknowledged.values()]
        if self._waiting:
            self._wake.set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    async def batch(self, *, most: int, age_s: float, quiet_s: float) -> list[Inbound]:
        await self._wake.wait()
        given, self._waiting = self._waiting[:most], self._waiting[most:]
        if not self._waiting:
            self._wake.clear()
        return given

    def acknowledge(self, messages: Sequence[Inbound]) -> None:
        for message in messages:
            self._unacknowledged.pop(message.packet_id, None)


class FarLink:
    """An `alerting.channels.webhook.Post` to a simulated far end."""

    def __init__(self, far: FarEnds, link: LinkName, clock: Clock, on_person: Callable[[LinkName, Say], None]) -> None:
        self._far = far
        self._link = link
        self._clock = clock
        self._on_person = on_person

    async def __call__(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        answer = await _answered(self._far, self._link, headers, body, self._clock)
        if answer.person is not None:
            self._on_person(self._link, answer.person)
        return answer.status, msgspec.json.encode(answer.body)


class FarPhone:
    """A `Channel` to the duty leader's simulated telephone."""

    def __init__(self, far: FarEnds, clock: Clock) -> None:
        self._far = far
        self._clock = clock

    async def send(self, delivery: Delivery) -> Receipt | None:
        """:raises TemporaryFailure: it was not taken. :raises PermanentFailure: it will never be."""
        notice: dict[str, Any] = {"title": delivery.body["title"], "message": delivery.body["text"]}
        answer = await _answered(self._far, LinkName.PHONE, {}, msgspec.json.encode(notice), self._clock)
        if answer.status >= 500:
            raise TemporaryFailure("no service took the notice")
        if answer.status >= 400:
            raise PermanentFailure("the service refused the notice")
        return None


async def _answered(far: FarEnds, link: LinkName, headers: dict[str, str], body: bytes, clock: Clock) -> Answer:
    await asyncio.sleep(LINE_S)
    answer = far.take(link, headers, body, clock.now())
    if answer.after_s > ANSWER_S:
        await asyncio.sleep(ANSWER_S)
        raise TemporaryFailure("no answer in time")
    await asyncio.sleep(answer.after_s + LINE_S)
    if answer.broken_off:
        raise TemporaryFailure("not reached: the connection was broken off")
    return answer


class Walls:
    """A `campuswatch.roles.outside.Outside` that ends within this process. Chores stay undone."""

    poll_s = 3600.0
    receipt_lateness: timedelta | None = None  # the database does not go by the rehearsal's clock

    def __init__(
        self,
        dsn: str,
        far: FarEnds,
        secrets: Mapping[LinkName, str],
        ears: Ears,
        story: Story,
        clock: Clock,
        *,
        seed: int,
        supervised: bool,
        on_person: Callable[[LinkName, Say], None],
    ) -> None:
        self._dsn = dsn
        self._ears = ears
        self.supervised = supervised
        self.drill_links: Sequence[str] | None = None
        self.chance = Random(f"{seed}/chance").random
        self.alarms = Handed()
        self._links = {
            link.value: Overheard(
                WebhookLink(link.value, secret, post=FarLink(far, link, clock, on_person), clock=clock), story
            )
            for link, secret in secrets.items()
        }
        self._phone = Overheard(FarPhone(far, clock), story)

    def session(
        self,
        *,
        client_id: str,
        filters: Sequence[str],
        on_connection: Callable[[bool], None],
        on_forgotten: Callable[[], None],
    ) -> Handed:
        on_connection(True)
        return self.alarms

    def pool(self, *, name: str, max_size: int) -> AbstractAsyncContextManager[Pool]:
        return open_connections(self._dsn, name=f"rehearsal {name}")

    @asynccontextmanager
    async def links(self, name: str, on_reply: OnReply | None = None) -> AsyncIterator[Mapping[str, Channel]]:
        yield self._links

    @asynccontextmanager
    async def inquiries(self) -> AsyncIterator[Mapping[str, PollPlan]]:
        yield {}  # its far ends call back

    @asynccontextmanager
    async def people(self, look: Look) -> AsyncIterator[Mapping[DeliveryChannel, Channel]]:
        yield dict.fromkeys(PEOPLE, self._phone)

    async def react(
        self,
        reactions: Mapping[NoticeChannel, Reaction],
        *,
        name: str,
        poll_s: float = 0.0,
        pause_s: float = 0.0,
        ears: Mapping[NoticeChannel, Ear] | None = None,
    ) -> None:
        await self._ears.react(reactions, ears or {})

    def chore(self, tasks: asyncio.TaskGroup, work: Coroutine[Any, Any, None], *, name: str) -> None:
        work.close()

    def on_fault(self, part: str, error: Exception) -> None:
        """A slip of the program ends the rehearsal: it is no part of any script."""
        if not isinstance(error, StorageError):
            raise error
