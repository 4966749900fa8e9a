"""Whether something hides a part of the picture, or all of it: cell by cell, from what a view is known to show."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.pictures.look import CELLS, Floats, quantile

#: What a whole cover scores, and the most that one of a part may.
WHOLE, MOST_OF_A_PART = 4.0, 2.0
#: Of less of the detail than this nothing can hide that is told by its size: a lamp shines on plain ground as well.
LEAST_HIDDEN = 0.03
#: How much a cover counts that is told by the places alone that are certain.
SMALL = 1.5


def covered(
    agreement: Floats,
    known: Floats,
    shown: Floats,
    bare: NDArray[np.bool_],
    empty: bool,
    floor: float,
    recoloured: NDArray[np.bool_],
) -> tuple[float | None, tuple[float, float, float, float] | None]:
    """A cover is near the lens and out of focus: where the outline is another one, all fine detail is gone. How much it
    hides is told by its share of the detail and by its share of the picture; both are added.

    A bus that parks there brings edges of its own; fog takes some detail everywhere and leaves the outline; so does a
    lens that is out of focus, and what is lost agrees all the same. ``bare`` are cells in which grain is all there is;
    ``empty``: so it is in nearly all of them; ``floor`` the detail that grain makes in the view; ``recoloured`` cells
    changed otherwise than the rest. Returns ``covered`` and ``region`` of `view.Comparison`.
    """
    told = known > max(0.7, 0.35 * floor)
    if int(told.sum()) < 24:
        return None, None
    cells = np.asarray(cv2.resize(agreement, CELLS, interpolation=cv2.INTER_AREA), np.float32)
    left = shown[told] / known[told]
    typical = float(np.clip(quantile(left, 0.75), 0.3, 1.0))
    # In the dark JPEG leaves out what has become too faint.
    told &= known * typical > 0.7
    if int(told.sum()) < 24:
        return None, None
    lost = told & ((shown < 0.35 * typical * known) | bare)
    # Detail in other places than before.
    novel = (shown > 0.5 * quantile(known[told], 0.5)) & (cells < 0.3) & ~bare
    few = int(novel.sum()) <= 0.1 * int(told.sum())
    if not empty and not few and float(cells[told].mean()) < 0.2:
        # Another scene, and no cover.
        return None, None
    if (empty or (few and float(lost[told].mean()) > 0.8)) and float(cells[told].mean()) < 0.35:
        return WHOLE, (0.0, 0.0, 1.0, 1.0)
    sharp = typical > 0.5
    # Where most of the picture is as sharp as ever, the lens is in focus.
    if typical < 0.75 and int((lost & (cells >= 0.45)).sum()) > (0.65 if sharp else 0.5) * int(lost.sum()):
        return 0.0, None
    other = (cells < 0.45) & (lost | ~told | (shown < 0.5 * known))
    count, labels = cv2.connectedComponents(other.astype(np.uint8), connectivity=8)
    best, where = 0.0, 0
    for label in range(1, count):
        share = float((lost & (labels == label)).sum()) / float(told.sum())
        if share > best:
            best, where = share, label
    if not where:
        return 0.0, None
    rest = told & (labels != where)
    elsewhere = 0.4 if int(novel.sum()) > 0.25 * int(told.sum()) else 0.25
    if rest.sum() > 0.25 * told.sum() and float(cells[rest].mean()) < elsewhere:
        # The rest is not what it was either: the camera looks elsewhere.
        return None, None
    best *= SMALL
    if sharp:
        plain = ~told & ((shown < 0.5) | bare)
        recoloured = plain & recoloured
        patch = _patch((lost & (cells < 0.45)) | (recoloured & (cells < 0.7)), labels == where)
        best = min(best, SMALL * (patch + 0.08)) + SMALL * patch
        # A small one shows in this way, one before what is plain in the other.
        thing, place = _smooth_thing(told, lost, recoloured & (cells < 0.75), ~told & (shown > 0.5) & ~bare, cells)
        if thing > best:
            return min(thing, MOST_OF_A_PART), _box(place)
    return min(best, MOST_OF_A_PART), _box(labels == where)


def _box(cells: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of what is true, in shares."""
    x, y, wide, high = cv2.boundingRect(cells.astype(np.uint8))
    return x / CELLS[0], y / CELLS[1], (x + wide) / CELLS[0], (y + high) / CELLS[1]


def _smooth_thing(
    told: NDArray[np.bool_],
    lost: NDArray[np.bool_],
    recoloured: NDArray[np.bool_],
    novel: NDArray[np.bool_],
    cells: Floats,
) -> tuple[float, NDArray[np.bool_]]:
    """How much is hidden behind the one thing that comes in from a side and hides most (its share of the detail, and of
    the picture), and where it is. What speaks for such a thing in each cell and what against it is spread over the
    neighbours: a cover is whole, and what snowfall takes of the detail is frayed.
    """
    hidden = lost & (cells < 0.75)
    speaks = np.zeros(told.shape, np.float32)
    speaks[hidden] = 0.3
    speaks[lost & (cells < 0.45)] = 1.0
    speaks[recoloured] = 0.6
    speaks[told & ~lost] = -1.0
    speaks[novel] = -0.5
    spread = cv2.GaussianBlur(speaks, (5, 5), 0, borderType=cv2.BORDER_REPLICATE)
    _, labels = cv2.connectedComponents((spread > 0.22).astype(np.uint8), connectivity=4)
    most, place = 0.0, np.zeros(told.shape, np.bool_)
    for label in set(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]).tolist()) - {0}:
        thing = labels == label
        share = float(thing.mean())
        detail = float((thing & hidden).sum()) / float(told.sum())
        whole = 1.0 - float((speaks[thing] < 0).mean())
        score = (min(detail, share + 0.08) + share) * whole if detail > LEAST_HIDDEN else 0.0
        if score > most:
            most, place = score, thing
    return most, place


def _patch(cells: NDArray[np.bool_], hidden: NDArray[np.bool_]) -> float:
    """Share of the picture that the largest of these patches takes which comes in from a side, has no frayed edges, and
    in which something is ``hidden``.
    """
    whole = cv2.morphologyEx(cells.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    _, labels = cv2.connectedComponents(whole, connectivity=8)
    at_side = set(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]).tolist()) - {0}
    at_side &= set(labels[hidden].tolist())
    return max((float((labels == label).mean()) for label in at_side), default=0.0)
