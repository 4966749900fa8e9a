"""The live wall: one tile a site, put together from what `storage.wall` counts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from dashboards.journals import JournalView
from domain.finding import Severity
from domain.site import SiteKind
from storage.ledger import LedgerStatus, LedgerSums
from storage.wall import IngestView, LinkView, SiteCounts, SiteIncidents, Worst

TileState = Literal["alarm", "warning", "fault", "ok", "unknown"]

_NOTHING = SiteIncidents()
EMPTY_LEDGER = LedgerStatus(LedgerSums(), LedgerSums(), 0, 0, None, {})


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
    longitude: float | None = None
    latitude: float | None = None


class Totals(msgspec.Struct, frozen=True, gc=False):
    """Over all sites; the incidents also count those that belong to no site (a link that fails, the system itself)."""

    sites: int
    devices: int
    online: int
    offline: int
    unknown: int
    open_incidents: int
    unacknowledged: int
    aside: int


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


def tile(counts: SiteCounts, incidents: SiteIncidents) -> SiteTile:
    worst = incidents.worst
    return SiteTile(
        counts.site_id,
        counts.name,
        counts.name_en,
        counts.township,
        counts.kind,
        tile_state(None if worst is None else worst.severity, online=counts.online, offline=counts.offline),
        worst,
        incidents.open,
        incidents.unacknowledged,
        counts.devices,
        counts.online,
        counts.offline,
        counts.unknown,
        counts.behind,
        counts.maintenance,
        counts.longitude,
        counts.latitude,
    )


def wall_within(wall: WallSnapshot, sites: frozenset[str], aside: Mapping[str, int]) -> WallSnapshot:
    """What somebody may see who is bound to ``sites``: their tiles, and totals of these; nothing of the district's
    books and journals. Links and the rate of messages say whether the system works, and are the same for all.

    :param aside: see `aside_at`.
    """
    tiles = [one for one in wall.sites if one.site_id in sites]
    totals = Totals(
        len(tiles),
        sum(t.devices for t in tiles),
        sum(t.online for t in tiles),
        sum(t.offline for t in tiles),
        sum(t.unknown for t in tiles),
        sum(t.open for t in tiles),
        sum(t.unacknowledged for t in tiles),
        sum(aside.get(t.site_id, 0) for t in tiles),
    )
    ingest = IngestView(wall.ingest.messages_per_s, wall.ingest.last_received_at, 0)
    return WallSnapshot(wall.at, tiles, totals, wall.links, ingest)


def aside_at(sites: Sequence[SiteCounts], incidents: Mapping[int, SiteIncidents]) -> dict[str, int]:
    """How many incidents of each site are handled under another."""
    return {one.site_id: incidents[one.site_no].aside for one in sites if one.site_no in incidents}


def wall_of(
    at: datetime,
    sites: Sequence[SiteCounts],
    incidents: Mapping[int, SiteIncidents],
    links: list[LinkView],
    ingest: IngestView,
    ledger: LedgerStatus = EMPTY_LEDGER,
    journals: Sequence[JournalView] = (),
) -> WallSnapshot:
    """:param incidents: by site number; what belongs to no site counts in the totals."""
    tiles = [tile(counts, incidents.get(counts.site_no, _NOTHING)) for counts in sites]
    totals = Totals(
        len(tiles),
        sum(t.devices for t in tiles),
        sum(t.online for t in tiles),
        sum(t.offline for t in tiles),
        sum(t.unknown for t in tiles),
        sum(at_site.open for at_site in incidents.values()),
        sum(at_site.unacknowledged for at_site in incidents.values()),
        sum(at_site.aside for at_site in incidents.values()),
    )
    return WallSnapshot(at, tiles, totals, links, ingest, ledger, list(journals))
