"""How much of each fault one picture shows: a score that grows with the fault, or None where it cannot be told."""

from __future__ import annotations

import numpy as np

from detectors.pictures.cover import WHOLE
from detectors.pictures.faults import PictureFault
from detectors.pictures.look import SAMPLES, Look
from detectors.pictures.view import FEWEST_PLACES, SHIFTED, Comparison

#: A shift of this share of the width scores 1.
WHOLE_SHIFT = 0.04

Scores = dict[PictureFault, float | None]

#: A picture that looks like a drawn screen that much is not told to be none by what is missing on it.
EVEN = 0.3

#: How much nearly white places count that were not white before, beside pixels without a shade left.
WASHED = 0.5

#: What can be told of a picture by itself; all else needs a view of the camera.
ALONE = (PictureFault.NO_SIGNAL, PictureFault.BLACK, PictureFault.OVEREXPOSED, PictureFault.FROZEN)


def alone(shown: Look, previous_grain: bytes) -> Scores:
    """Scores that need no view: the picture itself, and the grain of the picture before."""
    return {
        PictureFault.NO_SIGNAL: _drawn(shown),
        PictureFault.BLACK: 40.0 / (shown.high + 1.0),
        PictureFault.OVEREXPOSED: shown.clipped,
        PictureFault.FROZEN: _still(shown, previous_grain),
    }


def against(comparison: Comparison, by_itself: Scores) -> Scores:
    """Scores of a picture beside what the camera is known to show; ``by_itself``: those of `alone`."""
    turned = 1.0 - max(comparison.match, 0.0)
    scores = dict(by_itself)
    if not comparison.drawn and (scores[PictureFault.NO_SIGNAL] or 0.0) > EVEN:
        # A lid can be as even as a screen, by night above all. Nothing is written on it; but then a text may be away
        # for a while, so what stands, stands.
        scores[PictureFault.NO_SIGNAL] = None
    if comparison.covered == WHOLE:
        # Behind a lid nothing moves.
        scores[PictureFault.FROZEN] = None
    return scores | {
        # What is white for want of light to spare is hardly clipped yet where it was grey before.
        PictureFault.OVEREXPOSED: max(scores[PictureFault.OVEREXPOSED] or 0.0, WASHED * comparison.washed),
        PictureFault.SNOW: comparison.impulses,
        PictureFault.NOISE: comparison.noise,
        PictureFault.STRIPES: comparison.stripes,
        PictureFault.COVERED: comparison.covered,
        # Where the outline is another one, its sharpness says nothing about the lens.
        PictureFault.BLURRED: comparison.softness if comparison.match > 0.25 and comparison.shift < SHIFTED else None,
        PictureFault.MOVED: max(turned, min(1.0, comparison.shift / WHOLE_SHIFT)),
        PictureFault.COLOUR_CAST: comparison.cast,
    }


def _drawn(shown: Look) -> float:
    """A screen that a machine draws is flat to the last bit and has few levels. White and black are other faults."""
    if shown.clipped > 0.5 or shown.high < 40:
        return 0.0
    # A slope from dark to light has many levels. What of a view is ruled like that has some detail left beside it.
    empty = float((shown.fine < 1.0).mean())
    return max(min(shown.plain, shown.levels), min(2.0 * shown.ruled - 1.0, empty))


def _still(shown: Look, previous: bytes) -> float | None:
    """Share of the places that did not change in one pixel. A living sensor has grain."""
    if len(previous) != shown.grain.size:
        return None
    before = np.frombuffer(previous, np.uint8).reshape(shown.grain.shape)
    # Where all is black or white, there is no grain to see.
    level = shown.grain.mean(axis=1)
    living = (level > 6) & (level < 248)
    if int(living.sum()) < FEWEST_PLACES:
        return None
    apart = np.abs(shown.grain.astype(np.int16) - before).max(axis=1)
    return float((apart[living] <= 1).mean())


assert SAMPLES[0] * SAMPLES[1] > 4 * FEWEST_PLACES
