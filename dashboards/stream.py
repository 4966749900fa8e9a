"""The live stream: one look at the database for all viewers, the same frames for everyone who sees the same sites.

::

    notices ──► Pace ──► look ──► difference ──► Audience ──► viewers
                 ▲                    │
                 └── 1 s, or 2 s while nobody watches

A look that fails makes the stream say ``trouble`` until one succeeds; what was known before is not shown any more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal
from uuid import UUID

import msgspec
import structlog

from dashboards.changes import SNAPSHOT_INCIDENTS, changed_tiles
from dashboards.journals import Journals, JournalView
from dashboards.metrics import WebMetrics
from dashboards.open_incidents import OpenIncidents
from dashboards.pace import Pace
from dashboards.reader import Reader
from dashboards.settings import WebSettings
from dashboards.viewers import Audience, Viewer
from dashboards.wall import SiteTile, Totals, WallSnapshot, aside_at, wall_of, wall_within
from domain.access import Sites
from domain.clock import Clock
from domain.errors import StorageError
from storage.incident_views import IncidentView, incidents_by_id
from storage.ledger import LedgerStatus, ledger_status
from storage.notices import NoticeChannel, listen
from storage.pool import Connection, connect, wrapped_errors
from storage.wall import (
    IncidentMark,
    IngestView,
    LinkView,
    SiteCounts,
    ingest_view,
    link_views,
    marks_by_id,
    marks_in_slices,
    site_counts,
    slice_sums,
)

Trouble = Literal["database", "server"]

#: After a look that took so long the stream rests so many times as long, and at most so long.
REST, MOST_REST_S = 2.0, 0.3
#: A look sends a frame after this long also when nothing changed: looks are a second apart, frames at most two.
HEARTBEAT_S = 0.9
TROUBLE_S = 1.5
#: The ledger is summed over a day: not at every look.
LEDGER_S = 5.0
#: Changes of incidents that no notice told of are looked for so often: it costs the database 12 ms with ten thousand.
CATCH_UP_S = 2.0
RECONNECT_S = 1.0

log = structlog.get_logger("campuswatch.web.stream")


class SnapshotFrame(msgspec.Struct, frozen=True, tag_field="type", tag="snapshot"):
    wall: WallSnapshot
    incidents: list[IncidentView]


class DeltaFrame(msgspec.Struct, frozen=True, tag_field="type", tag="delta"):
    at: datetime
    sites: list[SiteTile]
    totals: Totals
    links: list[LinkView]
    ingest: IngestView
    ledger: LedgerStatus
    journals: list[JournalView]
    incidents: list[IncidentView]


class TroubleFrame(msgspec.Struct, frozen=True, tag_field="type", tag="trouble"):
    at: datetime
    what: Trouble
    journals: list[JournalView]


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look saw. ``changed`` is followed by what only moved up into the head of the queue; ``views`` holds both
    and the heads; ``open`` is handed on from look to look and changed by each. ``heads``: those of viewers who are
    bound to sites.
    """

    counts: list[SiteCounts]
    open: OpenIncidents
    changed: list[UUID]
    head: list[UUID]
    views: Mapping[UUID, IncidentView]
    wall: WallSnapshot
    heads: Mapping[frozenset[str], list[UUID]]

    def within(self, only: frozenset[str]) -> WallSnapshot:
        return wall_within(self.wall, only, aside_at(self.counts, self.open.at_sites()))


def _text(frame: object) -> str:
    return msgspec.json.encode(frame).decode()


