"""What no picture says of a camera, and what it does not."""

from __future__ import annotations

from detectors.pictures.reach import SETTLE_S, Around, fault_to_tell, with_picture, without_picture
from domain.camera import NO_PICTURE, Truth, TruthState
from domain.liveness import Connectivity, Reason

ALIVE = Around(life=Connectivity.ONLINE)
YES, NO, UNKNOWN = TruthState.YES, TruthState.NO, TruthState.UNKNOWN


def states(said: tuple[tuple[Truth, TruthState, str], ...]) -> dict[Truth, TruthState]:
    return {truth: state for truth, state, _ in said}


def test_one_failure_concludes_nothing() -> None:
    assert without_picture("timeout", answered=False, failures=1, failing_s=0.0, around=ALIVE) == ()


def test_a_camera_that_does_not_answer_again_after_the_bulk_lane_had_its_time_is_not_reachable() -> None:
    early = without_picture("refused", answered=False, failures=3, failing_s=SETTLE_S - 1, around=ALIVE)
    late = without_picture("refused", answered=False, failures=2, failing_s=SETTLE_S, around=ALIVE)
    assert early == ()
    assert states(late) == {Truth.REACHABLE: NO, Truth.DECODES: NO, Truth.GOOD: UNKNOWN}


def test_behind_a_dead_uplink_it_is_unknown_and_never_faulty() -> None:
    for around in (
        Around(life=Connectivity.UNKNOWN, reason=Reason.BEHIND),
        Around(life=Connectivity.UNKNOWN, reason=Reason.SITE),
        Around(life=Connectivity.UNKNOWN, reason=Reason.RETURNING),
        Around(life=None, parent=Connectivity.OFFLINE),
        Around(life=None, parent=Connectivity.UNKNOWN),
        Around(life=None, others_silent=2),
    ):
        said = without_picture("timeout", answered=False, failures=9, failing_s=1e6, around=around)
        assert set(states(said).values()) == {UNKNOWN}, around


def test_where_others_of_the_site_answer_it_is_the_camera() -> None:
    around = Around(life=None, others_silent=5, others_answered=1)
    said = without_picture("timeout", answered=False, failures=2, failing_s=SETTLE_S, around=around)
    assert states(said)[Truth.REACHABLE] is NO


def test_who_answers_with_no_picture_is_reachable_and_does_not_decode_after_a_second_time() -> None:
    behind = Around(life=Connectivity.UNKNOWN, reason=Reason.BEHIND)
    first = without_picture("unauthorized", answered=True, failures=1, failing_s=0.0, around=behind)
    second = without_picture("unauthorized", answered=True, failures=2, failing_s=1.0, around=behind)
    assert states(first) == {Truth.REACHABLE: YES}
    assert (Truth.DECODES, NO, "unauthorized") in second


def test_a_suspicion_leaves_the_picture_as_it_was_and_a_fault_makes_it_bad() -> None:
    assert Truth.GOOD not in states(with_picture((), suspect=True, learning=False))
    assert (Truth.GOOD, NO, "covered") in with_picture(("covered", "frozen"), suspect=True, learning=False)
    assert states(with_picture((), suspect=False, learning=False))[Truth.GOOD] is YES
    assert states(with_picture((), suspect=False, learning=True))[Truth.GOOD] is UNKNOWN


def test_what_people_are_told() -> None:
    assert fault_to_tell(("covered",), decodes=YES, life=None) == "covered"
    assert fault_to_tell((), decodes=YES, life=None) == ""
    assert fault_to_tell(("covered",), decodes=NO, life=Connectivity.ONLINE) == NO_PICTURE
    assert fault_to_tell(("covered",), decodes=NO, life=Connectivity.OFFLINE) is None
    assert fault_to_tell(("covered",), decodes=UNKNOWN, life=None) is None
