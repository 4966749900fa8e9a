from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from detectors.pictures.decoding import decoded
from detectors.pictures.diagnosis import CLEAN, DWELL, LEARNING, PictureFinding, adopted, rejected, step
from detectors.pictures.faults import PictureFault
from detectors.pictures.look import look
from detectors.pictures.memory import Light, Memory
from domain.finding import FindingKind
from simulators.pictures.camera import Camera
from simulators.pictures.faults import MODERATE, STRONG, Fault, FaultKind
from simulators.pictures.screens import Screen
from tests.unit.detectors.pictures.conftest import HOUR, LEARNT, seen
from tests.unit.simulators.pictures.test_screens import fault as showing

#: Eleven in the morning where the camera is.
MORNING = LEARNT.replace(hour=3)


def found(
    camera: Camera, memory: Memory, fault: Fault | None, since: datetime, pictures: int = DWELL + 1
) -> tuple[Memory, list[PictureFinding]]:
    findings: list[PictureFinding] = []
    for turn in range(pictures):
        at = since + turn * HOUR
        now = seen(memory, camera.picture(at, fault, since=since), at)
        memory = now.memory
        findings += now.findings
    return memory, findings


@pytest.mark.parametrize("kind", list(FaultKind))
@pytest.mark.parametrize("begins", [0, 12], ids=["day", "night"])
def test_each_fault_of_moderate_strength_is_found(camera: Camera, learnt: Memory, kind: FaultKind, begins: int) -> None:
    fault = Fault(kind=kind, strength=MODERATE, seed=7)
    _, findings = found(camera, learnt, fault, MORNING + (24 + begins) * HOUR)
    assert [finding.fault.value for finding in findings] == [kind.value]
    assert findings[0].kind is FindingKind.RAISED
    assert findings[0].score is not None
    assert findings[0].score > findings[0].limit


@pytest.mark.parametrize("screen", list(Screen))
def test_every_screen_that_a_recorder_draws_is_found(camera: Camera, learnt: Memory, screen: Screen) -> None:
    _, findings = found(camera, learnt, showing(screen), MORNING + 24 * HOUR)
    # A last picture with a text over it moves no more.
    frozen = screen is Screen.LAST_PICTURE
    assert [one.fault for one in findings][:1] == [PictureFault.FROZEN if frozen else PictureFault.NO_SIGNAL]


def test_three_days_of_people_weather_and_light_raise_nothing(camera: Camera, learnt: Memory) -> None:
    assert not learnt.suspicions
    memory, findings = found(camera, learnt, None, LEARNT, pictures=72)
    assert findings == []
    assert not memory.suspicions
    assert sum(view.pictures for view in memory.views.values()) > 130


def test_one_bad_picture_raises_nothing_and_is_forgotten(camera: Camera, learnt: Memory) -> None:
    fault = Fault(kind=FaultKind.COVERED, strength=STRONG, seed=3)
    now = seen(learnt, camera.picture(MORNING + 24 * HOUR, fault), MORNING + 24 * HOUR)
    assert now.suspect
    assert now.memory.suspicions
    assert not now.findings
    now = seen(now.memory, camera.picture(MORNING + 25 * HOUR), MORNING + 25 * HOUR)
    assert not now.memory.suspicions


def test_a_fault_is_raised_once_and_cleared_once(camera: Camera, learnt: Memory) -> None:
    fault = Fault(kind=FaultKind.BLURRED, strength=STRONG)
    since = MORNING + 24 * HOUR
    memory, findings = found(camera, learnt, fault, since, pictures=DWELL + 2)
    assert [finding.kind for finding in findings] == [FindingKind.RAISED]
    assert findings[0].since == since
    assert findings[0].at == since + (DWELL - 1) * HOUR
    memory, findings = found(camera, memory, None, since + 24 * HOUR, pictures=CLEAN)
    assert [finding.kind for finding in findings] == [FindingKind.CLEARED]
    assert not memory.suspicions


