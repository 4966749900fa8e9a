"""What the patrol asks of its helper processes, and what they answer: msgpack, each with its length before it."""

from __future__ import annotations

import struct
from datetime import datetime
from typing import TypeAlias

import msgspec

#: Of an answer or a question, in bytes: the largest picture and what goes with it.
MOST = 40 * 2**20
#: What a helper says when it has loaded its libraries: only then does a question's time begin.
READY = b"\0\0\0\0"
_LENGTH = struct.Struct(">I")


class Examine(msgspec.Struct, frozen=True, kw_only=True, tag="examine"):
    """Look at a picture beside what is remembered of its camera."""

    jpeg: bytes
    memory: bytes
    at: datetime


class TakeFrame(msgspec.Struct, frozen=True, kw_only=True, tag="frame"):
    """Open a stream and take one frame. ``url`` holds the credentials and is printed nowhere."""

    url: str
    timeout_s: float

    def __repr__(self) -> str:
        return "TakeFrame()"


class Lesson(msgspec.Struct, frozen=True, kw_only=True, tag="lesson"):
    """What a person said of a camera, for its memory. ``jpeg``: of an adopted view."""

    memory: bytes
    kind: str
    fault: str = ""
    light: str = ""
    score: float | None = None
    jpeg: bytes = b""


Job: TypeAlias = Examine | TakeFrame | Lesson


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    fault: str
    score: float | None
    limit: float
    suspect: bool
    hidden: bool


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A fault was raised. ``difference``: JPEG, empty where there is nothing to compare with."""

    fault: str
    since: datetime
    score: float | None
    limit: float
    region: tuple[float, float, float, float] | None
    difference: bytes


class Examined(msgspec.Struct, frozen=True, kw_only=True, tag="examined"):
    """``standing``: faults that are raised, gravest first. ``learning``: nothing is compared with yet. ``picture`` is
    what people are shown, ``thumbnail`` the same small; ``reference`` the view it was compared with, where somebody
    will want to see it.
    """

    memory: bytes
    light: str
    standing: tuple[str, ...]
    suspect: bool
    learning: bool
    learnt: bool
    verdicts: tuple[Verdict, ...]
    raised: tuple[Found, ...]
    picture: bytes
    thumbnail: bytes
    reference: bytes = b""


class Unreadable(msgspec.Struct, frozen=True, kw_only=True, tag="unreadable"):
    """No picture: ``reason`` is a word of `domain.camera_words`."""

    reason: str


class Frame(msgspec.Struct, frozen=True, kw_only=True, tag="frame"):
    jpeg: bytes


class Taught(msgspec.Struct, frozen=True, kw_only=True, tag="taught"):
    memory: bytes
    standing: tuple[str, ...]


Answer: TypeAlias = Examined | Unreadable | Frame | Taught

_ENCODER = msgspec.msgpack.Encoder()
JOBS: msgspec.msgpack.Decoder[Job] = msgspec.msgpack.Decoder(Job)
ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def packed(message: Job | Answer) -> bytes:
    body = _ENCODER.encode(message)
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes) -> int:
    """:raises ValueError: no message of ours."""
    (length,) = _LENGTH.unpack(head)
    if length > MOST:
        raise ValueError(f"{length} bytes")
    return int(length)
