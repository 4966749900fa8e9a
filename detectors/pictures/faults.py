"""The faults of a picture, and which of them leave nothing to judge for the others."""

from __future__ import annotations

from enum import StrEnum


class PictureFault(StrEnum):
    """Gravest first: where two stand at once, the first is the one that people are told of."""

    NO_SIGNAL = "no_signal"  # a test screen, a blue or grey field, a text that a recorder draws
    BLACK = "black"
    OVEREXPOSED = "overexposed"
    STRIPES = "stripes"
    SNOW = "snow"  # single pixels of a failing sensor or cable
    NOISE = "noise"  # grain over the whole picture
    COVERED = "covered"  # in part or whole
    BLURRED = "blurred"  # out of focus, a greasy dome
    MOVED = "moved"  # shifted, turned away
    COLOUR_CAST = "colour_cast"
    FROZEN = "frozen"


#: What a fault puts on top of the scene; the others change what the scene shows.
ADDED = frozenset({PictureFault.STRIPES, PictureFault.SNOW, PictureFault.NOISE, PictureFault.COLOUR_CAST})

#: A standing suspicion of the key says nothing can be learnt about the values from this picture.
HIDES: dict[PictureFault, frozenset[PictureFault]] = {
    PictureFault.NO_SIGNAL: frozenset(PictureFault) - {PictureFault.NO_SIGNAL},
    PictureFault.BLACK: frozenset(PictureFault) - {PictureFault.BLACK, PictureFault.NO_SIGNAL},
    PictureFault.OVEREXPOSED: frozenset(
        {
            PictureFault.COVERED,
            PictureFault.BLURRED,
            PictureFault.MOVED,
            PictureFault.COLOUR_CAST,
            PictureFault.STRIPES,
            PictureFault.NOISE,
        }
    ),
    PictureFault.SNOW: frozenset(
        {
            PictureFault.NOISE,
            PictureFault.BLURRED,
            PictureFault.COVERED,
            PictureFault.MOVED,
            PictureFault.COLOUR_CAST,
        }
    ),
    PictureFault.NOISE: frozenset({PictureFault.BLURRED, PictureFault.COVERED}),
    PictureFault.STRIPES: frozenset(
        {
            PictureFault.SNOW,
            PictureFault.NOISE,
            PictureFault.MOVED,
            PictureFault.COVERED,
            PictureFault.BLURRED,
        }
    ),
    PictureFault.COVERED: frozenset({PictureFault.MOVED, PictureFault.BLURRED, PictureFault.COLOUR_CAST}),
    PictureFault.BLURRED: frozenset({PictureFault.MOVED}),
    PictureFault.MOVED: frozenset({PictureFault.COLOUR_CAST}),
    PictureFault.COLOUR_CAST: frozenset(),
    PictureFault.FROZEN: frozenset(),
}
