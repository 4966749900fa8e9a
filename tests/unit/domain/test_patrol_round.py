"""Which cameras a round is about, and what may be said of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import RoundRefused
from domain.finding import FindingKind, Severity
from domain.patrol_round import (
    Candidate,
    Hazard,
    ItemVerdict,
    RoundKind,
    check_verdict,
    chosen,
    hazard_found,
    hazard_over,
    hazard_overdue,
)

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
CAMERAS = [Candidate(device_no=number) for number in range(1, 201)]


def test_a_sample_is_drawn_by_lot_and_the_same_for_the_same_round() -> None:
    first = chosen(CAMERAS, RoundKind.SAMPLE, size=20, seed=1)
    assert first == chosen(list(reversed(CAMERAS)), RoundKind.SAMPLE, size=20, seed=1)
    assert first != chosen(CAMERAS, RoundKind.SAMPLE, size=20, seed=2)
    assert len({one.device_no for one in first}) == 20
    assert len(chosen(CAMERAS[:5], RoundKind.SAMPLE, size=20, seed=1)) == 5


def test_diagnosed_cameras_come_first_then_doubtful_ones_longest_unjudged_first_and_no_others() -> None:
    cameras = [
        Candidate(device_no=1),
        Candidate(device_no=2, doubtful=True),
        Candidate(device_no=3, faults=("covered",), judged_at=NOW),
        Candidate(device_no=4, faults=("black",), judged_at=NOW - timedelta(days=1)),
        Candidate(device_no=5, faults=("moved",)),
    ]
    assert [one.device_no for one in chosen(cameras, RoundKind.DOUBTFUL, size=10, seed=1)] == [5, 4, 3, 2]
    assert len(chosen(cameras, RoundKind.DOUBTFUL, size=2, seed=1)) == 2


def test_of_a_site_all_are_looked_at() -> None:
    assert chosen(CAMERAS, RoundKind.SITE, size=5, seed=1) == CAMERAS


@pytest.mark.parametrize(
    ("fault", "verdict", "found"),
    [
        ("covered", ItemVerdict.GOOD, ""),
        ("covered", ItemVerdict.REMOVED, ""),
        ("covered", ItemVerdict.MISSED, "black"),
        ("", ItemVerdict.CONFIRMED, ""),
        ("", ItemVerdict.REJECTED, ""),
        ("", ItemVerdict.MISSED, ""),
        ("", ItemVerdict.MISSED, "sadness"),
        ("", ItemVerdict.GOOD, "black"),
    ],
)
def test_what_is_no_answer_is_refused(fault: str, verdict: ItemVerdict, found: str) -> None:
    with pytest.raises(RoundRefused):
        check_verdict(fault, verdict, found)


def test_what_is_an_answer_is_taken() -> None:
    check_verdict("covered", ItemVerdict.CONFIRMED, "")
    check_verdict("covered", ItemVerdict.UNSEEN, "")
    check_verdict("", ItemVerdict.MISSED, "blurred")


def test_a_hazard_that_is_overdue_is_told_anew_and_graver() -> None:
    hazard = Hazard(
        hazard_no=7,
        device_no=1,
        site_no=1,
        site_id="s001",
        device_id="cam-01",
        fault="covered",
        evidence_id="",
        found_at=NOW,
        found_by="officer",
        due_at=NOW + timedelta(hours=24),
    )
    found = hazard_found(hazard)
    cleared, graver = hazard_overdue(hazard, NOW + timedelta(hours=25))
    assert (found.key, found.severity) == (cleared.key, Severity.MINOR)
    assert (graver.severity, graver.kind, graver.at) == (Severity.MAJOR, FindingKind.RAISED, hazard.due_at)
    assert graver.key != found.key
    assert hazard_over(hazard, NOW).key == found.key
    late = Hazard(**{**{name: getattr(hazard, name) for name in hazard.__struct_fields__}, "overdue_told_at": NOW})
    assert hazard_over(late, NOW).key == graver.key
