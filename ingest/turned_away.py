"""What was heard and not kept, as numbers on local disk: so many of this site in that hour.

A message may be acknowledged when it is counted here just as when it is kept: the books know of it after a crash too.
The file has a fixed size and is written in place, in two halves by turns, so that a torn write leaves the half before
it, a flood that goes on for days takes no more room than a short one, and a disk without room is no hindrance.

::

    add ──► the newer count ──► take (it takes no more) ──► booked in the database, once by its uid ──► forget

Blocking; the journal's thread calls it.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from domain.errors import SpoolFull
from domain.quarantine import Reason
from ingest.books import Tally, add, hour_of

_HEAD = struct.Struct("<8sQII")  # what it is, which write, length and CRC-32 of what follows
_MARK = b"cwcount1"
_HALF_BYTES = 64 * 1024
#: Sites and hours that one count tells apart; what is beyond is counted for no known site, in its first hour.
MOST_LINES = 1400
_HOUR_S = 3600


@dataclass(slots=True)
class TurnedAway:
    """Observations that are only counted: by hour and site, and by reason."""

    door: Tally = field(default_factory=dict)
    reasons: Counter[Reason] = field(default_factory=Counter)

    def add(self, other: TurnedAway) -> None:
        add(self.door, other.door)
        self.reasons += other.reasons

    @property
    def total(self) -> int:
        return sum(sum(sites.values()) for sites in self.door.values())


class Count(msgspec.Struct, array_like=True):
    """One count: booked as a whole, once. ``lines``: hours since 1970, site_no, how many."""

    uid: UUID
    lines: list[tuple[int, int, int]]
    reasons: dict[str, int]

    @classmethod
    def of(cls, turned_away: TurnedAway, uid: UUID) -> Count:
        lines = [
            (int(hour.timestamp()) // _HOUR_S, site_no, count)
            for hour, sites in turned_away.door.items()
            for site_no, count in sites.items()
        ]
        if len(lines) > MOST_LINES:
            lines.sort()
            beyond = sum(count for _, _, count in lines[MOST_LINES:])
            lines = [*lines[:MOST_LINES], (lines[0][0], 0, beyond)]
        return cls(uid, lines, {reason.value: count for reason, count in turned_away.reasons.items()})

    @property
    def turned_away(self) -> TurnedAway:
        door: Tally = {}
        for hour, site_no, count in self.lines:
            door.setdefault(hour_of(datetime.fromtimestamp(hour * _HOUR_S, UTC)), Counter())[site_no] += count
        return TurnedAway(door, Counter({Reason(name): count for name, count in self.reasons.items()}))

    @property
    def total(self) -> int:
        return sum(count for _, _, count in self.lines)


class CountFile:
    """At most two counts: one that is being booked, and the one that takes what comes meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: list[Count] = []
        self._taken: UUID | None = None
        self._written = 0
        self._file: int | None = None

    def open(self) -> None:
        """Take up what an earlier process left. A disk that takes nothing is met again at the next `add`."""
        try:
            content = self._path.read_bytes()
        except OSError:
            return
        halves = [_read(content[start : start + _HALF_BYTES]) for start in (0, _HALF_BYTES)]
        self._written, self._counts = max((half for half in halves if half), default=(0, []), key=lambda half: half[0])

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @property
    def total(self) -> int:
        """Observations that are counted and not booked."""
        return sum(count.total for count in self._counts)

    def add(self, turned_away: TurnedAway) -> None:
        """Count ``turned_away`` and sync it: when this returns it is safe.

        :raises SpoolFull: the disk did not take it; nothing was counted.
        """
        *before, last = self._counts or [Count(uuid4(), [], {})]
        if last.uid == self._taken:
            before, last = [*before, last], Count(uuid4(), [], {})
        together = last.turned_away
        together.add(turned_away)
        try:
            self._write([*before, Count.of(together, last.uid)])
        except OSError as error:
            raise SpoolFull(f"{self._path} cannot be written: {error.strerror}") from error

    def take(self) -> Count | None:
        """The oldest count, to be booked; it grows no more. None where nothing was counted."""
        if not self._counts:
            return None
        self._taken = self._counts[0].uid
        return self._counts[0]

    def forget(self, uid: UUID) -> None:
        """The database has this one.

        :raises OSError: the disk did not take it; a restart books it once more, and the database knows it by its uid.
        """
        self._write([count for count in self._counts if count.uid != uid])

    def _write(self, counts: list[Count]) -> None:
        body = msgspec.msgpack.encode(counts)
        file, written = self._opened(), self._written + 1
        head = _HEAD.pack(_MARK, written, len(body), zlib.crc32(body))
        block = memoryview(head + body)
        offset = written % 2 * _HALF_BYTES
        while block:
            taken = os.pwrite(file, block, offset)
            block, offset = block[taken:], offset + taken
        os.fdatasync(file)
        self._counts, self._written = counts, written

    def _opened(self) -> int:
        if self._file is None:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(file, 0, 2 * _HALF_BYTES)
                os.fsync(file)
            except BaseException:
                os.close(file)
                raise
            self._file = file
        return self._file


def _read(half: bytes) -> tuple[int, list[Count]] | None:
    """Which write ``half`` is of, and what it says; None where it is no whole one."""
    if len(half) < _HEAD.size:
        return None
    mark, written, length, crc = _HEAD.unpack_from(half)
    body = half[_HEAD.size : _HEAD.size + length]
    if mark != _MARK or len(body) < length or zlib.crc32(body) != crc:
        return None
    try:
        return written, msgspec.msgpack.decode(body, type=list[Count])
    except msgspec.MsgspecError:
        return None