def test_a_standing_fault_teaches_nothing(camera: Camera, learnt: Memory) -> None:
    fault = Fault(kind=FaultKind.MOVED, strength=STRONG, seed=2)
    memory, _ = found(camera, learnt, fault, MORNING + 24 * HOUR)
    assert memory.views == learnt.views
    assert memory.limits == learnt.limits
    # Nor does one good picture among them.
    memory, findings = found(camera, memory, None, MORNING + 28 * HOUR, pictures=1)
    assert not findings
    assert memory.views == learnt.views


def test_what_is_hidden_is_neither_confirmed_nor_denied(camera: Camera, learnt: Memory) -> None:
    blurred, black = Fault(kind=FaultKind.BLURRED, strength=STRONG), Fault(kind=FaultKind.BLACK, strength=STRONG)
    memory, _ = found(camera, learnt, blurred, MORNING + 24 * HOUR)
    memory, findings = found(camera, memory, black, MORNING + 28 * HOUR)
    assert [(finding.kind, finding.fault) for finding in findings] == [(FindingKind.RAISED, PictureFault.BLACK)]
    assert memory.suspicions[PictureFault.BLURRED].raised


def test_a_picture_that_is_no_newer_changes_nothing(camera: Camera, learnt: Memory) -> None:
    assert learnt.at is not None
    now = seen(learnt, camera.picture(learnt.at), learnt.at)
    assert now.memory == learnt
    assert not now.findings


def test_a_cover_has_a_place(camera: Camera, learnt: Memory) -> None:
    _, findings = found(camera, learnt, Fault(kind=FaultKind.COVERED, strength=MODERATE, seed=7), MORNING + 24 * HOUR)
    region = findings[0].region
    assert region is not None
    left, top, right, bottom = region
    assert 0 <= left < right <= 1
    assert 0 <= top < bottom <= 1
    assert (right - left) * (bottom - top) < 0.8


def test_a_rejected_diagnosis_is_not_made_again(camera: Camera, learnt: Memory) -> None:
    fault, since = Fault(kind=FaultKind.COLOUR_CAST, strength=MODERATE, seed=7), MORNING + 24 * HOUR
    memory, findings = found(camera, learnt, fault, since)
    assert findings[0].score is not None
    memory = rejected(memory, PictureFault.COLOUR_CAST, findings[0].score, findings[0].light)
    assert not memory.suspicions
    _, findings = found(camera, memory, fault, since + 24 * HOUR)
    assert findings == []


def test_a_new_direction_that_a_person_adopts_is_the_view(camera: Camera, learnt: Memory) -> None:
    fault, since = Fault(kind=FaultKind.MOVED, strength=STRONG, seed=2), MORNING + 24 * HOUR
    memory, findings = found(camera, learnt, fault, since)
    assert [finding.fault for finding in findings] == [PictureFault.MOVED]
    memory = adopted(memory, look(decoded(camera.picture(since, fault))))
    memory, findings = found(camera, memory, fault, since + 24 * HOUR, pictures=24)
    assert findings == []
    assert memory.views[Light.DAY].pictures > LEARNING


def test_another_resolution_is_learnt_anew(camera: Camera, learnt: Memory) -> None:
    at = LEARNT + 24 * HOUR
    larger = np.repeat(np.repeat(decoded(camera.picture(at)), 2, axis=0), 2, axis=1)
    now = step(learnt, look(larger), at)
    assert now.memory.size == (960, 540)
    assert sum(view.pictures for view in now.memory.views.values()) == 1


def test_the_same_pictures_lead_to_the_same_memory(camera: Camera, learnt: Memory) -> None:
    first, _ = found(camera, learnt, None, LEARNT + HOUR, pictures=3)
    second, _ = found(camera, learnt, None, LEARNT + HOUR, pictures=3)
    assert first.packed() == second.packed()
