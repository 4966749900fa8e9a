"""What is different between two looks at the wall. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from uuid import UUID

from dashboards.wall import SiteTile, WallSnapshot
from storage.wall import IncidentMark

#: Open incidents in a snapshot, and changed ones in a delta: more than these are a new snapshot.
SNAPSHOT_INCIDENTS = 200


def changed_tiles(before: WallSnapshot, after: WallSnapshot) -> list[SiteTile] | None:
    """The tiles to draw again; None when sites came or went, which a delta cannot say."""
    old = {tile.site_id: tile for tile in before.sites}
    if old.keys() != {tile.site_id for tile in after.sites}:
        return None
    return [tile for tile in after.sites if old[tile.site_id] != tile]


def changed_incidents(before: Mapping[UUID, IncidentMark], after: Mapping[UUID, IncidentMark]) -> list[UUID]:
    """New, changed and ended ones, in the order in which they were raised."""
    fresh = {mark for mark in after.values() if before.get(mark.incident_id) != mark}
    ended = {mark for mark in before.values() if mark.incident_id not in after}
    return [mark.incident_id for mark in sorted(fresh | ended, key=lambda mark: mark.number)]


def head_of_queue(marks: Iterable[IncidentMark]) -> list[UUID]:
    """The open incidents of a snapshot: unacknowledged first, then the worst, then the newest."""
    queue = heapq.nsmallest(
        SNAPSHOT_INCIDENTS,
        (mark for mark in marks if mark.open and not mark.aside),
        key=lambda mark: (not mark.unacknowledged, mark.severity.rank, -mark.raised_at.timestamp(), -mark.number),
    )
    return [mark.incident_id for mark in queue]
