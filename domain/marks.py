"""Marks: what detectors remember from one message to the next, as one entry of a log that is read at a restart."""

from __future__ import annotations

import msgspec


class Marks(msgspec.Struct, frozen=True, gc=False):
    """``entry`` is of the detectors' own making (b"" = nothing). Once it is written, entries of generations before
    ``obsolete_before`` are needless.
    """

    generation: int
    entry: bytes
    obsolete_before: int = 0
