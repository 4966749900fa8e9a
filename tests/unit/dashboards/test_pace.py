from __future__ import annotations

from dashboards.pace import COALESCE_S, FULL_S, UNWATCHED_S, WATCHED_S, Pace


def _looked(at: float) -> Pace:
    pace = Pace()
    assert pace.look(at)
    pace.seen(full=True)
    return pace


def test_the_first_look_is_due_at_once() -> None:
    assert Pace().due(watched=False) < 0


def test_without_notices_looks_are_a_second_apart_and_two_while_nobody_watches() -> None:
    pace = _looked(100.0)
    assert pace.due(watched=True) == 100.0 + WATCHED_S
    assert pace.due(watched=False) == 100.0 + UNWATCHED_S


def test_notices_of_devices_cause_at_most_two_looks_a_second() -> None:
    pace = _looked(100.0)
    pace.notice()
    pace.notice()
    assert pace.due(watched=True) == 100.0 + FULL_S
    assert pace.due(watched=False) == 100.0 + UNWATCHED_S


def test_an_incident_is_told_at_once_together_with_those_that_come_with_it() -> None:
    pace = _looked(100.0)
    pace.incident(100.01)
    pace.incident(100.04)
    assert pace.due(watched=True) == 100.01 + COALESCE_S


def test_a_quick_look_leaves_the_devices_to_the_next_full_one() -> None:
    pace = _looked(100.0)
    pace.notice()
    pace.incident(100.1)
    full = pace.look(100.15)
    assert not full
    pace.seen(full=full)
    assert pace.due(watched=True) == 100.0 + FULL_S


def test_a_flood_of_incidents_does_not_keep_the_devices_from_being_counted() -> None:
    pace = _looked(100.0)
    fulls = []
    at = 100.0
    for _ in range(25):
        pace.incident(at)
        at = pace.due(watched=True)
        full = pace.look(at)
        pace.seen(full=full)
        fulls.append(full)
    assert sum(fulls) == 2  # in the second and a quarter that the looks took


def test_an_incident_during_a_look_causes_another_one() -> None:
    pace = _looked(100.0)
    pace.incident(100.2)
    pace.look(100.25)
    pace.incident(100.26)
    pace.seen(full=False)
    assert pace.due(watched=True) == 100.26 + COALESCE_S


def test_after_a_failure_the_next_try_is_a_full_look_a_second_later_whatever_is_noticed() -> None:
    pace = _looked(100.0)
    pace.incident(100.1)
    pace.look(100.15)
    pace.failed()
    pace.incident(100.2)
    assert pace.due(watched=True) == 100.15 + WATCHED_S
    assert pace.look(101.15)
