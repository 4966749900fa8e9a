from __future__ import annotations

from collections import Counter
from hashlib import sha256

import cv2
import numpy as np

from benchmarks.patrol import table
from benchmarks.patrol_peer import Peer
from benchmarks.patrol_scenes import Half
from benchmarks.patrol_trial import FOUND_AS, Outcome, _trial
from detectors.pictures.faults import PictureFault
from detectors.pictures.memory import Light, Memory, Suspicion
from simulators.pictures.faults import MODERATE, Fault, FaultKind
from tests.unit.simulators.pictures.test_camera import NOON, camera


def test_no_scene_and_no_camera_is_in_both_halves() -> None:
    names = [name for half in Half for name in half.names]
    numbers = [half.first + place for half in Half for place in range(len(half.names))]
    assert len(set(names)) == len(names)
    assert len(set(numbers)) == len(numbers)


def by_lot(names: tuple[str, ...]) -> list[str]:
    return sorted(names, key=lambda name: sha256(name.encode()).hexdigest())


def test_the_order_of_scenes_is_by_lot() -> None:
    # Of the 38 that were found second, eleven judged first, six from the beginning and five from the middle.
    second = Half.TRAINING.names[29:67]
    assert [*second[:6], *second[11:24], *second[6:11], *second[24:]] == by_lot(second)
    third = Half.TRAINING.names[67:85]
    assert list(third) == by_lot(third)
    # Of the 45 that were found fourth the first 25 judged first.
    fourth = Half.TRAINING.names[85:130]
    assert list(fourth) == by_lot(fourth)
    # Those that were found last judge together.
    assert list(Half.JUDGING.names) == by_lot(Half.JUDGING.names)
    assert (len(Half.TRAINING.names), len(Half.JUDGING.names)) == (130, 27)


def test_every_fault_has_its_row_and_misses_and_false_alarms_fail_the_run() -> None:
    tried = Counter({(kind.value, name): 20 for kind in FaultKind for name in ("mild", "moderate", "strong")})
    found = Counter(tried)
    one = Outcome(scene="a", days=100.0, tried=tried, found=found, memory_bytes=1000)
    assert table([one]).faults == []
    assert [row[0] for row in table([one]).rows] == [*(kind.value for kind in FaultKind), "all"]
    found["blurred", "moderate"] = 18
    one.false["moved"] = 2
    assert len(table([one]).faults) == 2


def test_what_is_wrongly_said_before_a_fault_is_neither_a_find_nor_a_miss_of_it() -> None:
    outcome, fault = Outcome(scene="a"), Fault(kind=FaultKind.FROZEN, strength=MODERATE)
    said = Memory(suspicions={PictureFault.FROZEN: Suspicion(NOON, 3, 0, True)})
    _trial(camera(2), fault, "moderate", NOON, said, None, outcome)
    assert not outcome.tried
    _trial(camera(2), fault, "moderate", NOON, Memory(), None, outcome)
    assert outcome.tried.total() == 1


def test_every_simulated_fault_has_a_diagnosis() -> None:
    assert set(FOUND_AS) == set(FaultKind)


def test_the_peer_has_its_dwell_and_its_references() -> None:
    peer, one = Peer(), camera(2)
    good = one.picture(NOON)
    assert peer.seen(good, Light.DAY, learn=True) == []
    black = bytes(cv2.imencode(".jpg", np.zeros((180, 320, 3), np.uint8))[1])
    raised = [peer.seen(black, Light.DAY, learn=False) for _ in range(4)]
    assert "darkness" not in raised[0] + raised[1]
    assert "darkness" in raised[2]
    assert "darkness" not in raised[3]
