"""A parcel: messages that are stored in one transaction and acknowledged together, and what was made of them.

The ledger's unit is the observation (an entry of a gateway's batch counts by itself):
received = stored + rejected + duplicate, for each site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from devices.formats.decode import Decoder
from domain.finding import Finding
from domain.liveness import LivenessChange
from domain.observation import Alarm, Event, Heartbeat, Observation, Reading, StateReport
from domain.quarantine import Reason, Rejected
from ingest.session import Inbound
from storage import observations as store
from storage.device_states import store_liveness, store_rule_states
from storage.findings import store_findings
from storage.notices import NoticeChannel, notify
from storage.pool import Connection

#: Topics of our own format: their channel says which lane they belong to.
OWN_TOPICS = b"campus/"


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
class Counts:
    """What came in of one site."""

    received: int = 0
    stored: int = 0
    rejected: int = 0
    duplicate: int = 0

    def add(self, other: Counts) -> None:
        self.received += other.received
        self.stored += other.stored
        self.rejected += other.rejected
        self.duplicate += other.duplicate


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
    known: set[UUID] = field(default_factory=set)  # of the reports: what had been stored before, after `write`

    def open(self, messages: Sequence[Inbound], decoder: Decoder, share: Share) -> list[Observation]:
        """Decode ``messages`` into this parcel, as far as they are of this lane; its observations as they came."""
        self.messages.extend(messages)
        said: list[Observation] = []
        for message in messages:
            decoded = decoder.decode(message.topic, message.payload, message.received_at)
            if not decoded.rejected and message.topic.startswith(OWN_TOPICS):
                said.extend(decoded.observations)  # our own channels belong to one lane as a whole
                continue
            said.extend(filter(share.keeps, decoded.observations))
            for rejected in filter(share.keeps_rejected, decoded.rejected):
                self.rejected.append(rejected)
                self.rejected_sites.append(decoded.site_no)
        for observation in said:
            if isinstance(observation, Heartbeat):
                self.heartbeats.append(observation)
            elif isinstance(observation, Reading):
                self.readings.append(observation)
            else:
                self.reports.append(observation)
        return said

    def absorb(self, other: Parcel) -> None:
        """Take over all that ``other`` holds, to be written in one transaction."""
        self.messages += other.messages
        self.heartbeats += other.heartbeats
        self.readings += other.readings
        self.reports += other.reports
        self.rejected += other.rejected
        self.rejected_sites += other.rejected_sites
        self.findings += other.findings
        self.liveness += other.liveness
        self.rule_states += other.rule_states

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
            payload=message.payload[: 64 * 1024],
            size=len(message.payload),
        )
        return cls(messages=[message], rejected=[rejected], rejected_sites=[0])

    @property
    def empty(self) -> bool:
        return not (self.messages or self.findings or self.liveness or self.rule_states)

    async def write(self, conn: Connection, lane: str) -> dict[int, Counts]:
        """Write everything inside the caller's transaction; what became of it, by site_no."""
        counts: dict[int, Counts] = {}
        known_heartbeats = await store.store_heartbeats(conn, self.heartbeats)
        _count(counts, self.heartbeats, known_heartbeats)
        known_readings = await store.store_readings(conn, self.readings)
        _count(counts, self.readings, known_readings)
        known_reports = await store.store_events(conn, self.reports)
        _count(counts, self.reports, known_reports)
        fresh = {report.uid for position, report in enumerate(self.reports) if position not in known_reports}
        self.known = {report.uid for report in self.reports} - fresh
        await store.store_rejected(conn, self.rejected)
        for site_no in self.rejected_sites:
            line = counts.setdefault(site_no, Counts())
            line.received += 1
            line.rejected += 1
        await store_liveness(conn, self.liveness)
        await store_rule_states(conn, self.rule_states)
        await store_findings(conn, self.findings)
        await store.store_ledger(
            conn,
            lane,
            [
                store.LedgerLine(site_no, line.received, line.stored, line.rejected, line.duplicate)
                for site_no, line in counts.items()
            ],
        )
        if self.liveness:
            await notify(conn, NoticeChannel.DEVICE)
        return counts


def _count(counts: dict[int, Counts], observations: Sequence[Observation], known: set[int]) -> None:
    for position, observation in enumerate(observations):
        site_no = observation.device.site_no
        line = counts.get(site_no)
        if line is None:
            line = counts[site_no] = Counts()
        line.received += 1
        if position in known:
            line.duplicate += 1
        else:
            line.stored += 1
