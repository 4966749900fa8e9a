"""Marks of many devices as one row: numbers, packed.

What most messages change is the same few numbers of a device that is as it was. A row, or even a tuple, for each of
them would cost more than to judge the message; so they are noted in one flat list, and packed when they are written.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from sys import byteorder
from typing import Any

#: The number of no device: its row holds the marks of many, and comes before the others.
MANY = -1


def packed(numbers: Sequence[float]) -> tuple[int, bytes]:
    """A row that holds ``numbers``, exactly."""
    flat = array("d", numbers)
    if byteorder == "big":
        flat.byteswap()
    return MANY, flat.tobytes()


def unpacked(row: Sequence[Any], width: int) -> Iterator[tuple[Any, ...]]:
    """What was packed, in tuples of ``width``; nothing of it where it is of another width."""
    content = row[1]
    layout = Struct(f"<{width}d")
    if len(content) % layout.size:
        return iter(())
    found: Iterable[tuple[Any, ...]] = layout.iter_unpack(content)
    return iter(found)
