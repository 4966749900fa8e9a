"""The score above which a picture is suspect: for each camera and fault, learnt from the camera's own good pictures.

Every fault has a score that grows with it, in its own unit. A camera starts at ``start`` and learns what its good
pictures score; its limit lies a margin above the highest of them, which fades by one part in ``FADE`` with each good
picture. ``most`` is where learning ends: a picture beyond it shows the fault on any camera.
The numbers were chosen on the training scenes of `benchmarks.patrol_scenes` and on no others.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from detectors.pictures.faults import PictureFault

FADE = 512
#: So many good pictures of a light settle a camera. Until then only what is beyond ``most`` is suspect: it is put up by
#: people who see what it shows, and has to see a morning, a noon and an evening before it knows what is usual.
SETTLED = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Where a camera's limit may lie, and how far above its own good pictures."""

    start: float
    most: float
    margin: float
    factor: float = 1.0
    #: How far one good picture draws the highest score up to its own: where a fault that has just begun may look like a
    #: good picture, a part of the way.
    pace: float = 1.0


RANGES: dict[PictureFault, Range] = {
    # Share of what speaks for a drawn screen.
    PictureFault.NO_SIGNAL: Range(start=0.50, most=0.90, margin=0.15),
    # 40 grey levels over the level that one pixel in a hundred exceeds.
    PictureFault.BLACK: Range(start=0.75, most=6.0, margin=0.2, factor=1.4),
    # Share of the pixels without a shade left, or half of that which is nearly white and was not.
    PictureFault.OVEREXPOSED: Range(start=0.18, most=0.85, margin=0.12, pace=0.5),
    # Share of the pixels that stand alone.
    PictureFault.SNOW: Range(start=0.0065, most=0.05, margin=0.003, factor=1.3),
    # Grey levels of grain more than usual.
    PictureFault.NOISE: Range(start=3.2, most=16.0, margin=1.5, factor=1.2, pace=0.5),
    # Grey levels of a pattern across the whole picture.
    PictureFault.STRIPES: Range(start=2.8, most=9.0, margin=1.0, factor=1.2, pace=0.5),
    # Share of the detail that is hidden behind one smooth thing, and its share of the picture, together; what is told
    # by certain places alone counts half as much again. All of it scores `cover.WHOLE`.
    PictureFault.COVERED: Range(start=0.27, most=0.6, margin=0.08, factor=1.25, pace=0.25),
    # Octaves of fine detail lost.
    PictureFault.BLURRED: Range(start=0.42, most=2.0, margin=0.15, factor=1.1),
    # 1 = the outline agrees nowhere; or the shift, of which 4% of the width counts as 1.
    PictureFault.MOVED: Range(start=0.48, most=0.9, margin=0.08),
    # Logarithm of the channels' ratio: 0.25 is 28% too much of green.
    PictureFault.COLOUR_CAST: Range(start=0.08, most=0.45, margin=0.035, factor=1.05, pace=0.5),
    # Share of the places in which not one pixel changed.
    PictureFault.FROZEN: Range(start=0.75, most=0.985, margin=0.15),
}


class Limit(msgspec.Struct, frozen=True, array_like=True):
    """``highest`` score of good pictures, fading; ``taught`` what a person said is no fault."""

    highest: float = 0.0
    taught: float = 0.0


def limit(fault: PictureFault, learnt: Limit | None, *, settled: bool = True) -> float:
    """The score at which ``fault`` is suspected."""
    span = RANGES[fault]
    if not settled:
        return max(span.most, learnt.taught if learnt else 0.0)
    if learnt is None:
        return span.start
    own = learnt.highest * span.factor + span.margin
    # What a person said weighs more than what we think no camera may do.
    return max(min(max(span.start, own), span.most), learnt.taught)


def learnt(fault: PictureFault, old: Limit | None, score: float) -> Limit:
    """``old`` with the score of one more good picture."""
    if old is None:
        return Limit(highest=score)
    fading = old.highest * (1 - 1 / FADE)
    return Limit(highest=fading + max(score - fading, 0.0) * RANGES[fault].pace, taught=old.taught)


def taught(fault: PictureFault, old: Limit | None, score: float) -> Limit:
    """A person looked at a picture of this score and saw no fault: such a score raises no more suspicion."""
    span = RANGES[fault]
    known = old or Limit()
    return Limit(highest=known.highest, taught=max(known.taught, score * span.factor + span.margin / 2))
