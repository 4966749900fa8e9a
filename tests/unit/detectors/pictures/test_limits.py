from __future__ import annotations

import pytest

from detectors.pictures.faults import PictureFault
from detectors.pictures.limits import RANGES, Limit, learnt, limit, taught


@pytest.mark.parametrize("fault", list(PictureFault))
def test_every_fault_has_a_range_and_a_camera_stays_within_it(fault: PictureFault) -> None:
    span = RANGES[fault]
    assert span.start < span.most
    assert limit(fault, None) == span.start
    assert limit(fault, Limit(highest=0.0)) == span.start
    assert limit(fault, Limit(highest=1000.0)) == span.most


def test_an_unsettled_camera_is_given_all_the_room_there_is() -> None:
    assert limit(PictureFault.MOVED, None, settled=False) == RANGES[PictureFault.MOVED].most


def test_a_limit_lies_above_the_highest_good_score_and_comes_down_slowly() -> None:
    known = learnt(PictureFault.MOVED, learnt(PictureFault.MOVED, None, 0.1), 0.30)
    assert limit(PictureFault.MOVED, known) == pytest.approx(RANGES[PictureFault.MOVED].start)
    known = learnt(PictureFault.MOVED, known, 0.5)
    high = limit(PictureFault.MOVED, known)
    assert high > 0.5
    for _ in range(100):
        known = learnt(PictureFault.MOVED, known, 0.1)
    assert RANGES[PictureFault.MOVED].start < limit(PictureFault.MOVED, known) < high


def test_what_a_person_says_goes_beyond_what_is_learnt() -> None:
    span = RANGES[PictureFault.BLURRED]
    known = taught(PictureFault.BLURRED, Limit(highest=0.1), 3.0)
    assert limit(PictureFault.BLURRED, known) > 3.0 > span.most
    assert limit(PictureFault.BLURRED, learnt(PictureFault.BLURRED, known, 0.1)) > 3.0
    assert limit(PictureFault.BLURRED, known, settled=False) > 3.0


def test_a_fault_that_begins_just_below_the_limit_is_not_learnt_at_once() -> None:
    for fault in (PictureFault.NOISE, PictureFault.COVERED, PictureFault.COLOUR_CAST):
        start = RANGES[fault].start
        assert limit(fault, learnt(fault, Limit(highest=0.0), 0.95 * start)) < 1.5 * start
