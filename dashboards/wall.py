"""The live wall: one tile a site, put together from what `storage.wall` counts. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from dashboards.journals import JournalView
from domain.finding import Category, Severity
from domain.site import SiteKind
from storage.ledger import LedgerStatus, LedgerSums
from storage.wall import IncidentMark, IngestView, LinkView, SiteCounts

TileState = Literal["alarm", "warning", "fault", "ok", "unknown"]

EMPTY_LEDGER = LedgerStatus(LedgerSums(), LedgerSums(), 0, 0, None, {})


class Worst(msgspec.Struct, frozen=True, gc=False):
    incident_id: UUID
    category: Category
    severity: Severity


class SiteTile(msgspec.Struct, frozen=True, gc=False):
    site_id: str
    name: str
    name_en: str
    township: str
    kind: SiteKind
    state: TileState
    worst: Worst | None
    open: int
    unacknowledged: int
    devices: int
    online: int
    offline: int
    unknown: int
    behind: int = 0
    maintenance: int = 0


class Totals(msgspec.Struct, frozen=True, gc=False):
    """Over all sites; the incidents also count those that belong to no site (a link that fails, the system itself)."""

    sites: int
    devices: int
    online: int
    offline: int
    unknown: int
    open_incidents: int
    unacknowledged: int


class WallSnapshot(msgspec.Struct, frozen=True, gc=False):
    at: datetime
    sites: list[SiteTile]
    totals: Totals
    links: list[LinkView]
    ingest: IngestView
    ledger: LedgerStatus = EMPTY_LEDGER
    journals: list[JournalView] = []


def tile_state(worst: Severity | None, *, online: int, offline: int) -> TileState:
    """The worst open incident decides; without one, whether devices are missing, then whether any proved alive."""
    if worst is Severity.CRITICAL:
        return "alarm"
    if worst is Severity.MAJOR:
        return "warning"
    if worst is Severity.MINOR or offline:
        return "fault"
    return "ok" if online else "unknown"


def _badness(mark: IncidentMark) -> tuple[int, bool, float, int]:
    return mark.severity.rank, not mark.unacknowledged, -mark.raised_at.timestamp(), -mark.number


def tile(counts: SiteCounts, open_marks: Sequence[IncidentMark]) -> SiteTile:
    worst = min(open_marks, key=_badness, default=None)
    return SiteTile(
        counts.site_id,
        counts.name,
        counts.name_en,
        counts.township,
        counts.kind,
        tile_state(None if worst is None else worst.severity, online=counts.online, offline=counts.offline),
        None if worst is None else Worst(worst.incident_id, worst.category, worst.severity),
        len(open_marks),
        sum(mark.unacknowledged for mark in open_marks),
        counts.devices,
        counts.online,
        counts.offline,
        counts.unknown,
        counts.behind,
        counts.maintenance,
    )


def wall_of(
    at: datetime,
    sites: Sequence[SiteCounts],
    marks: Iterable[IncidentMark],
    links: list[LinkView],
    ingest: IngestView,
    ledger: LedgerStatus = EMPTY_LEDGER,
    journals: Sequence[JournalView] = (),
) -> WallSnapshot:
    at_site: defaultdict[int, list[IncidentMark]] = defaultdict(list)
    for mark in marks:
        if mark.open:
            at_site[mark.site_no].append(mark)
    tiles = [tile(counts, at_site.get(counts.site_no, ())) for counts in sites]
    totals = Totals(
        len(tiles),
        sum(t.devices for t in tiles),
        sum(t.online for t in tiles),
        sum(t.offline for t in tiles),
        sum(t.unknown for t in tiles),
        sum(len(open_marks) for open_marks in at_site.values()),
        sum(mark.unacknowledged for open_marks in at_site.values() for mark in open_marks),
    )
    return WallSnapshot(at, tiles, totals, links, ingest, ledger, list(journals))
