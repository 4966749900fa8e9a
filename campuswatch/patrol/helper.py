"""A helper process of the patrol: the only place where pixels are. ``python -m campuswatch.patrol.helper``.

Whatever a picture does to the decoder, or a stream to FFmpeg, it does to this process; the patrol ends it when it takes
too long, and starts another. Questions come on standard input, answers go to standard output, and nothing else is
written anywhere: FFmpeg's words would hold credentials.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from campuswatch.patrol.jobs import (
    JOBS,
    READY,
    Answer,
    Examine,
    Examined,
    Found,
    Frame,
    Job,
    Lesson,
    TakeFrame,
    Taught,
    Unreadable,
    Verdict,
    length_of,
    packed,
)
from detectors.pictures.decoding import MOST_PIXELS, Pixels, UnreadablePicture, decoded
from detectors.pictures.diagnosis import LEARNING, Step, adopted, rejected, step
from detectors.pictures.evidence import difference, reference
from detectors.pictures.faults import PictureFault
from detectors.pictures.look import look
from detectors.pictures.memory import Light, Memory, unpacked
from domain.finding import FindingKind

THUMBNAIL = (320, 180)
_QUALITY, _SMALL_QUALITY = 80, 65
#: Frames of a stream that are passed over: the first ones may be grey where no key frame has come yet.
_PASSED_OVER = 2
#: Without asking how many frames a second there are FFmpeg opens a stream in half a second instead of five.
_FFMPEG = "rtsp_transport;tcp|analyzeduration;2000000|probesize;1000000|fpsprobesize;0"


def answer(job: Job) -> Answer:
    match job:
        case Examine():
            return _examined(job)
        case TakeFrame():
            return _frame(job)
        case Lesson():
            return _taught(job)


def _examined(job: Examine) -> Answer:
    try:
        pixels = decoded(job.jpeg)
    except UnreadablePicture as error:
        return Unreadable(reason=error.reason)
    memory = unpacked(job.memory) if job.memory else Memory()
    seen = step(memory, look(pixels), job.at)
    raised = tuple(
        Found(
            fault=one.fault.value,
            since=one.since,
            score=one.score,
            limit=one.limit,
            region=one.region,
            difference=_encoded(difference(memory, seen.light, pixels, one.region)),
        )
        for one in seen.findings
        if one.kind is FindingKind.RAISED
    )
    return Examined(
        memory=seen.memory.packed(),
        light=seen.light.value,
        standing=_standing(seen.memory),
        suspect=seen.suspect or bool(seen.memory.suspicions),
        learning=_learning(seen),
        learnt=seen.learnt,
        verdicts=tuple(
            Verdict(fault=one.fault.value, score=one.score, limit=one.limit, suspect=one.suspect, hidden=one.hidden)
            for one in seen.verdicts
        ),
        raised=raised,
        picture=_encoded(pixels),
        thumbnail=_thumbnail(pixels),
        reference=_encoded(reference(memory, seen.light)) if raised else b"",
    )


def _learning(seen: Step) -> bool:
    view = seen.memory.views.get(seen.light)
    return view is None or view.pictures < LEARNING


def _standing(memory: Memory) -> tuple[str, ...]:
    held = memory.suspicions
    return tuple(fault.value for fault in PictureFault if fault in held and held[fault].raised)


def _frame(job: TakeFrame) -> Answer:
    limit_ms = int(1000 * job.timeout_s)
    stream = cv2.VideoCapture(
        job.url, cv2.CAP_FFMPEG, [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms]
    )
    try:
        if not stream.isOpened():
            return Unreadable(reason="no_stream")
        wide, high = stream.get(cv2.CAP_PROP_FRAME_WIDTH), stream.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if wide * high > MOST_PIXELS:
            return Unreadable(reason="too_large")
        pixels = None
        for _ in range(1 + _PASSED_OVER):
            came, frame = stream.read()
            if not came:
                break
            pixels = frame
        if pixels is None or not pixels.size:
            return Unreadable(reason="no_frame")
        return Frame(jpeg=_encoded(np.asarray(pixels, np.uint8), 90))
    finally:
        stream.release()


def _taught(job: Lesson) -> Answer:
    memory = unpacked(job.memory) if job.memory else Memory()
    if job.kind == "rejected":
        lights = [Light(job.light)] if job.light else list(Light)
        for light in lights:
            memory = rejected(memory, PictureFault(job.fault), job.score or 0.0, light)
    else:
        try:
            memory = adopted(memory, look(decoded(job.jpeg)))
        except UnreadablePicture as error:
            return Unreadable(reason=error.reason)
    return Taught(memory=memory.packed(), standing=_standing(memory))


def _thumbnail(pixels: Pixels) -> bytes:
    high, wide = pixels.shape[:2]
    scale = min(THUMBNAIL[0] / wide, THUMBNAIL[1] / high, 1.0)
    small = cv2.resize(pixels, (max(1, round(wide * scale)), max(1, round(high * scale))), interpolation=cv2.INTER_AREA)
    return _encoded(np.asarray(small, np.uint8), _SMALL_QUALITY)


def _encoded(pixels: NDArray[np.uint8] | None, quality: int = _QUALITY) -> bytes:
    if pixels is None:
        return b""
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    answers.write(READY)
    answers.flush()
    while head := questions.read(4):
        answers.write(packed(answer(JOBS.decode(questions.read(length_of(head))))))
        answers.flush()


def main() -> None:
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = _FFMPEG
    os.nice(12)
    cv2.setNumThreads(1)
    # Libraries that speak on standard output would spoil an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
