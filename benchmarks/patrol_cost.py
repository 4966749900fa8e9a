"""What diagnosis costs: beside decoding, in memory over many pictures, and on bytes that are no picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import cycle
from statistics import median

import cv2
import msgspec
import numpy as np
import psutil

from benchmarks.patrol_trial import BEGUN
from benchmarks.sheet import Sheet
from detectors.pictures.decoding import UnreadablePicture, decoded
from detectors.pictures.diagnosis import step
from detectors.pictures.limits import SETTLED
from detectors.pictures.look import look
from detectors.pictures.memory import Memory, unpacked
from simulators.pictures.camera import Camera
from simulators.pictures.faults import MODERATE, Fault, FaultKind
from simulators.pictures.scenery import drawn

FULL_HD = (1920, 1080)
MOST_RATIO = 1.0
#: The district's cameras, and the CPU that a whole patrol of them may take on two cores.
CAMERAS, MOST_PATROL_S = 11_000, 15 * 60
MOST_GROWTH_MB = 8.0


def costs(sheet: Sheet, *, quick: bool) -> None:
    cv2.setNumThreads(1)
    camera = Camera(number=4, scenery=drawn(0, FULL_HD), size=FULL_HD, begun=BEGUN)
    _ratio(sheet, camera, rounds=15 if quick else 60)
    _memory(sheet, pictures=400 if quick else 4000)
    _garbage(sheet, camera.picture(BEGUN))


def _ratio(sheet: Sheet, camera: Camera, rounds: int) -> None:
    """A good picture is compared with one view, a bad one with both: both are measured, the worse counts."""
    memory, at = _settled(camera)
    good = camera.picture(at)
    bad = camera.picture(at, Fault(kind=FaultKind.MOVED, strength=MODERATE, seed=1))
    buffer = np.frombuffer(good, np.uint8)
    good_pixels, bad_pixels = decoded(good), decoded(bad)
    # In a patrol each camera is another one, of which nothing is at hand.
    others = cycle(_many(memory))
    whole, reduced, *costs, packing = _cpu_ms(
        (
            lambda: cv2.imdecode(buffer, cv2.IMREAD_COLOR),
            lambda: decoded(good),
            lambda: step(unpacked(next(others)), look(good_pixels), at),
            lambda: step(unpacked(next(others)), look(bad_pixels), at),
            lambda: unpacked(memory.packed()),
        ),
        rounds,
    )
    ratio = max(costs) / whole
    patrol = CAMERAS * (reduced + max(costs) + packing) / 1000
    sheet.notes.append(
        f"a 1080p JPEG of {len(good) // 1000} kB: decoded {whole:.1f} ms, at half scale {reduced:.1f} ms; diagnosed "
        f"{costs[0]:.1f} ms where good, {costs[1]:.1f} ms where bad: {ratio:.2f} of decoding; memory there and back "
        f"{packing:.2f} ms; {CAMERAS} cameras: {patrol:.0f} s of CPU without fetching"
    )
    sheet.figures["cost"] = {"decode_ms": whole, "reduced_ms": reduced, "diagnosis_ms": costs, "packing_ms": packing,
                             "ratio": ratio, "patrol_cpu_s": patrol}  # fmt: skip
    if ratio > MOST_RATIO:
        sheet.faults.append(f"diagnosis costs {ratio:.2f} of decoding, {MOST_RATIO:.1f} allowed")
    if patrol > 2 * MOST_PATROL_S:
        sheet.faults.append(f"a patrol takes {patrol:.0f} s of CPU, two cores have {2 * MOST_PATROL_S}")


def _settled(camera: Camera) -> tuple[Memory, datetime]:
    memory, at = Memory(), BEGUN
    pixels = decoded(camera.picture(at))
    for _ in range(SETTLED + 1):
        grain = np.random.default_rng(int(at.timestamp())).normal(0, 1.5, pixels.shape)
        memory = step(memory, look(np.clip(pixels + grain, 0, 255).astype(np.uint8)), at).memory
        at += timedelta(hours=1)
    return memory, BEGUN + timedelta(days=2)


def _many(memory: Memory, count: int = 8) -> list[bytes]:
    """The same camera so many times, packed, with colours that differ in their last bits: none is taken for another."""
    packed = []
    for number in range(count):
        views = {
            light: msgspec.structs.replace(view, channels=bytes([view.channels[0] ^ number]) + view.channels[1:])
            for light, view in memory.views.items()
        }
        packed.append(msgspec.structs.replace(memory, views=views).packed())
    return packed


def _memory(sheet: Sheet, pictures: int) -> None:
    """Many cameras by turns through one process, each memory packed and taken up again as a patrol does."""
    cameras = [Camera(number=number, scenery=drawn(number), begun=BEGUN) for number in range(8)]
    jpegs = [camera.picture(BEGUN + hour * timedelta(hours=3)) for camera in cameras for hour in range(5)]
    memories: dict[int, bytes] = {}
    process, marks = psutil.Process(), []
    for turn in range(pictures):
        number = turn % 200
        memory = unpacked(memories[number]) if number in memories else Memory()
        shown = look(decoded(jpegs[(number * 5 + turn // 200) % len(jpegs)]))
        memories[number] = step(memory, shown, BEGUN + turn * timedelta(minutes=1)).memory.packed()
        if turn >= 200 and turn % 50 == 0:
            marks.append(process.memory_info().rss / 2**20)
    middle = len(marks) // 2
    growth = median(marks[middle:]) - median(marks[:middle])
    largest = max(map(len, memories.values())) / 1000
    sheet.notes.append(
        f"{pictures} pictures of 200 cameras through one process: {marks[-1]:.0f} MB, {growth:+.1f} MB from the first "
        f"half to the second; a camera's memory at most {largest:.0f} kB"
    )
    sheet.figures["memory"] = {"mb": marks[-1], "growth_mb": growth, "camera_kb": largest}
    if growth > MOST_GROWTH_MB:
        sheet.faults.append(f"memory grew by {growth:.1f} MB")


def _garbage(sheet: Sheet, jpeg: bytes) -> None:
    """Whatever the bytes: a picture, or one kind of error, and soon."""
    chance = np.random.default_rng(5)
    at = jpeg.index(b"\xff\xc0") + 5
    huge = jpeg[:at] + (10_000).to_bytes(2, "big") * 2 + jpeg[at + 4 :]
    cases = [b"", b"\xff\xd8", jpeg[: len(jpeg) // 2], huge, chance.bytes(100_000), b"\xff\xd8\xff\xd9"]
    for _ in range(100):
        spoilt = bytearray(jpeg)
        for place in chance.integers(0, len(jpeg), int(chance.integers(1, 200))):
            spoilt[place] = int(chance.integers(0, 256))
        cases.append(bytes(spoilt))
    refused, worst = 0, 0.0
    for case in cases:
        began = time.process_time()
        try:
            look(decoded(case))
        except UnreadablePicture:
            refused += 1
        worst = max(worst, time.process_time() - began)
    began = time.process_time()
    try:
        decoded(huge)
    except UnreadablePicture as error:
        sheet.notes.append(
            f"a header of 100 megapixels: {(time.process_time() - began) * 1000:.2f} ms, {error.reason}; "
            f"{len(cases)} spoilt pictures: {refused} refused, the others diagnosed, the slowest {worst * 1000:.0f} ms"
        )
    sheet.figures["garbage"] = {"cases": len(cases), "refused": refused, "slowest_ms": worst * 1000}


def _cpu_ms(works: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median CPU of one call of each, by turns: the machine may do other things beside, and be slower for a while."""
    times: list[list[float]] = [[] for _ in works]
    for turn in range(rounds + 1):
        for work, spent in zip(works, times, strict=True):
            began = time.process_time()
            work()
            if turn > 0:
                spent.append(time.process_time() - began)
    return [median(spent) * 1000 for spent in times]
