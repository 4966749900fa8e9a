"""What the bulk role makes of a day, without its broker and its table of observations.

Everything that devices say goes through the same limits and rules as in production, second by second; what follows
from it is committed as the bulk lane commits it. Observations themselves are not stored: a month of a site is ten
million of them, and no rule reads them back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from math import floor
from zoneinfo import ZoneInfo

from campuswatch.roles.registry import lane_decoder
from campuswatch.rulebook import BulkRules
from campuswatch.settings import Settings
from detectors.rules.chattering import limited
from devices.profiles.loading import load_profiles
from devices.registry import load_registry
from domain.device import RegisteredDevice
from domain.errors import StorageUnavailable
from domain.finding import Finding
from domain.marks import Marks
from domain.observation import Alarm, Event, Misdated, Observation, StateReport
from ingest.bulk_lane import LANE
from ingest.fairness import Allowance, Fairness
from ingest.parcel import Parcel
from simulators.message import Message
from simulators.overhearing import TRAVEL_MS
from simulators.timetable import Timetable
from storage.device_conditions import store_conditions
from storage.device_states import load_rule_states
from storage.guards import GUARDS
from storage.pool import Pool, wrapped_errors
from storage.sightings import store_sightings, word_of
from storage.versions import load

#: How often a database that is away is tried.
AGAIN_S = 1.0
#: What is held to the limits of fairness together; the lane does so with what comes in one batch.
HEARD_AT_ONCE_S = 8.0
#: On a clock that stands still while the database works this is time enough for any commit.
AT_ONCE_S = 1e-5


class Watch:
    """One life of the bulk role. ``now_s`` is until when it has heard everything; ``before`` is the life before it."""

    def __init__(self, timetable: Timetable, settings: Settings, pool: Pool, *, before: Watch | None = None) -> None:
        self._timetable = timetable
        self._decoder = lane_decoder(settings, load_profiles(settings.ingest.profiles))
        self._pool = pool
        self._rules = BulkRules(ZoneInfo(settings.zone))
        self._engine = self._rules.engine
        ingest = settings.ingest
        self._fairness = Fairness(
            device=Allowance(ingest.device_rate_per_s, ingest.device_burst),
            site=Allowance(ingest.site_rate_per_s, ingest.site_burst),
        )
        self._registered: Mapping[tuple[str, str], RegisteredDevice] = {}
        self._marks: list[Marks] = [] if before is None else before._marks
        self._committing: asyncio.Task[None] | None = None
        self._held: list[Observation | Misdated] = []  # what was said since then
        self._heard: list[Observation | Misdated] = []  # until `_heard_s`; concluded upon as far as `_place`
        self._heard_s = 0.0
        self._place = 0
        self.found: list[Finding] = []
        self.reported: list[StateReport | Event] = []  # how doors and barriers stand, guards seen: verdicts rest on it
        self._guards: frozenset[tuple[str, str]] = frozenset()  # site, and what a device calls the guard
        self.alarms: list[Message] = []  # what a loop repeats on the alarm lane's channel
        self.now_s = 0.0

    async def begin(self, now_s: float) -> None:
        """Take up what is committed."""
        now = datetime.fromtimestamp(now_s, UTC)
        async with wrapped_errors(), self._pool.connection() as conn:
            registry = await load_registry(conn)
            states = await load_rule_states(conn)
            await self._rules.read(conn, now)
        await self.meet_guards()
        self._decoder.use(registry)
        self._registered = {(device.site_id, device.device_id): device for device in registry}
        self._engine.enrol(registry, now)
        self._engine.restore((), states, now, marks=self._marks)
        chattering = limited(self._rules.rules.rules)
        self._fairness.resume(chattering.devices, chattering.sites, now)
        self.now_s = self._heard_s = now_s

    async def meet_guards(self) -> None:
        """Learn by what the guards are known now: staff's cards are no news, and there are many."""
        async with wrapped_errors(), self._pool.connection() as conn:
            guards = [one.fact for one in await load(conn, GUARDS)]
        self._guards = frozenset((guard.site_id, word) for guard in guards for word in (guard.guard_id, guard.card))

    def listen(self, until_s: float) -> None:
        """Hear what is said until ``until_s``, or until something follows from it, or the database has to be tried."""
        if self._committing is not None:
            self.now_s = min(until_s, self.now_s + AGAIN_S)
            self._held.extend(self._timetable.said(self.now_s, self._registered, alarms=self.alarms))
            return
        rules = self._rules.rules
        while self.now_s < until_s and not (self.found or self.alarms or self.reported or rules.turned):
            if self.now_s >= self._heard_s:
                self._hear_on(min(until_s, self.now_s + HEARD_AT_ONCE_S))
            # A tick a second, as in the lane, without those that can conclude nothing.
            self.now_s = min(max(floor(self.now_s) + 1.0, self._engine.next_s), self._heard_s)
            now = datetime.fromtimestamp(self.now_s, UTC)
            self._conclude(None if self.now_s == self._heard_s else now)
            self.found.extend(self._engine.tick(now))

    def hear(self, message: Message) -> None:
        """A message outside the timetable."""
        at = datetime.fromtimestamp(message.due_s + TRAVEL_MS / 1000, UTC)
        said = self._decoder.decode(message.topic, message.payload, at).observations
        self._held.extend(one for one in said if not isinstance(one, Alarm))
        if self._committing is None:
            self._take_held()

    def _hear_on(self, until_s: float) -> None:
        self._heard_s = until_s
        self._heard = list(self._timetable.said(until_s, self._registered, alarms=self.alarms))
        self._judge()

    def _take_held(self) -> None:
        self._heard, self._held = self._held, []
        self._judge()
        self._conclude(None)

    def _judge(self) -> None:
        """Hold what was heard to the limits of fairness, and begin with it."""
        self._place = 0
        said = [one for one in self._heard if not isinstance(one, Misdated)]
        verdict = self._fairness.judge(said, (), (), self._decoder.registry.by_no)
        if verdict is None:
            return
        for position in verdict.over:
            self.found.extend(self._engine.overhear(said[position]))
        for excess in verdict.excesses:
            self.found.extend(self._engine.exceeded(excess))
        over = {id(said[position]) for position in verdict.over}
        self._heard = [one for one in self._heard if id(one) not in over]

    def _conclude(self, until: datetime | None) -> None:
        """What follows from what was heard before ``until`` (None = all of it)."""
        heard, first = self._heard, self._place
        place = len(heard) if until is None else first
        while until is not None and place < len(heard) and heard[place].received_at < until:
            place += 1
        self._place = place
        heard = heard[first:place]
        self.found.extend(self._engine.observe_many(heard))
        self.reported.extend(
            said
            for said in heard
            if isinstance(said, StateReport) or (isinstance(said, Event) and self._is_guard(said))
        )

    def _is_guard(self, event: Event) -> bool:
        word = word_of(event)
        return bool(word) and (event.device.site_id, word) in self._guards

    async def commit(self) -> None:
        """Hand over what was found. What the database takes at once is committed when this returns; while it is away,
        what is said is held back as in the lane's journal, and no time is lost here.
        """
        if self._committing is None:
            parcel, reported = self._collected(), self._take_reported()
            if parcel.empty and not reported:
                return
            self._committing = asyncio.create_task(self._commit_at_last(parcel, reported), name="rehearsal: commit")
        await asyncio.wait({self._committing}, timeout=AT_ONCE_S)
        if not self._committing.done():
            self._held.extend(self._heard[self._place :])
            self._heard, self._place = [], 0
            return
        self._committing.result()
        self._committing = None
        if self._held:
            self._take_held()
            self._engine.hearing_resumed(datetime.fromtimestamp(self.now_s, UTC))

    async def _commit_at_last(self, parcel: Parcel, reported: list[StateReport | Event]) -> None:
        while True:
            try:
                async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
                    await parcel.write(conn, LANE)
                    await store_conditions(conn, [one for one in reported if isinstance(one, StateReport)])
                    await store_sightings(conn, reported)
                return
            except StorageUnavailable:
                await asyncio.sleep(AGAIN_S)

    def die(self) -> None:
        """What it remembers is its successor's. While the database is away, what was found is gone with it."""
        if self._committing is not None:
            self._committing.cancel()
        self._collected()
        self._take_reported()

    def _take_reported(self) -> list[StateReport | Event]:
        reported, self.reported = self.reported, []
        return reported

    def _collected(self) -> Parcel:
        changes = self._engine.changes()
        for marks in changes.marks:
            self._marks = [kept for kept in self._marks if kept.generation >= marks.obsolete_before]
            self._marks.append(marks)
        found, self.found = self.found, []
        return Parcel(findings=found, liveness=changes.liveness, rule_states=changes.states, clocks=changes.clocks)
