"""The keeper of the targets: woken by facts and by time, writes intervals, flags and findings in one transaction.

::

    notices ──► facts in memory ──┐
                                  ├──► Books.look ──► one transaction: intervals, flags, warnings, findings
    time (what ends by itself) ───┘

Memory is a copy of what is committed. Whenever the database did not take something, or another keeper wrote meanwhile,
all of it is read anew and looked at again from where the last commit had come to; what happened by itself meanwhile is
dated by its own time. Ids of findings follow from their cause, so nothing is told twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from zoneinfo import ZoneInfo

import msgspec
import psycopg
import structlog
from prometheus_client import CollectorRegistry, Gauge, Histogram

from campuswatch.roles.listening import Ear, Reaction
from campuswatch.targets.books import Books, Draft
from campuswatch.targets.rulings import Rulings
from detectors.targets.drops import Flag, Held
from detectors.targets.expiries import Ahead
from domain.clock import Clock
from domain.errors import StorageError
from domain.finding import Finding
from domain.target import Standing
from storage.compliance import (
    Interval,
    StoredFlag,
    begin_intervals,
    begin_warnings,
    end_warnings,
    load_flags,
    lock_keeping,
    looked_at,
    newest_interval,
    open_intervals,
    open_warnings,
    store_flags,
    store_looked_at,
    write_intervals,
)
from storage.findings import store_findings
from storage.link_proofs import gather_proofs
from storage.notices import NoticeChannel
from storage.pool import Connection, Pool, wrapped_errors
from storage.site_facts import device_marks, load_device_facts, load_link_facts, load_site_facts, with_devices
from storage.targets import target_definitions

log = structlog.get_logger("campuswatch.targets")

#: Shifts and calendars are read so far ahead only: read anew so often.
FRESH_FOR = timedelta(hours=12)
#: How often it is written down that nothing has changed.
MARK_EVERY = timedelta(minutes=10)
#: First intervals are written in bulk from so many on.
_MANY = 50


#: How long to rest after a fault of our own, before all is read anew.
SLIPPED_S = 30.0


class Overtaken(Exception):
    """Another keeper has written meanwhile."""


class Keeper:
    """`reactions` and `ears` are for whoever listens to the database; `run` until cancelled."""

    def __init__(
        self,
        *,
        pool: Pool,
        clock: Clock,
        zone: ZoneInfo,
        metrics: CollectorRegistry,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        """:param settled: what is to be done once the facts of all sites are in memory, to stay."""
        self._settled = settled
        self._pool = pool
        self._clock = clock
        self._zone = zone
        self._books = Books(zone)
        self._loaded_at: datetime | None = None
        self._marked_at: datetime | None = None
        self._newest = 0
        self._marks: dict[int, object] = {}
        self._wake = asyncio.Event()
        # Facts are learnt and read anew in turns: what a notice tells while everything is being read would be missed,
        # or counted as known of books that are older.
        self._turn = asyncio.Lock()
        self._heard: set[str] = set()
        self._gauge = Gauge(
            "campuswatch_target_sites", "Sites by how they stand to a target", ["target", "standing"], registry=metrics
        )
        self._seconds = Histogram(
            "campuswatch_target_look_seconds",
            "From waking up to the commit of what had changed",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=metrics,
        )

    # -- facts --------------------------------------------------------------------------------------------------------

    @property
    def reactions(self) -> Mapping[NoticeChannel, Reaction]:
        learns = {
            NoticeChannel.TARGET: self._learn_definitions,
            NoticeChannel.REGISTRY: self._learn_everything,
            NoticeChannel.PREMISES: self._learn_premises,
            NoticeChannel.DEVICE: self.learn_devices,
            NoticeChannel.CONDITION: self.learn_devices,
            NoticeChannel.INCIDENT: self._learn_proofs,
            NoticeChannel.LINK: self._learn_links,
        }
        return {channel: partial(self._guarded, learn) for channel, learn in learns.items()}

    async def _guarded(self, learn: Reaction, conn: Connection) -> None:
        """A slip in here must not end the role that carries alarms to people: everything is read anew instead."""
        try:
            async with self._turn:
                await learn(conn)
        except (StorageError, psycopg.Error):
            raise
        except Exception:
            log.exception("facts not understood", component="targets")
            self._loaded_at = None
            self._wake.set()

    @property
    def ears(self) -> Mapping[NoticeChannel, Ear]:
        return {NoticeChannel.PREMISES: self._heard.add}

    async def _learn_definitions(self, conn: Connection) -> None:
        if self._loaded_at is not None:
            self._books.rule(Rulings(await target_definitions(conn)))
        self._wake.set()

    async def _learn_everything(self, conn: Connection) -> None:
        self._heard.clear()
        if self._loaded_at is not None:
            now = self._clock.now()
            self._books.learn((await load_site_facts(conn, now=now)).values())
            self._loaded_at = now
            self._settled()
        self._wake.set()

    async def _learn_premises(self, conn: Connection) -> None:
        """Of the sites that were named; of all where one notice stands for many, or none was heard."""
        heard = set(self._heard)
        if not heard or "" in heard or len(heard) > _MANY:
            await self._learn_everything(conn)
            return
        self._heard -= heard
        if self._loaded_at is not None:
            for site_id in heard:
                facts = await load_site_facts(conn, now=self._clock.now(), site_id=site_id)
                self._books.learn(facts.values())
        self._wake.set()

    async def learn_devices(self, conn: Connection) -> None:
        """Read anew how devices stand."""
        if self._loaded_at is not None:
            marks = await device_marks(conn, self._books.facts.values())
            # What changes after the marks were read has other marks the next time.
            await self._learn_devices_of([no for no in self._books.facts if marks.get(no) != self._marks.get(no)], conn)
            self._marks = marks
        self._wake.set()

    async def _learn_proofs(self, conn: Connection) -> None:
        proved = set(await gather_proofs(conn))
        if proved and self._loaded_at is not None:
            facts = self._books.facts.values()
            sites = [one.site_no for one in facts if any(d.device_no in proved for d in one.devices.values())]
            await self._learn_devices_of(sites, conn)
            self._wake.set()

    async def _learn_devices_of(self, site_nos: Sequence[int], conn: Connection) -> None:
        if site_nos:
            devices = await load_device_facts(conn, site_nos)
            self._books.learn([with_devices(self._books.facts[no], devices) for no in site_nos])

    async def _learn_links(self, conn: Connection) -> None:
        if self._loaded_at is not None:
            links = await load_link_facts(conn)
            if all(one.links == links for one in islice(self._books.facts.values(), 1)):
                return  # heartbeats are told of every half minute
            self._books.learn([msgspec.structs.replace(one, links=links) for one in self._books.facts.values()])
        self._wake.set()

    # -- looking ------------------------------------------------------------------------------------------------------

    async def run(self, poll_s: float = 60.0) -> None:
        """Until cancelled. A database that is away is waited for. ``poll_s``: the longest rest."""
        away = False
        while True:
            self._wake.clear()
            slipped = False
            try:
                await self.once()
                if away:
                    log.info("database back", component="targets")
                away = False
            except StorageError as error:
                if not away:
                    log.warning("database away", component="targets", error=str(error))
                away = True
            except Exception:
                # A slip in here must not end the role that carries alarms to people.
                log.exception("targets not looked at", component="targets")
                slipped = True
            try:
                pause_s = SLIPPED_S if slipped else 1.0 if away else self._rest_s(poll_s)
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _rest_s(self, poll_s: float) -> float:
        at = self._books.next_at
        if at is None:
            return poll_s
        return min(poll_s, max(0.0, (at - self._clock.now()).total_seconds()))

    async def once(self) -> int:
        """Look, and write what has changed; how many intervals and findings that made.

        :raises StorageError: the database is away; everything is read anew the next time.
        """
        began = time.perf_counter()
        now = self._clock.now()
        try:
            if self._loaded_at is None or now - self._loaded_at > FRESH_FOR:
                async with self._turn:
                    await self._load(now)
            draft = self._books.look(now)
            if not draft.empty or self._marked_at is None or now - self._marked_at > MARK_EVERY:
                await self._commit(draft, now)
                self._marked_at = now
        except Overtaken:
            self._loaded_at = None
            self._wake.set()
            return 0
        except BaseException:
            self._loaded_at = None
            raise
        if draft.empty:
            return 0
        self._seconds.observe(time.perf_counter() - began)
        self._count()
        for interval in draft.intervals[:_MANY]:
            facts = self._books.facts[interval.site_no]
            # After a start every site's devices become known one by one: that is no news, a drop-off is.
            say = log.warning if interval.standing is Standing.DROPPED else log.debug
            say(
                "site stands otherwise", site=facts.site_id, target=interval.target_id,
                standing=interval.standing.value, causes=[cause["en"] for cause in interval.causes[:3]],
            )  # fmt: skip
        return len(draft.intervals) + len(draft.findings)

    async def _load(self, now: datetime) -> None:
        """Read what is committed, and what has to be caught up with."""
        books = Books(self._zone)
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            self._newest = await lock_keeping(conn)
            await gather_proofs(conn)
            books.rule(Rulings(await target_definitions(conn)))
            facts = await load_site_facts(conn, now=now)
            # The marks first and the devices after them: what changes in between has other marks the next time, and the
            # first change after a start is not the reason to read all devices once more.
            marks = await device_marks(conn, facts.values())
            devices = await load_device_facts(conn)
            books.learn([with_devices(one, devices) for one in facts.values()])
            for one in await open_intervals(conn):
                books.held[one.site_no, one.target_id] = _held(one)
            books.flags = {flag.key: _flag(flag) for flag in await load_flags(conn)}
            for warned in await open_warnings(conn):
                books.warned.setdefault((warned.site_no, warned.target_id), set()).add(Ahead(*warned[2:]))
            since = await looked_at(conn)
        if since is not None:
            books.take_up(since)
        self._books, self._loaded_at, self._marks = books, now, marks
        self._settled()
        self._count()

    async def _commit(self, draft: Draft, now: datetime) -> None:
        first = self._newest == 0 and len(draft.intervals) > _MANY and not draft.closings
        async with wrapped_errors(), self._pool.connection() as conn, AsyncExitStack() as stack:
            if not first:  # COPY speaks for itself; everything else goes out without waiting for each answer
                await stack.enter_async_context(conn.pipeline())
            await stack.enter_async_context(conn.transaction())
            if await lock_keeping(conn) != self._newest:
                raise Overtaken
            if first:
                await begin_intervals(conn, _last_of_each(draft.intervals))
            else:
                await write_intervals(conn, draft.intervals, draft.closings)
            await self._write(conn, draft, now)
            newest = await newest_interval(conn)
        self._newest = newest

    async def _write(self, conn: Connection, draft: Draft, now: datetime) -> None:
        await store_flags(
            conn,
            [_stored(flag) for flag in draft.flags.values() if flag is not None],
            [key for key, flag in draft.flags.items() if flag is None],
        )
        findings = await self._warn(conn, draft, now)
        await store_findings(conn, [msgspec.structs.replace(one, found_at=now) for one in findings])
        await store_looked_at(conn, now)

    @staticmethod
    async def _warn(conn: Connection, draft: Draft, now: datetime) -> list[Finding]:
        """All findings of the draft in their order: an old warning ends before the next one begins."""
        await end_warnings(conn, [warned for warned, _ in draft.ended], now)
        first = await begin_warnings(conn, [warned for warned, _ in draft.begun], now)
        raised = [finding for (_, finding), new in zip(draft.begun, first, strict=True) if new]
        return [*draft.findings, *(finding for _, finding in draft.ended), *raised]

    def _count(self) -> None:
        for target_id, standings in self._books.counts().items():
            for standing, count in standings.items():
                self._gauge.labels(target_id, standing.value).set(count)


def _held(one: Interval) -> Held:
    signature = frozenset((cause["requirement"], cause["subject"], cause["known"]) for cause in one.causes)
    return Held(version=one.version, standing=one.standing, since=one.since, signature=signature)


def _flag(one: StoredFlag) -> Flag:
    return Flag(key=one.key, site_no=one.site_no, since=one.since, signature=frozenset(one.signature))


def _stored(one: Flag) -> StoredFlag:
    return StoredFlag(key=one.key, site_no=one.site_no, since=one.since, signature=tuple(one.signature))


def _last_of_each(intervals: list[Interval]) -> list[Interval]:
    """A first look yields one of each, but for what changed by itself in the same moment."""
    return list({(one.site_no, one.target_id): one for one in intervals}.values())
