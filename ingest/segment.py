"""One file of a spool: a head, and records of a length, a CRC-32 and the bytes.

The head names the number of the first record. Files of the time before records were numbered have none.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_RECORD = struct.Struct("<II")  # length, CRC-32 of the bytes
_HEAD = struct.Struct("<8sQ")  # what it is, and the number of its first record
#: Read as a length it is above `LONGEST_RECORD`: a file without a head is told apart.
_MARK = b"cwspool2"
#: No record is longer: a payload is bounded far below it.
LONGEST_RECORD = 32 * 1024 * 1024


@dataclass(slots=True)
class Segment:
    """``first``: number of its first record; None where that is not known. Records begin at ``begin``; ``size``: bytes
    that are whole, ``records``: how many records they are.
    """

    first: int | None
    begin: int
    size: int = 0
    records: int = 0


def new_segment(first: int) -> Segment:
    """One that nothing was written to yet."""
    return Segment(first, _HEAD.size)


def open_segment(path: Path) -> Segment:
    """What the head of ``path`` says; its records are not looked at."""
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
    if len(head) == _HEAD.size and head.startswith(_MARK):
        return Segment(int(_HEAD.unpack(head)[1]), _HEAD.size, size=_HEAD.size)
    return Segment(None, 0)


def head_of(first: int) -> bytes:
    return _HEAD.pack(_MARK, first)


def block_of(records: Sequence[bytes]) -> bytes:
    return b"".join(_RECORD.pack(len(record), zlib.crc32(record)) + record for record in records)


def read_records(path: Path, offset: int, size: int) -> Iterator[tuple[bytes, int]]:
    """The records from ``offset`` to ``size``, up to the first that is not whole; each with the offset behind it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        while offset < size:
            header = file.read(_RECORD.size)
            length, crc = _RECORD.unpack(header) if len(header) == _RECORD.size else (LONGEST_RECORD + 1, 0)
            record = file.read(length) if length <= LONGEST_RECORD else b""
            if length > LONGEST_RECORD or len(record) < length or zlib.crc32(record) != crc:
                return
            offset += _RECORD.size + length
            yield record, offset
