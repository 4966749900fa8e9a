"""What a lane shows on /metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from domain.journal import JournalState
from ingest.books import Counts
from ingest.parcel import Parcel


class LaneMeters:
    """Metrics of one lane, in the registry of its process."""

    def __init__(self, registry: CollectorRegistry, lane: str) -> None:
        self._outcomes = Counter(
            "campuswatch_ingest_observations",
            "Observations by what became of them",
            ["lane", "outcome"],
            registry=registry,
        )
        self._received = Counter(
            "campuswatch_ingest_received",
            "Observations that came out of the decoder, of what is committed",
            ["lane"],
            registry=registry,
        )
        self._messages = Counter("campuswatch_ingest_messages", "MQTT messages committed", ["lane"], registry=registry)
        self._rejected = Counter(
            "campuswatch_ingest_rejected", "Observations put aside, by reason", ["lane", "reason"], registry=registry
        )
        self._turned_away = Counter(
            "campuswatch_ingest_turned_away",
            "Rejected observations that the quarantine does not hold, because their sender is over its limit",
            ["lane"],
            registry=registry,
        )
        self._commit = Histogram(
            "campuswatch_ingest_commit_seconds",
            "Time to commit one parcel",
            ["lane"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self._connected = Gauge(
            "campuswatch_broker_connected", "1 while the lane's MQTT session is up", ["lane"], registry=registry
        )
        self._pending = Gauge(
            "campuswatch_ingest_pending",
            "Messages waiting in the process (bounded; the network pauses at the bound)",
            ["lane"],
            registry=registry,
        )
        self._database = Gauge("campuswatch_database_reachable", "1 while commits succeed", ["lane"], registry=registry)
        self._findings = Counter(
            "campuswatch_findings", "Findings by rule and kind", ["lane", "rule", "kind"], registry=registry
        )
        self._journal = Gauge(
            "campuswatch_journal_messages", "Messages in the journal on disk", ["lane"], registry=registry
        )
        self._journal_fill = Gauge(
            "campuswatch_journal_fill_ratio",
            "How much of the journal's bound is used, 0 to 1",
            ["lane"],
            registry=registry,
        )
        self._journal_sites = Gauge(
            "campuswatch_journal_site_messages",
            "Messages in the journal on disk by the site that their topic names",
            ["lane", "site"],
            registry=registry,
        )
        self._journal_lost = Counter(
            "campuswatch_journal_lost",
            "Messages that were acknowledged and were not in the journal any more when it was worked off",
            ["lane"],
            registry=registry,
        )
        self._lane = lane
        self._connected.labels(lane).set(0)
        self._database.labels(lane).set(1)

    def connection(self, up: bool) -> None:
        self._connected.labels(self._lane).set(1 if up else 0)

    def database(self, up: bool) -> None:
        self._database.labels(self._lane).set(1 if up else 0)

    def journal(self, messages: int, fill: float) -> None:
        self._journal.labels(self._lane).set(messages)
        self._journal_fill.labels(self._lane).set(fill)

    def spooled(self, state: JournalState) -> None:
        """The whole state of the journal, now and then."""
        self.journal(state.messages, state.fill)
        self._journal_sites.clear()
        for site, messages in state.sites.items():
            self._journal_sites.labels(self._lane, site).set(messages)

    def committed(self, parcel: Parcel, counts: Counts, seconds: float, pending: int) -> None:
        lane = self._lane
        self._messages.labels(lane).inc(len(parcel.messages))
        self._commit.labels(lane).observe(seconds)
        self._pending.labels(lane).set(pending)
        self._received.labels(lane).inc(counts.received)
        self._outcomes.labels(lane, "stored").inc(counts.stored)
        self._outcomes.labels(lane, "duplicate").inc(counts.duplicate)
        self._outcomes.labels(lane, "rejected").inc(counts.rejected)
        if parcel.losses:
            self._journal_lost.labels(lane).inc(sum(loss.missing for loss in parcel.losses))
        for rejected in parcel.rejected:
            self._rejected.labels(lane, rejected.reason.value).inc()
        for reason, count in parcel.turned_away_reasons.items():
            self._rejected.labels(lane, reason.value).inc(count)
            self._turned_away.labels(lane).inc(count)
        for finding in parcel.findings:
            self._findings.labels(lane, finding.rule, finding.kind.value).inc()
