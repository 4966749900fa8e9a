"""One scene of the patrol's benchmark: a camera before it for some weeks of harmless change, and faults on the way.

The camera's memory at the moment of a fault is what it had learnt by then; a trial goes on from a copy of it. The peer
looks at the same JPEGs, gets the same dwell, and a reference for day and one for night of which the better counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from benchmarks.patrol_peer import PEER_KINDS, Peer
from benchmarks.patrol_scenes import scenery
from detectors.pictures.decoding import decoded
from detectors.pictures.diagnosis import Step, step
from detectors.pictures.faults import PictureFault
from detectors.pictures.look import look
from detectors.pictures.memory import Memory
from domain.finding import FindingKind
from simulators.pictures.camera import Camera
from simulators.pictures.faults import MILD, MODERATE, STRONG, Fault, FaultKind

SIZE = (640, 360)
BEGUN = datetime(2026, 10, 1, 0, 30, tzinfo=UTC)
INTERVAL = timedelta(hours=1)
#: Pictures of a trial: one more than a fault needs to be raised.
PICTURES = 4
STRENGTHS = {"mild": MILD, "moderate": MODERATE, "strong": STRONG}

#: What counts as found. A wholly black cover is black; single bad pixels and grain are neighbours; a recorder that goes
#: on showing its last picture is frozen.
FOUND_AS: dict[FaultKind, frozenset[PictureFault]] = {
    kind: frozenset({PictureFault(kind.value)}) for kind in FaultKind
} | {
    FaultKind.COVERED: frozenset({PictureFault.COVERED, PictureFault.BLACK}),
    FaultKind.SNOW: frozenset({PictureFault.SNOW, PictureFault.NOISE}),
    FaultKind.NOISE: frozenset({PictureFault.NOISE, PictureFault.SNOW}),
    FaultKind.NO_SIGNAL: frozenset({PictureFault.NO_SIGNAL, PictureFault.BLACK, PictureFault.FROZEN}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """``learning_days`` are not counted; then ``days`` are, with ``trials`` of each fault at moderate strength among
    them, by which is judged, and ``others`` at each other strength.
    """

    learning_days: int = 4
    days: int = 25
    trials: int = 4
    others: int = 2
    peer: bool = True


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Of one scene. Counters by (fault, strength name), and of false alarms by fault."""

    scene: str
    days: float = 0.0
    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    peer_found: Counter[tuple[str, str]] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    peer_false: Counter[str] = field(default_factory=Counter)
    instead: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    false_at: list[str] = field(default_factory=list)
    highest: dict[str, list[float]] = field(default_factory=dict)
    memory_bytes: int = 0


def run(number: int, scene: str, course: Course, folder: Path) -> Outcome:
    """Camera ``number`` before ``scene``."""
    cv2.setNumThreads(1)
    # Some are put up by day and some by night.
    begun = BEGUN + int(np.random.default_rng([number, 98]).integers(24)) * INTERVAL
    camera = Camera(number=number, scenery=scenery(scene, SIZE, folder), size=SIZE, begun=begun)
    outcome = Outcome(scene=scene)
    memory, peer = Memory(), Peer()
    learning = course.learning_days * 24
    trials = _trials(number, course)
    for turn in range(learning + course.days * 24):
        at = begun + turn * INTERVAL
        for fault, strength in trials.get(turn, ()):
            _trial(camera, fault, strength, at, memory, peer.copy() if course.peer else None, outcome)
        jpeg = camera.picture(at)
        now = _step(memory, jpeg, at)
        memory = now.memory
        raised = peer.seen(jpeg, now.light, learn=turn < learning) if course.peer else ()
        if turn < learning:
            continue
        if turn == learning:
            # What was wrongly raised while it learnt, and still stands.
            for said, held in memory.suspicions.items():
                if held.raised and said not in {finding.fault for finding in now.findings}:
                    outcome.false[said] += 1
                    outcome.false_at.append(f"{scene} {at:%d %Hh} {said} stands since {held.since:%d %Hh}")
        outcome.days += INTERVAL / timedelta(days=1)
        for finding in now.findings:
            if finding.kind is FindingKind.RAISED:
                outcome.false[finding.fault] += 1
                outcome.false_at.append(f"{scene} {at:%d %Hh} {finding.fault} {finding.score:.2f}>{finding.limit:.2f}")
        outcome.peer_false.update(raised)
        for verdict in now.verdicts:
            if verdict.score is not None and not verdict.hidden:
                outcome.highest.setdefault(verdict.fault, []).append(verdict.score)
    outcome.memory_bytes = len(memory.packed())
    return outcome


def _trials(number: int, course: Course) -> dict[int, list[tuple[Fault, str]]]:
    """When which fault begins: spread over all hours, by a seed of the camera."""
    chance = np.random.default_rng([number, 99])
    begins: dict[int, list[tuple[Fault, str]]] = {}
    for kind in FaultKind:
        for name, strength in STRENGTHS.items():
            for _ in range(course.trials if strength == MODERATE else course.others):
                turn = int(chance.integers(course.learning_days * 24, (course.learning_days + course.days) * 24))
                fault = Fault(kind=kind, strength=strength, seed=int(chance.integers(0, 2**31)))
                begins.setdefault(turn, []).append((fault, name))
    return begins


def _trial(
    camera: Camera, fault: Fault, strength: str, since: datetime, memory: Memory, peer: Peer | None, outcome: Outcome
) -> None:
    key = (fault.kind.value, strength)
    standing = {said for said, held in memory.suspicions.items() if held.raised}
    if standing & FOUND_AS[fault.kind]:
        # It is wrongly said already: a false alarm, and neither a find nor a miss.
        return
    outcome.tried[key] += 1
    raised: set[PictureFault] = set()
    by_peer: set[str] = set()
    for turn in range(PICTURES):
        at = since + turn * INTERVAL
        jpeg = camera.picture(at, fault, since=since)
        now = _step(memory, jpeg, at)
        memory = now.memory
        raised |= {finding.fault for finding in now.findings if finding.kind is FindingKind.RAISED}
        if peer is not None:
            peer.seen(jpeg, now.light, learn=False)
            by_peer |= peer.standing
    if raised & FOUND_AS[fault.kind]:
        outcome.found[key] += 1
    else:
        outcome.instead[(*key, ",".join(sorted(raised)) or "nothing")] += 1
    if by_peer & PEER_KINDS[fault.kind]:
        outcome.peer_found[key] += 1


def _step(memory: Memory, jpeg: bytes, at: datetime) -> Step:
    return step(memory, look(decoded(jpeg)), at)
