"""A parcel: messages that are stored in one transaction and acknowledged together, and what was made of them.

The ledger's unit is the observation (an entry of a gateway's batch counts by itself): received = stored + rejected +
duplicate, for each site and the hour of receipt. `Parcel.open` counts what was received, `Parcel.write` what the
database says became of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec

from devices.formats.decode import KEPT_PAYLOAD, Decoder
from domain.excess import Excess
from domain.finding import Finding
from domain.liveness import ClockChange, LivenessChange
from domain.marks import Marks
from domain.observation import Alarm, Event, Heartbeat, Misdated, Observation, Reading, StateReport
from domain.quarantine import Reason, Rejected
from ingest.books import HOUR, Books, Counts, Tally, add, hour_of
from ingest.fairness import Fairness, Verdict, channel_of
from ingest.journal import Loss
from ingest.session import Inbound
from ingest.turned_away import Count, TurnedAway
from storage import observations as store
from storage.detector_marks import store_marks
from storage.device_conditions import store_conditions
from storage.device_states import store_clocks, store_liveness, store_rule_states
from storage.findings import store_findings
from storage.ledger import first_time, store_ledger
from storage.notices import NoticeChannel, notify
from storage.pool import Connection
from storage.sightings import store_sightings

_NEVER = datetime.min.replace(tzinfo=UTC)
_LOSSES = UUID("0b8f6b5e-5f0c-4d57-9c55-5d1c7f0f1c2e")


@dataclass(frozen=True, slots=True)
class Share:
    """What a lane keeps. The topics of ``both``, makers' profiles that can carry an alarm, go to both lanes: each takes
    its own part, and what cannot be understood is the alarm lane's.
    """

    alarms: bool
    both: frozenset[str]

    def keeps(self, observation: Observation) -> bool:
        return isinstance(observation, Alarm) is self.alarms

    def keeps_rejected(self, rejected: Rejected) -> bool:
        return self.alarms or rejected.channel not in self.both


@dataclass(slots=True)
class Parcel:
    """Sorted by table. `Parcel.open` decodes; then the detectors add findings and state; then `write`."""

    messages: list[Inbound] = field(default_factory=list)
    heartbeats: list[Heartbeat] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    reports: list[Alarm | Event | StateReport] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    rejected_sites: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    liveness: list[LivenessChange] = field(default_factory=list)
    rule_states: list[tuple[str, int, dict[str, Any] | None]] = field(default_factory=list)
    marks: list[Marks] = field(default_factory=list)
    door: Tally = field(default_factory=dict)  # what came out of the decoder
    turned_away: Tally = field(default_factory=dict)  # rejected without being kept: over a limit of fairness
    turned_away_reasons: Counter[Reason] = field(default_factory=Counter)  # of the same
    limited: list[tuple[Alarm | Event | StateReport, bool]] = field(
        default_factory=list
    )  # heard and not stored; aside?
    overheard: list[Observation] = field(default_factory=list)  # over a limit: not stored, heard by life safety
    misdated: list[Misdated] = field(default_factory=list)  # refused for the time they named
    excesses: list[Excess] = field(default_factory=list)
    clocks: list[ClockChange] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)  # of the journal: received, and nobody knows what it was
    counts: list[Count] = field(default_factory=list)  # of the journal: turned away, and only counted
    spooled: int = 0  # messages that the lane's journal still holds behind these
    known: set[UUID] = field(default_factory=set)  # of the reports: what had been stored before, after `write`

    def open(
        self, messages: Sequence[Inbound], decoder: Decoder, share: Share, fairness: Fairness | None = None
    ) -> list[Observation]:
        """Decode ``messages`` into this parcel, as far as they are of this lane; its observations as they came.

        With ``fairness``, what is over a limit is only counted; `overheard` and `excesses` tell of it.
        """
        self.messages.extend(messages)
        said: list[Observation] = []
        begin = end = _NEVER
        at_door: defaultdict[datetime, list[int]] = defaultdict(list)  # hour → a site_no for each observation
        sites = at_door[begin]
        for message in messages:
            received_at = message.received_at
            if not begin <= received_at < end:
                begin = hour_of(received_at)
                end = begin + HOUR
                sites = at_door[begin]
            decoded = decoder.decode(message.topic, message.payload, received_at)
            if decoded.own and not decoded.rejected:
                said.extend(decoded.observations)  # our own channels belong to one lane as a whole
                sites.extend([decoded.site_no] * len(decoded.observations))
                continue
            kept = [*filter(share.keeps, decoded.observations)]
            aside = [*filter(share.keeps_rejected, decoded.rejected)]
            said.extend(kept)
            sites.extend([decoded.site_no] * (len(kept) + len(aside)))
            self._put_aside(message, aside, decoded.site_no)
        add(self.door, {hour: Counter(sites) for hour, sites in at_door.items() if sites})
        if self.rejected:
            self._note_clocks(decoder)
        if fairness is not None:
            device_of = decoder.registry.by_no
            verdict = fairness.judge(said, self.rejected, self.rejected_sites, device_of)
            if verdict is not None:
                said = self._hold_to_limits(verdict, said, messages, decoder, share)
        self.add(said)
        return said

    def add(self, said: Sequence[Observation]) -> None:
        """Sort observations by the table that they go to."""
        for observation in said:
            if isinstance(observation, Heartbeat):
                self.heartbeats.append(observation)
            elif isinstance(observation, Reading):
                self.readings.append(observation)
            else:
                self.reports.append(observation)

    def _note_clocks(self, decoder: Decoder) -> None:
        """Who was refused for the time it named has spoken all the same."""
        for one in self.rejected:
            device = decoder.registry.by_no(one.device_no) if one.said_at is not None else None
            if device is not None and one.said_at is not None:
                self.misdated.append(Misdated(device, one.said_at, one.received_at))

    def _hold_to_limits(
        self,
        verdict: Verdict,
        said: Sequence[Observation],
        messages: Sequence[Inbound],
        decoder: Decoder,
        share: Share,
    ) -> list[Observation]:
        """Take out what is over a limit; what is left of ``said``. Counted is all of it, kept are a few."""
        self.excesses.extend(verdict.excesses)
        kept: list[Observation] = []
        evidence: dict[int, Observation] = {}
        for position, one in enumerate(said):
            if position not in verdict.over:
                kept.append(one)
                continue
            self.overheard.append(one)
            if position in verdict.evidence:
                evidence[position] = one
            else:
                self._turn_away(one.received_at, one.device.site_no, Reason.RATE_LIMITED)
        aside = [*zip(self.rejected, self.rejected_sites, strict=True)]
        self.rejected, self.rejected_sites = [], []
        for position, (rejected, site_no) in enumerate(aside):
            if position in verdict.aside:
                self._turn_away(rejected.received_at, site_no, rejected.reason)
            else:
                self.rejected.append(rejected)
                self.rejected_sites.append(site_no)
        if evidence:
            self._keep_evidence(evidence, messages, decoder, share)
        return kept

    def turn_away(self, door: Tally) -> None:
        """Count what came in at ``door``, all of it over a limit, and keep nothing of it."""
        add(self.door, door)
        add(self.turned_away, door)

    def limit(self, message: Inbound, decoder: Decoder, share: Share, *, evidence: bool) -> None:
        """Store none of the reports of ``message``, the only one in here; they are booked as rejected. As ``evidence``
        the first of them goes into the quarantine.
        """
        said, self.reports = self.reports, []
        self.limited += [(one, evidence and not place) for place, one in enumerate(said)]
        if evidence and said:
            self._keep_evidence({0: said[0]}, [message], decoder, share)

    def limit_to_one(self, devices: Collection[int]) -> None:
        """Of these ``devices`` store but the first report of each; the others are booked as rejected."""
        seen: set[int] = set()
        stored: list[Alarm | Event | StateReport] = []
        for one in self.reports:
            device_no = one.device.device_no
            if device_no in seen:
                self.limited.append((one, False))
                continue
            stored.append(one)
            if device_no in devices:
                seen.add(device_no)
        self.reports = stored

    @property
    def as_counted(self) -> TurnedAway:
        """What came in at the door, where nothing of it is kept."""
        reasons = Counter(one.reason for one in self.rejected)
        if self.reports:
            reasons[Reason.RATE_LIMITED] += len(self.reports)
        return TurnedAway(self.door, reasons)

    def _turn_away(self, received_at: datetime, site_no: int, reason: Reason) -> None:
        self.turned_away.setdefault(hour_of(received_at), Counter())[site_no] += 1
        self.turned_away_reasons[reason] += 1

    def _keep_evidence(
        self, evidence: Mapping[int, Observation], messages: Sequence[Inbound], decoder: Decoder, share: Share
    ) -> None:
        """Put observations into the quarantine, by their place among all of ``messages``. They are few and rare, so
        their messages are found by decoding once more rather than remembered for all.
        """
        place = 0
        for message in messages:
            decoded = decoder.decode(message.topic, message.payload, message.received_at)
            own = decoded.own and not decoded.rejected
            count = len(decoded.observations) if own else sum(map(share.keeps, decoded.observations))
            for number, position in enumerate(range(place, place + count)):
                one = evidence.get(position)
                if one is None:
                    continue
                self.rejected.append(
                    Rejected(
                        received_at=message.received_at,
                        topic=message.topic.decode("utf-8", "replace"),
                        site_id=one.device.site_id,
                        device_id=one.device.device_id,
                        channel=channel_of(one),
                        reason=Reason.RATE_LIMITED,
                        detail="more than its share; only a few of these are kept",
                        payload=message.payload[:KEPT_PAYLOAD],
                        size=len(message.payload),
                        device_no=one.device.device_no,
                        place=number,
                        again=message.again,
                    )
                )
                self.rejected_sites.append(one.device.site_no)
            place += count

    def _put_aside(self, message: Inbound, rejected: Sequence[Rejected], site_no: int) -> None:
        """Equal entries of one message are told apart, and what may have come before is marked, for the quarantine."""
        alike: Counter[bytes] = Counter()
        for one in rejected:
            if message.limited:
                self._turn_away(one.received_at, site_no, one.reason)
                continue
            place = alike[one.payload]
            alike[one.payload] += 1
            self.rejected.append(msgspec.structs.replace(one, place=place, again=message.again))
            self.rejected_sites.append(site_no)

    def absorb(self, other: Parcel) -> None:
        """Take over all that ``other`` holds, to be written in one transaction."""
        self.messages += other.messages
        self.heartbeats += other.heartbeats
        self.readings += other.readings
        self.reports += other.reports
        self.rejected += other.rejected
        self.rejected_sites += other.rejected_sites
        self.limited += other.limited
        self.findings += other.findings
        self.liveness += other.liveness
        self.rule_states += other.rule_states
        self.marks += other.marks
        add(self.door, other.door)
        add(self.turned_away, other.turned_away)
        self.turned_away_reasons += other.turned_away_reasons
        self.clocks += other.clocks
        self.losses += other.losses
        self.counts += other.counts

    def cut(self, uids: Collection[UUID]) -> Parcel:
        """Take out the reports of these ``uids``, and what was put aside beside them. Only for a parcel of one message;
        each of the two balances by itself.
        """
        first = Parcel(
            reports=[one for one in self.reports if one.uid in uids],
            limited=[(one, aside) for one, aside in self.limited if one.uid in uids or aside],
            rejected=self.rejected,
            rejected_sites=self.rejected_sites,
            turned_away=self.turned_away,
            turned_away_reasons=self.turned_away_reasons,
        )
        self.rejected, self.rejected_sites = [], []
        self.turned_away, self.turned_away_reasons = {}, Counter()
        self.reports = [one for one in self.reports if one.uid not in uids]
        self.limited = [(one, aside) for one, aside in self.limited if one.uid not in uids and not aside]
        left = len(self.reports) + len(self.limited)
        first.door, self.door = self.door, {}
        for hour, sites in first.door.items():
            for site_no, count in sites.items():
                self.door[hour] = Counter({site_no: left})
                sites[site_no] = count - left
        return first

    @classmethod
    def of_unstorable(cls, message: Inbound, detail: str) -> Parcel:
        """The parcel that puts ``message`` into the quarantine because the database refused it."""
        topic = message.topic.decode("utf-8", "replace")
        rejected = Rejected(
            received_at=message.received_at,
            topic=topic,
            site_id="",
            device_id="",
            channel="",
            reason=Reason.UNSTORABLE,
            detail=detail,
            payload=message.payload[:KEPT_PAYLOAD],
            size=len(message.payload),
            again=message.again,
        )
        door = {hour_of(message.received_at): Counter({0: 1})}
        return cls(messages=[message], rejected=[rejected], rejected_sites=[0], door=door)

    @property
    def empty(self) -> bool:
        return not (
            self.messages
            or self.findings
            or self.liveness
            or self.clocks
            or self.rule_states
            or self.marks
            or self.losses
            or self.counts
        )

    async def write(self, conn: Connection, lane: str) -> Counts:
        """Write everything inside the caller's transaction; what became of it."""
        books = Books()
        books.receive(self.door)
        books.reject(self.turned_away)
        books.store(self.heartbeats, await store.store_heartbeats(conn, self.heartbeats))
        books.store(self.readings, await store.store_readings(conn, self.readings))
        reports = await store.store_events(conn, self.reports)
        books.store(self.reports, reports)
        fresh = {report.uid for position, report in enumerate(self.reports) if position not in reports.known}
        self.known = {report.uid for report in self.reports} - fresh
        await self._book_limited(books, conn)
        self._book_rejected(books, await store.store_rejected(conn, self.rejected))
        await self._book_losses(books, conn, lane)
        await self._book_counts(books, conn)
        await store_sightings(conn, (one for one in self.reports if one.uid in fresh))
        await store_liveness(conn, self.liveness)
        await store_clocks(conn, self.clocks)
        await store_conditions(conn, [one for one in self.reports if isinstance(one, StateReport) and one.uid in fresh])
        await store_rule_states(conn, self.rule_states)
        await store_marks(conn, self.marks)
        await store_findings(conn, self.findings)
        await store_ledger(conn, lane, books.pages(), spooled=self.spooled)
        if self.liveness:
            await notify(conn, NoticeChannel.DEVICE)
        if self.clocks:
            await notify(conn, NoticeChannel.CLOCK)
        return books.total()

    async def _book_limited(self, books: Books, conn: Connection) -> None:
        """What is not stored is remembered by its key all the same: when it comes again, nobody is told twice."""
        if not self.limited:
            return
        uids = [one.uid for one, _ in self.limited]
        fresh = await first_time(conn, uids, max(one.received_at for one, _ in self.limited))
        self.known |= set(uids) - fresh
        for one, aside in self.limited:
            booked, site_no = books.hour(hour_of(one.received_at)), one.device.site_no
            if aside:
                continue  # booked with the quarantine
            if one.uid in fresh:
                fresh.discard(one.uid)
                booked.rejected[site_no] += 1
            else:
                booked.duplicate[site_no] += 1

    def _book_rejected(self, books: Books, stored: store.Stored) -> None:
        """What the quarantine did not take, though it was not there, is booked nowhere: that is a difference."""
        entered = stored.rows
        for position, (one, site_no) in enumerate(zip(self.rejected, self.rejected_sites, strict=True)):
            booked = books.hour(hour_of(one.received_at))
            if position in stored.known:
                booked.duplicate[site_no] += 1
            elif entered:
                entered -= 1
                booked.rejected[site_no] += 1

    async def _book_losses(self, books: Books, conn: Connection, lane: str) -> None:
        """Received, and nothing else. A journal that is read twice says it twice; it is booked once."""
        if not self.losses:
            return
        uids = [uuid5(_LOSSES, f"{lane}|{loss.first}|{loss.missing}|{loss.near.isoformat()}") for loss in self.losses]
        fresh = await first_time(conn, uids, max(loss.near for loss in self.losses))
        for uid, loss in zip(uids, self.losses, strict=True):
            if uid in fresh:
                books.hour(hour_of(loss.near)).received[0] += loss.missing

    async def _book_counts(self, books: Books, conn: Connection) -> None:
        """Once each, however often a journal says it."""
        if not self.counts:
            return
        latest = max(hour for count in self.counts for hour in count.turned_away.door)
        fresh = await first_time(conn, [count.uid for count in self.counts], latest)
        for count in self.counts:
            if count.uid in fresh:
                books.receive(count.turned_away.door)
                books.reject(count.turned_away.door)
