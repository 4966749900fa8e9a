from __future__ import annotations

import pytest

from dashboards.wall import tile, tile_state, wall_of
from domain.finding import Severity
from domain.incident import IncidentState
from storage.wall import IngestView, SiteIncidents, link_condition
from tests.unit.dashboards.marks import START, at_sites, counts, mark

QUIET = IngestView(0.0, None, 0)


@pytest.mark.parametrize(
    ("worst", "online", "offline", "state"),
    [
        (Severity.CRITICAL, 3, 0, "alarm"),
        (Severity.CRITICAL, 0, 0, "alarm"),
        (Severity.MAJOR, 3, 2, "warning"),
        (Severity.MINOR, 3, 0, "fault"),
        (Severity.ADVICE, 3, 0, "ok"),
        (Severity.ADVICE, 3, 1, "fault"),
        (None, 3, 1, "fault"),
        (None, 0, 1, "fault"),
        (None, 0, 0, "unknown"),
        (None, 1, 0, "ok"),
    ],
)
def test_the_worst_incident_then_missing_devices_decide_a_tile(
    worst: Severity | None, online: int, offline: int, state: str
) -> None:
    assert tile_state(worst, online=online, offline=offline) == state


def test_devices_that_are_neither_online_nor_offline_are_unknown() -> None:
    assert tile(counts(devices=10, online=6, offline=1), SiteIncidents()).unknown == 3


def test_the_worst_of_a_tile_is_by_severity_before_anything_else() -> None:
    acknowledged = mark(1, severity=Severity.CRITICAL, state=IncidentState.ACKNOWLEDGED)
    shown = tile(counts(), at_sites(mark(2, severity=Severity.MAJOR, raised_s=60), acknowledged)[1])
    assert shown.worst is not None
    assert shown.worst.incident_id == acknowledged.incident_id
    assert (shown.open, shown.unacknowledged) == (2, 1)


def test_among_equals_the_unacknowledged_and_then_the_newest_is_the_worst() -> None:
    answered = mark(1, state=IncidentState.ACKNOWLEDGED, raised_s=90)
    older, newer = mark(2, raised_s=10), mark(3, raised_s=20)
    shown = tile(counts(), at_sites(answered, older, newer)[1])
    assert shown.worst is not None
    assert shown.worst.incident_id == newer.incident_id


def test_a_reset_incident_no_longer_colours_its_site() -> None:
    reset = at_sites(mark(1, severity=Severity.CRITICAL, state=IncidentState.RESET))
    wall = wall_of(START, [counts()], reset, [], QUIET)
    assert wall.sites[0].state == "ok"
    assert wall.totals.open_incidents == 0


def test_totals_count_incidents_that_belong_to_no_site() -> None:
    sites = [counts(1), counts(2, online=1, offline=1)]
    wall = wall_of(START, sites, at_sites(mark(1), mark(2, site_no=0)), [], QUIET)
    assert [t.open for t in wall.sites] == [1, 0]
    assert wall.totals.open_incidents == 2
    assert wall.totals.unacknowledged == 2
    assert (wall.totals.devices, wall.totals.online, wall.totals.offline, wall.totals.unknown) == (6, 4, 1, 1)


@pytest.mark.parametrize(
    ("arrived", "finished", "retrying", "condition"),
    [
        (False, None, False, "unknown"),
        (False, None, True, "failing"),
        (True, "received", False, "ok"),
        (True, "received", True, "failing"),
        (True, "failed", False, "failing"),
        (False, "sent", False, "ok"),
    ],
)
def test_a_link_fails_with_its_newest_result_or_while_it_is_tried_again(
    arrived: bool, finished: str | None, retrying: bool, condition: str
) -> None:
    assert link_condition(arrived=arrived, newest_finished=finished, retrying=retrying) == condition


def test_a_link_whose_heartbeats_are_not_answered_is_failing_whatever_arrived_before() -> None:
    assert link_condition(arrived=True, newest_finished="received", retrying=False, silent=True) == "failing"
    assert link_condition(arrived=False, newest_finished=None, retrying=False, alive=True) == "ok"
