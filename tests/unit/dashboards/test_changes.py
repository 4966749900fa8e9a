from __future__ import annotations

from dashboards.changes import SNAPSHOT_INCIDENTS, changed_incidents, changed_tiles, head_of_queue
from dashboards.wall import WallSnapshot, wall_of
from domain.finding import Severity
from domain.incident import IncidentState
from storage.wall import IncidentMark, IngestView, SiteCounts
from tests.unit.dashboards.marks import START, counts, mark


def _wall(sites: list[SiteCounts], *marks: IncidentMark) -> WallSnapshot:
    return wall_of(START, sites, marks, [], IngestView(0.0, None, 0))


def test_only_tiles_that_look_different_are_sent() -> None:
    before = _wall([counts(1), counts(2)])
    after = _wall([counts(1), counts(2, online=2, offline=1)])
    changed = changed_tiles(before, after)
    assert changed is not None
    assert [tile.site_id for tile in changed] == ["s002"]


def test_a_new_or_vanished_site_cannot_be_told_by_a_delta() -> None:
    assert changed_tiles(_wall([counts(1)]), _wall([counts(1), counts(2)])) is None
    assert changed_tiles(_wall([counts(1), counts(2)]), _wall([counts(1)])) is None


def test_new_changed_and_ended_incidents_are_told_and_others_are_not() -> None:
    same, old, ended, new = mark(1), mark(2), mark(3), mark(4)
    written_again = mark(2, version=2)
    before = {m.incident_id: m for m in (same, old, ended)}
    after = {m.incident_id: m for m in (same, written_again, new)}
    assert changed_incidents(before, after) == [old.incident_id, ended.incident_id, new.incident_id]


def test_the_queue_begins_with_the_unacknowledged_then_the_worst_then_the_newest() -> None:
    answered = mark(1, severity=Severity.CRITICAL, state=IncidentState.ACKNOWLEDGED)
    minor = mark(2, severity=Severity.MINOR, raised_s=90)
    older, newer = mark(3, severity=Severity.MAJOR, raised_s=1), mark(4, severity=Severity.MAJOR, raised_s=2)
    tied = mark(5, severity=Severity.MAJOR, raised_s=2)
    reset = mark(6, severity=Severity.CRITICAL, state=IncidentState.RESET)
    queue = head_of_queue([answered, minor, older, newer, tied, reset])
    assert queue == [m.incident_id for m in (tied, newer, older, minor, answered)]


def test_a_snapshot_holds_a_bounded_number_of_incidents() -> None:
    flood = [mark(n, raised_s=n) for n in range(1, SNAPSHOT_INCIDENTS + 50)]
    queue = head_of_queue(flood)
    assert len(queue) == SNAPSHOT_INCIDENTS
    assert queue[0] == flood[-1].incident_id
