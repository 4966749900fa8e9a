"""A spool on local disk: what was appended and synced survives a crash of the process and of the machine.

::

    append ──► write ──► fdatasync ──► (the caller may acknowledge)
    peek ──► the oldest that were not consumed, in order ──► (the caller commits) ──► consume

Segments of bounded size hold records of a length, a CRC-32 and the bytes. Records are numbered on: a segment's head
names the number of its first one, and two small files hold the number up to which all is consumed and the number that
the next record gets. So a record that ought to be there and is not is known exactly, however it went. What stands torn
at the end and was never acknowledged (the machine stopped in the middle of a write) is cut off and is no loss; anything
else that cannot be read ends the reading of its segment, and the rest of it is kept aside and named.

After a crash some records may be seen twice, none is missed. A disk that takes nothing when the spool is opened (full,
read-only) is read all the same, and tried again at each `append`. Blocking; the lanes call it from a thread.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import structlog

from domain.errors import SpoolFull, SpoolTaken
from ingest.segment import Segment, block_of, head_of, new_segment, open_segment, read_records

log = structlog.get_logger("ingest.spool")

DEFAULT_SEGMENT_BYTES = 32 * 1024 * 1024
DEFAULT_MOST_BYTES = 2 * 1024 * 1024 * 1024


class Position(NamedTuple):
    """Where a record ends: segment number and byte offset, and the number of the record after it."""

    segment: int
    offset: int
    number: int


class Gap(NamedTuple):
    """``missing`` records from number ``first`` on, which ought to stand before record ``place`` of what `Spool.peek`
    found, are lost.
    """

    place: int
    first: int
    missing: int


class Peeked(NamedTuple):
    records: list[bytes]
    position: Position
    gaps: list[Gap]


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
        self._segments: dict[int, Segment] = {}
        self._read = Position(0, 0, 0)
        self._next = 0  # the number that the next record gets
        self._tail: FileIO | None = None
        self._written: int | None = None
        self._lock: int | None = None

    # -- life -------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Take up what an earlier process left.

        :raises SpoolTaken: another process works on it.
        """
        try:
            self._take_possession()
        except OSError as error:
            log.error(
                "spool cannot be written; only what it holds is read", directory=str(self._directory), error=str(error)
            )
        written = self._load_written()
        checkpoint = self._load_checkpoint()
        oldest = checkpoint.segment if checkpoint else 0
        expected = checkpoint.number if checkpoint else None
        found = sorted(int(file.stem) for file in self._directory.glob("*.seg"))
        for segment in found:
            if segment < oldest:
                with suppress(OSError):
                    self._path(segment).unlink()
                continue
            start = checkpoint if checkpoint and checkpoint.segment == segment else None
            known = self._segments[segment] = self._load_segment(
                segment, start, expected, written, segment == found[-1]
            )
            if known.first is not None:
                expected = known.first + known.records
        self._next = max(checkpoint.number if checkpoint else 0, expected or 0, written)
        # Without a checkpoint nobody knows what was consumed: reading begins with what there is.
        numbers = (self._segments[s].first for s in sorted(self._segments))
        first = next((number for number in numbers if number is not None), self._next)
        self._read = checkpoint or Position(min(self._segments, default=0), 0, first)
        self._note_written()
        with suppress(OSError):
            self._save_checkpoint(self._read)  # so that the loss of its first segment is known too
        if self.records:
            log.info("spool taken up", directory=str(self._directory), records=self.records, bytes=self.size)

    def _take_possession(self) -> None:
        """Two processes on one spool would strike each other's records.

        :raises OSError: the disk does not take even this; what is there is locked as far as it can be read.
        """
        if self._lock is None:
            try:
                self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                lock = os.open(self._directory / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
            except OSError:
                with suppress(OSError):
                    self._flock(os.open(self._directory / "lock", os.O_RDONLY))
                raise
            self._flock(lock)
        if self._written is None:
            self._written = os.open(self._directory / "written", os.O_RDWR | os.O_CREAT, 0o600)

    def _flock(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise SpoolTaken(
                f"another process works on {self._directory}; end it, or give this one another mqtt.client_id"
            ) from error
        self._lock = lock

    def _load_written(self) -> int:
        try:
            return _number((self._directory / "written").read_bytes()[:32])
        except OSError:
            return 0

    def close(self) -> None:
        self._close_tail()
        for descriptor in (self._written, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._written = self._lock = None

    def _close_tail(self) -> None:
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    @property
    def size(self) -> int:
        """Bytes on disk that are not consumed."""
        consumed = self._read.offset if self._read.segment in self._segments else 0
        return max(0, sum(segment.size for segment in self._segments.values()) - consumed)

    @property
    def records(self) -> int:
        """Records that were appended and not consumed, also those that turn out to be lost."""
        return self._next - self._read.number

    def behind(self, position: Position) -> int:
        """Records that were appended after ``position``."""
        return self._next - position.number

    @property
    def directory(self) -> Path:
        return self._directory

    @property
    def most_bytes(self) -> int:
        return self._most_bytes

    # -- in ---------------------------------------------------------------------------------------------------------

    def append(self, records: Sequence[bytes]) -> Position:
        """Write ``records`` and sync them: when this returns they are safe. The position behind the last one.

        :raises SpoolFull: the bound or the disk is reached; none of ``records`` was kept.
        """
        block = block_of(records)
        if self.size + len(block) > self._most_bytes:
            raise SpoolFull(f"the spool {self._directory} holds its {self._most_bytes} bytes")
        if self._written is None:
            self._begin_writing()
        newest = max(self._segments, default=self._read.segment)
        if self._tail is None or self._segments[newest].size >= self._segment_bytes:
            newest = self._next_segment(newest)
        tail, segment = self._tail, self._segments[newest]
        assert tail is not None
        if segment.size == 0:
            block = head_of(self._next) + block
        try:
            rest = memoryview(block)
            while rest:
                rest = rest[tail.write(rest) :]
            os.fdatasync(tail.fileno())
        except OSError as error:
            self._undo(newest, segment.size)
            raise SpoolFull(f"the spool {self._directory} cannot be written: {error.strerror}") from error
        if os.fstat(tail.fileno()).st_nlink == 0:
            # Somebody removed the file under us: what is in it is lost, but not these.
            log.error("spool segment is gone", segment=newest, records=segment.records)
            self._forget(newest)
            return self.append(records)
        segment.size += len(block)
        segment.records += len(records)
        self._next += len(records)
        self._note_written()
        return Position(newest, segment.size, self._next)

    def _begin_writing(self) -> None:
        """The disk took nothing when the spool was opened; it may by now."""
        try:
            self._take_possession()
        except (OSError, SpoolTaken) as error:
            raise SpoolFull(f"the spool {self._directory} cannot be written: {error}") from error
        self._note_written()

    def _next_segment(self, newest: int) -> int:
        """Open the segment to append to: a fresh one, so that nothing is ever written behind a torn record."""
        self._close_tail()
        segment = newest + 1
        try:
            self._tail = self._path(segment).open("ab", buffering=0)
            self._sync_directory()
        except OSError as error:
            self._close_tail()
            raise SpoolFull(f"the spool {self._directory} cannot be written: {error.strerror}") from error
        self._segments[segment] = new_segment(self._next)
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

    def peek(self, most: int) -> Peeked:
        """Up to ``most`` of the oldest records, the position to `consume` once they are safe elsewhere, what is lost
        between them or, where nothing is left after them, behind them.
        """
        found: list[bytes] = []
        gaps: list[Gap] = []
        position = self._read
        for record, behind in self.walk():
            missing = behind.number - 1 - position.number
            if missing > 0:
                gaps.append(Gap(len(found), position.number, missing))
            found.append(record)
            position = behind
            if len(found) == most:
                return Peeked(found, position, gaps)
        missing = self._next - position.number
        if missing > 0:
            gaps.append(Gap(len(found), position.number, missing))
            position = position._replace(number=self._next)
        return Peeked(found, position, gaps)

    def consume(self, position: Position) -> None:
        """Everything up to ``position`` is safe elsewhere; forget it."""
        self._read = position
        self._save_checkpoint(position)
        for segment in [s for s in self._segments if s < position.segment]:
            self._forget(segment)
        last = self._segments.get(position.segment)
        if self.records == 0 and last is not None and last.size == position.offset:
            # Drained: begin anew, so that an idle spool takes no room.
            self._forget(position.segment)
            self._read = position._replace(segment=position.segment + 1, offset=0)
            self._save_checkpoint(self._read)

    def _forget(self, segment: int) -> None:
        if self._tail is not None and segment == max(self._segments, default=None):
            self._close_tail()
        self._segments.pop(segment, None)
        self._path(segment).unlink(missing_ok=True)

    def walk(self) -> Iterator[tuple[bytes, Position]]:
        """Every record that was not consumed and can be read, with the position behind it."""
        number = self._read.number
        waiting = sorted(s for s in self._segments if s >= self._read.segment)
        for segment, following in zip(waiting, [*waiting, None][1:], strict=True):
            known = self._segments[segment]
            end = self._segments[following].first if following is not None else None
            offset = known.begin
            if segment == self._read.segment and self._read.offset > offset:
                offset = self._read.offset
            elif known.first is not None:
                number = known.first
            for record, behind in read_records(self._path(segment), offset, known.size):
                if end is not None and number >= end:
                    break  # never acknowledged: its number was given out again
                number, offset = number + 1, behind
                yield record, Position(segment, behind, number)
            else:
                if offset < known.size:
                    self._keep_aside(segment, offset)

    # -- disk -------------------------------------------------------------------------------------------------------

    def _load_segment(
        self, segment: int, start: Position | None, expected: int | None, written: int, last: bool
    ) -> Segment:
        """What ``segment`` holds. ``start``: where reading goes on in it; ``expected``: the number that ought to come;
        what is broken at the ``last`` one's end and was never ``written`` is cut off, all else is kept aside.
        """
        path = self._path(segment)
        there = path.stat().st_size
        known = open_segment(path)
        before = 0
        for _, behind in read_records(path, known.begin, there):
            known.size = behind
            known.records += 1
            before += start is not None and behind <= start.offset
        if known.first is None and known.records:
            # Of the time before records were numbered: they are numbered on from where reading goes on.
            known.first = start.number - before if start else expected or 0
        if there > known.size:
            end = (expected or 0 if known.first is None else known.first) + known.records
            if last and end >= written:
                log.info("torn record cut off", segment=segment, bytes=there - known.size)
                with suppress(OSError):  # it is never written again, and read no further than this
                    os.truncate(path, known.size)
            else:
                self._keep_aside(segment, known.size)
        return known

    def _keep_aside(self, segment: int, offset: int) -> None:
        """What stands in ``segment`` from ``offset`` on cannot be read: it is named, kept, and read no more."""
        path, aside = self._path(segment), self._path(segment).with_suffix(".broken")
        log.error("spool segment is damaged; what cannot be read is kept aside", segment=segment, file=str(aside))
        if known := self._segments.get(segment):
            known.size = offset
            if segment == max(self._segments):
                self._close_tail()
        with suppress(OSError):
            with path.open("rb") as file, aside.open("wb") as kept:
                file.seek(offset)
                shutil.copyfileobj(file, kept)
            os.truncate(path, offset)

    def _load_checkpoint(self) -> Position | None:
        try:
            segment, offset, *number = (self._directory / "consumed").read_text("ascii").split()
            return Position(int(segment), int(offset), int(number[0]) if number else 0)
        except (OSError, ValueError):
            return None

    def _save_checkpoint(self, position: Position) -> None:
        """Not synced: an old checkpoint only means that some records are seen twice."""
        fresh = self._directory / "consumed.new"
        fresh.write_text(f"{position.segment} {position.offset} {position.number}", "ascii")
        fresh.replace(self._directory / "consumed")

    def _note_written(self) -> None:
        """After the sync and not synced itself: it never names a record that is not safe."""
        if self._written is None:
            return
        with suppress(OSError):
            os.pwrite(self._written, b"%020d" % self._next, 0)

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _path(self, segment: int) -> Path:
        return self._directory / f"{segment:010d}.seg"


def _number(text: bytes) -> int:
    try:
        return int(text)
    except ValueError:
        return 0
