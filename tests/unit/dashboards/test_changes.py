from __future__ import annotations

from dashboards.changes import changed_tiles
from dashboards.wall import WallSnapshot, wall_of
from storage.wall import IngestView, SiteCounts
from tests.unit.dashboards.marks import START, counts


def _wall(sites: list[SiteCounts]) -> WallSnapshot:
    return wall_of(START, sites, {}, [], IngestView(0.0, None, 0))


def test_only_tiles_that_look_different_are_sent() -> None:
    before = _wall([counts(1), counts(2)])
    after = _wall([counts(1), counts(2, online=2, offline=1)])
    changed = changed_tiles(before, after)
    assert changed is not None
    assert [tile.site_id for tile in changed] == ["s002"]


def test_a_new_or_vanished_site_cannot_be_told_by_a_delta() -> None:
    assert changed_tiles(_wall([counts(1)]), _wall([counts(1), counts(2)])) is None
    assert changed_tiles(_wall([counts(1), counts(2)]), _wall([counts(1)])) is None
