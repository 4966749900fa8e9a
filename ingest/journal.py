"""Messages on local disk, as they came: how a lane makes them safe without the database.

One thread does the disk's work in order, so that a slow disk never stops the event loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import TracebackType
from typing import NamedTuple

import msgspec

from domain.journal import JournalState
from ingest.session import Inbound
from ingest.spool import Gap, Position, Spool
from ingest.turned_away import Count, CountFile, TurnedAway

#: Sites that are counted by name; topics may name as many as they like.
MOST_SITES = 2000
#: Parts of a topic of ours: campus/v1/{site}/...
_OWN, _SITE_PART = b"campus", 2


class _Kept(msgspec.Struct, array_like=True, frozen=True, gc=False):
    topic: bytes
    payload: bytes
    received_at: datetime
    retained: bool
    limited: bool = False


class _Topic(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """As much of a record as says where it belongs."""

    topic: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Kept)
_TOPIC_DECODER = msgspec.msgpack.Decoder(_Topic)


class Loss(NamedTuple):
    """``missing`` messages, the ``first`` of them by its number in the journal, were acknowledged and are not there any
    more. ``near``: when a neighbour of theirs was received; where none is left, when the loss was found.
    """

    first: int
    missing: int
    near: datetime


class Oldest(NamedTuple):
    """What `Journal.peek` found: messages, the position to give to `consume`, and what is lost among them."""

    messages: list[Inbound]
    position: Position
    losses: list[Loss]


class Journal:
    """A `Spool` of messages, used as ``async with``. Messages read back belong to no connection any more. Of a payload
    no more than ``most_payload`` bytes are kept. What is not kept can be counted in a file beside them.
    """

    def __init__(self, spool: Spool, *, most_payload: int | None = None) -> None:
        self._spool = spool
        self._most_payload = most_payload
        self._counts = CountFile(spool.directory / "counted")
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._sites: Counter[bytes] = Counter()

    async def __aenter__(self) -> Journal:
        await asyncio.get_running_loop().run_in_executor(self._disk, self._open)
        return self

    def _open(self) -> None:
        self._spool.open()
        self._counts.open()
        self._count(_TOPIC_DECODER.decode(record).topic for record, _ in self._spool.walk())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.get_running_loop().run_in_executor(self._disk, self._close)
        self._disk.shutdown(wait=False)

    def _close(self) -> None:
        self._spool.close()
        self._counts.close()

    @property
    def records(self) -> int:
        """Messages that were put in and not consumed, also those that turn out to be lost."""
        return self._spool.records

    @property
    def counted(self) -> int:
        """Observations that were only counted, and are not booked yet."""
        return self._counts.total

    @property
    def size(self) -> int:
        """Bytes of the messages."""
        return self._spool.size

    @property
    def fill(self) -> float:
        """0 to 1: how much of the bound is used."""
        return self._spool.size / self._spool.most_bytes

    def state(self, lane: str, at: datetime) -> JournalState:
        """What is in it, by the sites that the topics name ("" = none)."""
        sites: Counter[str] = Counter()
        for site, count in dict(self._sites).items():
            sites[site.decode("utf-8", "replace")] += count
        return JournalState(
            lane=lane,
            at=at,
            messages=self.records + self.counted,
            size_bytes=self.size,
            most_bytes=self._spool.most_bytes,
            sites={site: count for site, count in sites.items() if count},
        )

    def behind(self, position: Position) -> int:
        """Messages that were put in after ``position``."""
        return self._spool.behind(position)

    @property
    def most_bytes(self) -> int:
        return self._spool.most_bytes

    def append(self, messages: Sequence[Inbound]) -> asyncio.Future[Position]:
        """Make ``messages`` safe. Done = synced to disk; `SpoolFull` = none of them was kept."""
        most = self._most_payload
        records = [
            _ENCODER.encode(_Kept(m.topic, m.payload[:most], m.received_at, m.retained, m.limited)) for m in messages
        ]
        topics = [m.topic for m in messages]
        return asyncio.get_running_loop().run_in_executor(self._disk, self._append, records, topics)

    def _append(self, records: Sequence[bytes], topics: Sequence[bytes]) -> Position:
        position = self._spool.append(records)
        self._count(topics)
        return position

    def count(self, turned_away: TurnedAway) -> asyncio.Future[None]:
        """Make safe how much was ``turned_away``. Done = synced to disk; `SpoolFull` = none of it was counted."""
        return asyncio.get_running_loop().run_in_executor(self._disk, self._counts.add, turned_away)

    async def take_count(self) -> Count | None:
        """The oldest count of what was turned away, to be booked; None where there is none."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, self._counts.take)

    async def forget_count(self, count: Count) -> None:
        """The database has it.

        :raises OSError: the disk does not take it; a restart books it once more.
        """
        await asyncio.get_running_loop().run_in_executor(self._disk, self._counts.forget, count.uid)

    async def peek(self, most: int, *, now: datetime) -> Oldest:
        """Up to ``most`` of the oldest messages; what is found to be lost is lost ``now``."""
        found = await asyncio.get_running_loop().run_in_executor(self._disk, self._spool.peek, most)
        kept = [_DECODER.decode(record) for record in found.records]
        messages = [Inbound(k.topic, k.payload, k.received_at, 0, 0, k.retained, limited=k.limited) for k in kept]
        return Oldest(messages, found.position, [_loss(gap, messages, now) for gap in found.gaps])

    async def consume(self, position: Position, messages: Sequence[Inbound]) -> None:
        """Everything up to ``position`` is safe in the database; ``messages`` are what was read or put in of it."""
        topics = [message.topic for message in messages]
        await asyncio.get_running_loop().run_in_executor(self._disk, self._consume, position, topics)

    def _consume(self, position: Position, topics: Sequence[bytes]) -> None:
        try:
            self._spool.consume(position)
        finally:
            if self._spool.records == 0:
                self._sites.clear()
            else:
                self._count(topics, -1)

    def _count(self, topics: Iterable[bytes], sign: int = 1) -> None:
        sites = self._sites
        for site, count in Counter(map(site_of, topics)).items():
            known = site if site in sites or len(sites) < MOST_SITES else b""
            sites[known] = max(0, sites[known] + sign * count)


def site_of(topic: bytes) -> bytes:
    """The site that a topic of ours names; empty for makers' topics."""
    parts = topic.split(b"/", 3)
    return parts[_SITE_PART][:64] if parts[0] == _OWN and len(parts) > _SITE_PART else b""


def _loss(gap: Gap, messages: Sequence[Inbound], now: datetime) -> Loss:
    near = messages[min(gap.place, len(messages) - 1)].received_at if messages else now
    return Loss(gap.first, gap.missing, near)