class Stream:
    """Run `run` once; `join` and `leave` for each viewer."""

    def __init__(
        self, *, reader: Reader, settings: WebSettings, clock: Clock, metrics: WebMetrics, journals: Journals
    ) -> None:
        self._reader = reader
        self._journals = journals
        self._journals_seen: list[JournalView] = []
        self._ledger_due_s = float("-inf")
        self._catch_up_due_s = float("-inf")
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._audience = Audience(limit=settings.max_viewers, metrics=metrics)
        self._pace = Pace()
        self._wake = asyncio.Event()
        self._sight: Sight | None = None
        self._snapshot: str | None = None
        self._trouble: Trouble | None = None
        self._names_changed = False
        self._noticed: set[UUID] = set()  # incidents that changed since the last look, as far as notices say
        self._last_frame_s = float("-inf")

    @property
    def full(self) -> bool:
        return self._audience.full

    def join(self, only: Sites = None) -> Viewer:
        """A new viewer, of these sites alone: its first frame is a snapshot, or the trouble that there is none."""
        self._pace.notice()
        first = self._first_frame if only is None else partial(self._first_frame_within, only)
        viewer = self._audience.join(first, only=only)
        self._wake.set()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._audience.leave(viewer)

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen(), name="stream listener")
                    tasks.create_task(self._watch(), name="stream")
                    tasks.create_task(self._pulse(), name="stream pulse")
            except* Exception:
                log.exception("the stream failed and begins again")
                self._in_trouble("server", RuntimeError("the stream failed"))
            await asyncio.sleep(RECONNECT_S)

    def _first_frame(self) -> str | None:
        if self._trouble is not None:
            return self._trouble_frame(self._trouble)
        if self._sight is None:
            return None  # the first look is under way
        if self._snapshot is None:
            views = self._sight.views
            self._snapshot = _text(SnapshotFrame(self._sight.wall, [views[i] for i in self._sight.head if i in views]))
        return self._snapshot

    def _first_frame_within(self, only: frozenset[str]) -> str | None:
        if self._trouble is not None:
            return _text(TroubleFrame(self._clock.now(), self._trouble, []))
        if self._sight is None or only not in self._sight.heads:
            return None  # the first look that knows of these sites is under way
        views = self._sight.views
        head = [views[i] for i in self._sight.heads[only] if i in views]
        return _text(SnapshotFrame(self._sight.within(only), head))

    # --- being woken -------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Notices only save waiting; while the connection is down, the looks go on at their own pace."""
        heard = True
        while True:
            try:
                conn = await connect(self._settings.dsn, name="web stream")
                try:
                    async with wrapped_errors():
                        await listen(
                            conn,
                            NoticeChannel.INCIDENT,
                            NoticeChannel.DEVICE,
                            NoticeChannel.REGISTRY,
                            NoticeChannel.DELIVERY,
                        )
                        if not heard:
                            log.info("listening for notices again")
                        heard = True
                        self._notice(NoticeChannel.REGISTRY)
                        self._notice(NoticeChannel.INCIDENT)
                        async for notice in conn.notifies():
                            self._notice(notice.channel, notice.payload)
                finally:
                    await conn.close()
            except StorageError as error:
                if heard:
                    log.warning("not listening for notices", error=str(error))
                heard = False
            await asyncio.sleep(RECONNECT_S)

    def _notice(self, channel: str, payload: str = "") -> None:
        if channel == NoticeChannel.INCIDENT:
            try:
                self._noticed.add(UUID(payload))
            except ValueError:  # some incident or other
                self._catch_up_due_s = float("-inf")
            self._pace.incident(time.monotonic())
        else:
            self._names_changed = self._names_changed or channel == NoticeChannel.REGISTRY
            self._pace.notice()
        self._wake.set()

    # --- looking -----------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await self._until_due()
            began = time.monotonic()
            full = self._pace.look(began)
            try:
                await self._look(full=full)
            except StorageError as error:
                self._in_trouble("database", error)
            except Exception as error:  # a wall that stands still without a word is the worst of all
                self._in_trouble("server", error)
                log.exception("look at the wall failed")
            else:
                self._pace.seen(full=full)
                took_s = time.monotonic() - began
                self._metrics.looks.labels("full" if full else "incidents").observe(took_s)
                # Where looks are dear, as with ten thousand open incidents, clicks come between them.
                await asyncio.sleep(min(MOST_REST_S, REST * took_s))

    async def _until_due(self) -> None:
        while True:
            self._wake.clear()
            wait_s = self._pace.due(watched=len(self._audience) > 0) - time.monotonic()
            if wait_s <= 0:
                return
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                return

    async def _look(self, *, full: bool) -> None:
        before = self._sight
        names_changed, self._names_changed = self._names_changed, False
        noticed, self._noticed = self._noticed, set()
        self._journals_seen = await self._journals.views(self._clock.now())
        try:
            sight = await self._reader.read(
                lambda conn: self._see(conn, before, noticed, full=full, names_changed=names_changed),
                timeout_s=self._settings.stream_timeout_s,
            )
        except BaseException:
            self._names_changed = names_changed
            self._noticed |= noticed
            raise
        self._sight, self._snapshot = sight, None
        self._metrics.database_up.set(1)
        if self._trouble is not None:
            log.info("the wall is live again", after=self._trouble)
            self._trouble = None
        self._tell(before, sight)

    async def _see(
        self, conn: Connection, before: Sight | None, noticed: Set[UUID], *, full: bool, names_changed: bool
    ) -> Sight:
        """Of the incidents only what changed is read, a few at a time, so that requests are answered meanwhile."""
        now = self._clock.now()
        if full or before is None:
            counts = await site_counts(conn, now)
            links = await link_views(conn, self._settings.link_ids)
            ingest = await ingest_view(conn, now)
        else:
            counts, links, ingest = before.counts, before.wall.links, before.wall.ingest
        ledger = await self._see_ledger(conn, now, None if before is None else before.wall.ledger)
        open_ = OpenIncidents() if before is None else before.open
        changed = [] if before is None else await _apply(open_, noticed, marks_by_id(conn, noticed))
        if before is None or time.monotonic() >= self._catch_up_due_s:
            # From here on: what comes meanwhile is for the next time.
            self._catch_up_due_s = time.monotonic() + CATCH_UP_S
            told = set(changed)
            changed += [i for i in await _catch_up(conn, open_) if i not in told]
        head = open_.head(SNAPSHOT_INCIDENTS)
        numbers = {one.site_id: one.site_no for one in counts}
        heads = {
            only: open_.head_at([numbers[one] for one in only if one in numbers], SNAPSHOT_INCIDENTS)
            for only in self._audience.scopes
        }
        shown = set(head).union(*heads.values())
        known = {} if before is None or names_changed else before.views
        outdated = set(changed)
        # More than a snapshot holds are not told one by one.
        wanted = outdated if before is not None and len(changed) <= SNAPSHOT_INCIDENTS else set[UUID]()
        kept = {i: known[i] for i in shown if i in known and i not in outdated}
        fetched = await incidents_by_id(conn, [*wanted.union(shown).difference(kept)])
        if before is not None:
            # Viewers know the head alone: where one of it is answered, the next one is news to them.
            told = outdated.union(before.head)
            changed += [i for i in head if i not in told]
        wall = wall_of(now, counts, open_.at_sites(), links, ingest, ledger, self._journals_seen)
        return Sight(counts, open_, changed, head, {**kept, **fetched}, wall, heads)

    async def _see_ledger(self, conn: Connection, now: datetime, before: LedgerStatus | None) -> LedgerStatus:
        if before is not None and time.monotonic() < self._ledger_due_s:
            return before
        ledger = await ledger_status(conn, now)
        self._ledger_due_s = time.monotonic() + LEDGER_S
        return ledger

    # --- telling -----------------------------------------------------------------------------------------------

    def _tell(self, before: Sight | None, sight: Sight) -> None:
        tiles = None if before is None else changed_tiles(before.wall, sight.wall)
        if tiles is None or before is None or len(sight.changed) > SNAPSHOT_INCIDENTS:
            self._metrics.frames.labels("snapshot").inc()
            self._audience.refresh()
            self._last_frame_s = time.monotonic()
            return
        for only in sight.heads.keys() - before.heads.keys():
            self._audience.refresh_only(only)  # who came since waits for a snapshot, however quiet it is
        wall = sight.wall
        quiet = not (tiles or sight.changed) and _rest(wall) == _rest(before.wall)
        if quiet and time.monotonic() - self._last_frame_s < HEARTBEAT_S:
            return
        incidents = [sight.views[i] for i in sight.changed if i in sight.views]
        if len(self._audience):
            delta = DeltaFrame(
                wall.at, tiles, wall.totals, wall.links, wall.ingest, wall.ledger, wall.journals, incidents
            )
            self._broadcast("delta", _text(delta))
            for only in self._audience.scopes:
                self._tell_within(only, before, sight, tiles)

    def _tell_within(self, only: frozenset[str], before: Sight, sight: Sight, tiles: Sequence[SiteTile]) -> None:
        """The same to those who are bound to sites, without anything of other sites."""
        if only not in before.heads:
            return  # they begin with a snapshot
        wall = sight.within(only)
        moved_up = set(sight.heads.get(only, ())).difference(before.heads[only])
        told = [sight.views[i] for i in dict.fromkeys([*sight.changed, *moved_up]) if i in sight.views]
        delta = DeltaFrame(
            wall.at,
            [tile for tile in tiles if tile.site_id in only],
            wall.totals,
            wall.links,
            wall.ingest,
            wall.ledger,
            wall.journals,
            [view for view in told if view.site_id in only],
        )
        self._audience.broadcast("delta", _text(delta), only=only)

    def _in_trouble(self, what: Trouble, error: Exception) -> None:
        self._pace.failed()
        self._metrics.database_up.set(0)
        if self._trouble == what:
            return
        log.warning("the wall knows nothing of the present", what=what, error=str(error))
        self._trouble, self._sight, self._snapshot = what, None, None
        self._audience.refresh()
        self._last_frame_s = time.monotonic()

    async def _pulse(self) -> None:
        """Trouble is told again and again: a viewer must be able to tell it from a dead connection."""
        while True:
            await asyncio.sleep(TROUBLE_S)
            if self._trouble is not None:
                self._journals_seen = await self._journals.views(self._clock.now())
                self._broadcast("trouble", self._trouble_frame(self._trouble))
                for only in self._audience.scopes:
                    frame = _text(TroubleFrame(self._clock.now(), self._trouble, []))
                    self._audience.broadcast("trouble", frame, only=only)

    def _trouble_frame(self, what: Trouble) -> str:
        return _text(TroubleFrame(self._clock.now(), what, self._journals_seen))

    def _broadcast(self, kind: str, frame: str) -> None:
        self._last_frame_s = time.monotonic()
        self._audience.broadcast(kind, frame)


def _rest(wall: WallSnapshot) -> tuple[object, ...]:
    return wall.totals, wall.links, wall.ingest, wall.ledger, wall.journals


async def _catch_up(conn: Connection, open_: OpenIncidents) -> list[UUID]:
    """Read what is not known yet, whether a notice told of it or not; what changed, as `_apply` says it."""
    slices = open_.differing(await slice_sums(conn))
    if not slices:
        return []
    return await _apply(open_, open_.in_slices(slices), marks_in_slices(conn, slices))


async def _apply(open_: OpenIncidents, concerned: Set[UUID], found: AsyncIterator[list[IncidentMark]]) -> list[UUID]:
    """Take over what was ``found``; what of ``concerned`` was not is over. The new, changed and ended ones, in the
    order in which they were raised.
    """
    changed: list[tuple[int, UUID]] = []
    gone = set(concerned)
    async for marks in found:
        gone.difference_update(mark.incident_id for mark in marks)
        changed += [(mark.number, mark.incident_id) for mark in marks if open_.put(mark)]
    ended = [mark for incident_id in gone if (mark := open_.drop(incident_id)) is not None]
    changed += [(mark.number, mark.incident_id) for mark in ended]
    return [incident_id for _, incident_id in sorted(changed)]
