"""What is different between two looks at the wall. Pure."""

from __future__ import annotations

from dashboards.wall import SiteTile, WallSnapshot

#: Open incidents in a snapshot, and changed ones in a delta: more than these are a new snapshot.
SNAPSHOT_INCIDENTS = 200


def changed_tiles(before: WallSnapshot, after: WallSnapshot) -> list[SiteTile] | None:
    """The tiles to draw again; None when sites came or went, which a delta cannot say."""
    old = {tile.site_id: tile for tile in before.sites}
    if old.keys() != {tile.site_id for tile in after.sites}:
        return None
    return [tile for tile in after.sites if old[tile.site_id] != tile]
