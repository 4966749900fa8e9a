"""A spool on local disk: what was appended and synced survives a crash of the process and of the machine.

::

    append ──► write ──► fdatasync ──► (the caller may acknowledge)
    peek ──► the oldest that were not consumed, in order ──► (the caller commits) ──► consume

Segments of bounded size hold records of a length, a CRC-32 and the bytes. A torn record at the end of a segment (the
machine stopped in the middle of a write) was never acknowledged and is cut off; a broken one elsewhere ends the reading
of its segment, and the rest of that segment is kept aside and named, never silently dropped. The position up to which
all is consumed is a file of its own, replaced atomically: after a crash some records may be seen twice, none is missed.

Blocking; the lanes call it from a thread.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import structlog

from domain.errors import SpoolFull, SpoolTaken

log = structlog.get_logger("ingest.spool")

_HEADER = struct.Struct("<II")  # length, CRC-32 of the bytes
#: No record is longer: a payload is bounded far below it.
LONGEST_RECORD = 32 * 1024 * 1024
DEFAULT_SEGMENT_BYTES = 32 * 1024 * 1024
DEFAULT_MOST_BYTES = 2 * 1024 * 1024 * 1024


class Position(NamedTuple):
    """Where a record ends: segment number and byte offset."""

    segment: int
    offset: int


class Spool:
    """One spool in ``directory``, used by one process. ``most_bytes`` bounds what it may hold."""

    def __init__(
        self,
        directory: Path,
        *,
        most_bytes: int = DEFAULT_MOST_BYTES,
        segment_bytes: int = DEFAULT_SEGMENT_BYTES,
    ) -> None:
        self._directory = directory
        self._most_bytes = most_bytes
        self._segment_bytes = segment_bytes
        self._sizes: dict[int, int] = {}  # segment → bytes that are whole records
        self._read = Position(0, 0)
        self._tail: BinaryIO | None = None
        self._lock: int | None = None
        self._records = 0

    # -- life -------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Take up what an earlier process left."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._take_possession()
        segments = sorted(int(file.stem) for file in self._directory.glob("*.seg"))
        checkpoint = self._load_checkpoint()
        for segment in segments:
            if segment < checkpoint.segment:
                self._path(segment).unlink()
                continue
            self._sizes[segment] = self._whole_bytes(segment, last=segment == segments[-1])
        first = min(self._sizes, default=checkpoint.segment)
        self._read = checkpoint if checkpoint.segment in self._sizes else Position(first, 0)
        self._records = sum(1 for _ in self._walk(self._read))
        if self._records:
            log.info("spool taken up", directory=str(self._directory), records=self._records, bytes=self.size)

    def _take_possession(self) -> None:
        """Two processes on one spool would strike each other's records."""
        lock = os.open(self._directory / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise SpoolTaken(
                f"another process works on {self._directory}; end it, or give this one another mqtt.client_id"
            ) from error
        self._lock = lock

    def close(self) -> None:
        self._close_tail()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _close_tail(self) -> None:
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    @property
    def size(self) -> int:
        """What is on disk and not consumed."""
        return sum(self._sizes.values()) - self._read.offset if self._sizes else 0

    @property
    def records(self) -> int:
        return self._records

    @property
    def most_bytes(self) -> int:
        return self._most_bytes

    # -- in ---------------------------------------------------------------------------------------------------------

    def append(self, records: Sequence[bytes]) -> Position:
        """Write ``records`` and sync them: when this returns they are safe. The position behind the last one.

        :raises SpoolFull: the bound or the disk is reached; none of ``records`` was kept.
        """
        block = b"".join(_HEADER.pack(len(record), zlib.crc32(record)) + record for record in records)
        if self.size + len(block) > self._most_bytes:
            raise SpoolFull(f"the spool {self._directory} holds its {self._most_bytes} bytes")
        segment = max(self._sizes, default=self._read.segment)
        if self._tail is None or self._sizes.get(segment, 0) >= self._segment_bytes:
            segment = self._next_segment(segment)
        assert self._tail is not None
        before = self._sizes[segment]
        try:
            self._tail.write(block)
            self._tail.flush()
            os.fdatasync(self._tail.fileno())
        except OSError as error:
            self._undo(segment, before)
            raise SpoolFull(f"the spool {self._directory} cannot be written: {error.strerror}") from error
        self._sizes[segment] = before + len(block)
        self._records += len(records)
        return Position(segment, before + len(block))

    def _next_segment(self, newest: int) -> int:
        """Open the segment to append to: a fresh one, so that nothing is ever written behind a torn record."""
        self._close_tail()
        segment = newest + 1
        try:
            self._tail = self._path(segment).open("ab")
            self._sync_directory()
        except OSError as error:
            self._close_tail()
            raise SpoolFull(f"the spool {self._directory} cannot be written: {error.strerror}") from error
        self._sizes[segment] = 0
        return segment

    def _undo(self, segment: int, size: int) -> None:
        """Cut a half-written block off again; a segment that cannot be cut is left and never written again."""
        assert self._tail is not None
        try:
            os.ftruncate(self._tail.fileno(), size)
        except OSError:
            log.warning("spool segment left behind", segment=segment)
        self._close_tail()

    # -- out --------------------------------------------------------------------------------------------------------

    def peek(self, most: int) -> tuple[list[bytes], Position]:
        """Up to ``most`` of the oldest records, and the position to `consume` once they are safe elsewhere."""
        found: list[bytes] = []
        position = self._read
        for record, behind in self._walk(self._read):
            found.append(record)
            position = behind
            if len(found) == most:
                break
        return found, position

    def consume(self, position: Position, count: int) -> None:
        """Everything up to ``position`` (``count`` records) is safe elsewhere; forget it."""
        self._read = position
        self._records = max(0, self._records - count)
        self._save_checkpoint(position)
        for segment in [s for s in self._sizes if s < position.segment]:
            self._drop(segment)
        if self._records == 0 and self._sizes.get(position.segment) == position.offset:
            # Drained: begin anew, so that an idle spool takes no room.
            self._close_tail()
            self._drop(position.segment)
            self._read = Position(position.segment + 1, 0)
            self._save_checkpoint(self._read)

    def _drop(self, segment: int) -> None:
        self._sizes.pop(segment, None)
        self._path(segment).unlink(missing_ok=True)

    def _walk(self, start: Position) -> Iterator[tuple[bytes, Position]]:
        for segment in sorted(s for s in self._sizes if s >= start.segment):
            offset = start.offset if segment == start.segment else 0
            with self._path(segment).open("rb") as file:
                file.seek(offset)
                while offset < self._sizes[segment]:
                    length, _ = _HEADER.unpack(file.read(_HEADER.size))
                    record = file.read(length)
                    offset += _HEADER.size + length
                    yield record, Position(segment, offset)

    # -- disk -------------------------------------------------------------------------------------------------------

    def _whole_bytes(self, segment: int, *, last: bool) -> int:
        """The bytes of ``segment`` that are whole records. What follows is cut off at the end, else kept aside."""
        path = self._path(segment)
        good = 0
        with path.open("rb") as file:
            while True:
                header = file.read(_HEADER.size)
                if len(header) < _HEADER.size:
                    break
                length, crc = _HEADER.unpack(header)
                if length > LONGEST_RECORD:
                    break
                record = file.read(length)
                if len(record) < length or zlib.crc32(record) != crc:
                    break
                good += _HEADER.size + length
        rest = path.stat().st_size - good
        if rest:
            if not last:
                aside = path.with_suffix(".broken")
                aside.write_bytes(path.read_bytes()[good:])
                log.error("spool segment damaged; the rest is kept aside", file=str(aside), bytes=rest)
            else:
                log.info("torn record cut off", segment=segment, bytes=rest)
            os.truncate(path, good)
        return good

    def _load_checkpoint(self) -> Position:
        try:
            segment, offset = (self._directory / "consumed").read_text("ascii").split()
            return Position(int(segment), int(offset))
        except (OSError, ValueError):
            return Position(0, 0)

    def _save_checkpoint(self, position: Position) -> None:
        """Not synced: an old checkpoint only means that some records are seen twice."""
        fresh = self._directory / "consumed.new"
        fresh.write_text(f"{position.segment} {position.offset}", "ascii")
        fresh.replace(self._directory / "consumed")

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _path(self, segment: int) -> Path:
        return self._directory / f"{segment:010d}.seg"
