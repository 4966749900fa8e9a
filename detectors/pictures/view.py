"""What a camera is known to show, by day or by night: the running mean of its good pictures, about 12 kB.

And how a new picture compares with it. Light may change as it likes: what is compared is where edges are, how sharp
they are beside how coarse they are, and what the colours of the same places are to each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.pictures.cover import WHOLE, covered
from detectors.pictures.look import CELLS, COLUMNS, OUTLINE, ROWS, Floats, Look, quantile, ratios

#: How much the newest good picture counts in the running mean once the view is learnt: autumn takes weeks.
NEWEST = 1 / 16
#: Of fewer cells with detail than this (of 576) sharpness is not told.
ENOUGH = 60
#: The way that light itself changes colour, between the sky and a lamp: red against green, blue against green. Along it
#: a change counts so much.
DAYLIGHT, ALONG = (0.55, -0.835), 0.25
#: How much of grey is blue, green and red.
GREYS = np.array([0.114, 0.587, 0.299], np.float32)
#: Of fewer cells with all their channels in range, colour is told by others as well, and counts so much.
ENOUGH_COLOUR, UNCLEAR = 80, 0.6
#: How much of a colour may be left behind a veil, and how much more there is without it.
VEILED = (0.2, 5.0)
#: How far from grey a picture in infrared is at most, and one in colours at least.
GREY, COLOURED = 0.01, 0.05
#: Of fewer living places than this, nothing is told of grain.
FEWEST_PLACES = 24
#: Fine detail of lines and letters that a machine draws, in so many cells at least; and how many levels
#: the channels of a blue field without any are apart.
SHARP, FEWEST_SHARP, ONE_COLOUR = 5.0, 2, 60.0
#: Nearly white, and so many grey levels brighter than it was.
WHITE, WHITER = 225, 30
#: A shift of so much of the width is no wind.
SHIFTED = 0.02


class View(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Arrays as bytes: the outline as uint8, all others as float16."""

    pictures: int
    noise: float
    floor: float
    impulses: float
    outline: bytes
    fine: bytes
    coarse: bytes
    channels: bytes
    rows: bytes
    columns: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a picture differs from a view.

    ``match`` of the outlines, 1 = the same edges everywhere, about 0 = another scene. ``shift`` in shares of the width,
    0 unless the outlines fit better so; ``softness`` in octaves of fine detail lost; ``covered`` share of what the view
    shows that is hidden behind one smooth thing, and of the picture (together), `cover.WHOLE` = all of it; ``region``
    its place as (left, top, right, bottom) in shares, or of what does not match; ``cast`` as the logarithm of the
    channels' ratio; ``washed`` share of the picture that is nearly white and was not; ``stripes`` and ``noise`` in grey
    levels; None = the view has too little detail to tell. ``drawn``: something is as sharp as a machine draws it where
    nothing was, or all of it is of one strong colour.
    """

    match: float
    shift: float
    softness: float | None
    covered: float | None
    region: tuple[float, float, float, float] | None
    cast: float | None
    washed: float
    stripes: float | None
    noise: float
    impulses: float
    drawn: bool


def seen(view: View | None, new: Look) -> View:
    """``view`` with one more good picture in it."""
    if view is None:
        return _packed(
            1,
            new.noise,
            new.floor,
            new.impulses,
            new.outline.astype(np.float32),
            new.fine,
            new.coarse,
            new.channels,
            new.rows,
            new.columns,
        )
    share = np.float32(max(NEWEST, 1 / (view.pictures + 1)))

    def mean(old: Floats, latest: Floats) -> Floats:
        return old + (latest - old) * share

    return _packed(
        view.pictures + 1,
        view.noise + (new.noise - view.noise) * float(share),
        view.floor + (new.floor - view.floor) * float(share),
        view.impulses + (new.impulses - view.impulses) * float(share),
        mean(outline(view), new.outline.astype(np.float32)),
        mean(_floats(view.fine, CELLS), new.fine),
        mean(_floats(view.coarse, CELLS), new.coarse),
        mean(channels(view), new.channels),
        mean(_line(view.rows), new.rows),
        mean(_line(view.columns), new.columns),
    )


def outline(view: View) -> Floats:
    """The view as a small grey picture, `OUTLINE` in size."""
    return np.frombuffer(view.outline, np.uint8).reshape(OUTLINE[::-1]).astype(np.float32)


def compared(view: View, new: Look, previous: bytes = b"") -> Comparison:
    """``previous``: the grain of the picture before, where there is one."""
    known, shown = outline(view), new.outline.astype(np.float32)
    agreement, weight = _agreement(known, shown)
    match = _mean(agreement, weight)
    fine, coarse = _floats(view.fine, CELLS), _floats(view.coarse, CELLS)
    fine_known, fine_shown = _above(fine, view.floor), _above(new.fine, new.floor)
    shift = _shift(known, shown, agreement, weight)
    bare = new.fine < 1.3 * new.floor
    # Grain alone is about the same everywhere; a scene is not.
    empty = _evenly(new.fine, new.floor) < 2.0 and _evenly(fine, view.floor) > 2.5
    hidden, region = covered(agreement, fine_known, fine_shown, bare, empty, view.floor, _recoloured(view, new))
    stripes = max(_added(_line(view.rows), new.rows), _added(_line(view.columns), new.columns))
    # What is left of grain and of single pixels in a mean over a strip.
    grain = 0.06 * (new.noise + 150.0 * float(np.sqrt(new.impulses)))
    same = shift < SHIFTED and match > 0.2
    return Comparison(
        match=match,
        shift=shift,
        softness=_softness(fine_known, coarse, fine_shown, new.coarse, _brighter(view, new)),
        # Of a whole cover no shift is to be believed.
        covered=hidden if shift < SHIFTED or hidden == WHOLE else None,
        region=region or _strange(agreement, weight),
        cast=_cast(view, new),
        # Behind white paper the outline is another one.
        washed=float(((shown >= WHITE) & (shown >= known + WHITER)).mean()) if match > 0.4 else 0.0,
        stripes=max(stripes - grain, 0.0) if same or stripes > 20 else None,
        noise=float(np.sqrt(max(max(new.noise, _grain(new, previous)) ** 2 - view.noise**2, 0.0))),
        impulses=max(new.impulses - view.impulses, 0.0),
        drawn=int(((new.fine > SHARP) & (new.fine > 2 * fine)).sum()) >= FEWEST_SHARP
        or float(np.ptp(new.channels, axis=2).mean()) > ONE_COLOUR,
    )


def _grain(new: Look, previous: bytes) -> float:
    """Grain where no cell is flat, or where the flat ones are white: what of small places the picture before does not
    explain. People, wind and the sun's way are in it as well, so what an eighth of the places stays below counts.
    """
    if len(previous) != new.grain.size:
        return 0.0
    before = np.frombuffer(previous, np.uint8).reshape(new.grain.shape).astype(np.float32)
    level = new.grain.mean(axis=1)
    living = (level > 12) & (level < 228)
    if int(living.sum()) < FEWEST_PLACES:
        return 0.0
    now, then = new.grain[living].astype(np.float32), before[living]
    now, then = now - now.mean(axis=1, keepdims=True), then - then.mean(axis=1, keepdims=True)
    alike = np.maximum((now * then).sum(axis=1), 0.0)
    left = (now * now).sum(axis=1) - alike**2 / np.maximum((then * then).sum(axis=1), 1.0)
    return float(np.sqrt(max(quantile(left, 0.12), 0.0) / (now.shape[1] - 2)))


def agreement(view: View, new: Look) -> Floats:
    """Where the picture agrees with the view, for people to look at: `OUTLINE` in size, -1 to 1."""
    return _agreement(outline(view), new.outline.astype(np.float32))[0]


def likeness(view: View, new: Look, *, empty: float = 1.0) -> float:
    """`Comparison.match` alone; ``empty`` where the view has no edges."""
    there, weight = _agreement(outline(view), new.outline.astype(np.float32))
    return _mean(there, weight) if weight.any() else empty


def _agreement(known: Floats, shown: Floats) -> tuple[Floats, Floats]:
    """Normalised correlation about each place, and how much each place has to say."""

    def near(values: Floats) -> Floats:
        return np.asarray(cv2.blur(values, (7, 7), borderType=cv2.BORDER_REFLECT), np.float32)

    known_mean, shown_mean = near(known), near(shown)
    known_var = np.maximum(near(known * known) - known_mean**2, 0)
    shown_var = np.maximum(near(shown * shown) - shown_mean**2, 0)
    both = near(known * shown) - known_mean * shown_mean
    agreement = both / np.sqrt((known_var + 1) * (shown_var + 1))
    deviation = np.sqrt(known_var)
    return agreement, np.where(deviation > 2, np.minimum(deviation, 12), 0).astype(np.float32)


def _mean(values: Floats, weight: Floats) -> float:
    total = float(weight.sum())
    return float((values * weight).sum()) / total if total > 0 else 1.0


_WINDOW = np.asarray(cv2.createHanningWindow(OUTLINE, cv2.CV_32F), np.float32)


def _shift(known: Floats, shown: Floats, there: Floats, known_weight: Floats) -> float:
    """How far the picture has moved, in shares of its width; 0 where no shift makes the outlines fit much better."""
    (right, down), peak = cv2.phaseCorrelate(_edges(known), _edges(shown), _WINDOW)
    if abs(right) > OUTLINE[0] / 3 or abs(down) > OUTLINE[1] / 3:
        return 0.0
    way = np.array([[1, 0, right], [0, 1, down]], np.float32)
    moved = np.asarray(cv2.warpAffine(known, way, OUTLINE, borderMode=cv2.BORDER_REPLICATE), np.float32)
    inside = cv2.warpAffine(np.ones_like(known), way, OUTLINE) > 0.99
    agreement, weight = _agreement(moved, shown)
    stays = min(_mean(there, known_weight), _mean(there, known_weight * inside))
    gain = _mean(agreement, weight * inside) - stays
    # Diagonals of a wide picture count as people see them: a pixel of the outline is as high as it is wide at 16:9.
    return float(np.hypot(right, down)) / OUTLINE[0] if gain > (0.04 if peak > 0.12 else 0.08) else 0.0


def _edges(values: Floats) -> Floats:
    mean = cv2.blur(values, (9, 9), borderType=cv2.BORDER_REFLECT)
    var = cv2.blur(values * values, (9, 9), borderType=cv2.BORDER_REFLECT) - mean**2
    return np.asarray((values - mean) / np.sqrt(np.maximum(var, 0) + 4), np.float32)


def _evenly(fine: Floats, floor: float) -> float:
    """How much more detail the richer cells have than the poorest."""
    return quantile(fine, 0.85) / max(floor, 0.2)


def _above(fine: Floats, floor: float) -> Floats:
    """Detail that noise cannot have made; it varies by a tenth or two from cell to cell."""
    return np.asarray(np.sqrt(np.maximum(fine**2 - (1.15 * floor) ** 2, 0)), np.float32)


def _brighter(view: View, new: Look) -> Floats:
    """How much brighter each cell is than it was."""
    return np.asarray((_grey(new.channels) + 8) / (_grey(channels(view)) + 8), np.float32)


def _softness(
    known: Floats, known_coarse: Floats, shown: Floats, shown_coarse: Floats, brighter: Floats
) -> float | None:
    """Octaves of fine detail lost, where there was most of it: beside the coarse, and beside the light. The lesser
    counts, as the sun on a wall and shadows are coarse and not fine. A median: the clock that the camera draws into its
    picture stays sharp.
    """
    # In fog and dusk JPEG leaves out what has become too faint, and that says nothing about the lens.
    told = (
        (known_coarse > 0.8)
        & (shown_coarse > 0.5)
        & (known * np.minimum(shown_coarse / np.maximum(known_coarse, 0.8), 1) > 0.8)
    )
    if int(told.sum()) < ENOUGH:
        return None
    sharpest = told & (known >= quantile(known[told], 0.40))
    left = shown[sharpest] / known[sharpest]
    beside_coarse = quantile(left * known_coarse[sharpest] / shown_coarse[sharpest], 0.5)
    beside_light = quantile(np.asarray(left / np.maximum(brighter[sharpest], 1.0), np.float32), 0.5)
    ratio = max(beside_coarse, beside_light)
    return max(0.0, -float(np.log2(max(ratio, 1e-2))))


def _recoloured(view: View, new: Look) -> NDArray[np.bool_]:
    """Where brightness or colour changed otherwise than in most of the picture: what was plain may be covered, too."""
    red, blue = np.moveaxis(ratios(new.channels) - _colours(view.channels).ratios, 2, 0)
    colour = np.hypot(red - quantile(red, 0.5), blue - quantile(blue, 0.5))
    light = np.log(_brighter(view, new))
    apart = np.abs(light - quantile(light, 0.5))
    changed = (colour > 0.12) | ((colour > 0.05) & (apart > 0.35))
    # A shadow leaves the colour as it was. By infrared there is none to tell by.
    return np.asarray(changed | (apart > 0.5) if vividness(view) < GREY else changed)


def _grey(levels: Floats) -> Floats:
    return np.asarray(levels @ GREYS, np.float32)


def _strange(agreement: Floats, weight: Floats) -> tuple[float, float, float, float] | None:
    """The box around the largest part that does not match."""
    strange = ((agreement < 0.3) & (weight > 0)).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(strange, connectivity=8)
    if count < 2:
        return None
    x, y, wide, high, _ = (int(value) for value in stats[1 + int(np.argmax(stats[1:, 4]))])
    return x / OUTLINE[0], y / OUTLINE[1], (x + wide) / OUTLINE[0], (y + high) / OUTLINE[1]


def _cast(view: View, new: Look) -> float | None:
    """The change of colour that most places share; and as far as a veil explains it, only what steps share as well.

    Fog, snow and a low sun lay the same grey upon everything, or are gone again: what is green is less green, or more
    so, and before a scene of one colour that looks like a cast. But what stands out of its neighbourhood does so in the
    same colour as before. A channel that fails fails in both.
    """
    known, shown = channels(view), new.channels
    if new.vivid < GREY and vividness(view) > COLOURED:
        # A first night in infrared beside the view of the day.
        return None
    light = _grey(shown)
    lit = (light > 20) & (light < 242)
    if int(lit.sum()) < 40:
        return 0.0
    # A channel that is at its end says less than it should.
    whole = lit & (known.max(axis=2) < 240) & (shown.max(axis=2) < 240)
    # And of one that is nearly black the ratio to the others goes with the light, and says little of its colour.
    clear = whole & (known.min(axis=2) > 20) & (shown.min(axis=2) > 20)
    told = next((cells for cells in (clear, whole) if int(cells.sum()) >= ENOUGH_COLOUR), lit)
    before, after = _colours(view.channels).ratios[told], ratios(shown)[told]
    share = np.clip((after * before).sum(axis=1) / np.maximum((before**2).sum(axis=1), 1e-6), *VEILED)
    beyond = _way(np.median(after - before * share[:, None], axis=0))
    veil = _way(np.median(after - before, axis=0)) - beyond
    steps = _steps(known, shown, whole)
    if steps is not None:
        veil = veil * float(np.clip(_way(steps) @ veil / max(float(veil @ veil), 1e-6), 0.0, 1.0))
    return float(np.hypot(*(beyond + veil))) * (1.0 if told is clear else UNCLEAR)


def _steps(known: Floats, shown: Floats, told: NDArray[np.bool_]) -> Floats | None:
    """How red and blue steps from cell to cell became stronger than green ones, as logarithms."""
    pairs = []
    for axis in (0, 1):
        both = (told[1:] & told[:-1]) if axis == 0 else (told[:, 1:] & told[:, :-1])
        pairs.append((np.diff(known, axis=axis)[both], np.diff(shown, axis=axis)[both]))
    before, after = (np.concatenate(one) for one in zip(*pairs, strict=True))
    # Where a shadow's edge or somebody's coat is now, the step was another one.
    same = (np.abs(before @ GREYS) > 4) & ((before @ GREYS) * (after @ GREYS) > 0)
    if int(same.sum()) < 60:
        return None
    before, after = before[same], after[same]
    strength = (before * after).sum(axis=0) / np.maximum((before**2).sum(axis=0), 1.0)
    strength = np.log(np.maximum(strength, 0.02))
    return np.asarray(strength[[2, 0]] - strength[1], np.float32)


def _way(change: Floats) -> Floats:
    """A change of red and blue against green as (along the way of light's own colour, across it).

    Between the noon sky and a lamp, light goes from blue to red and leaves green alone, so that way counts less than
    across it. A failing channel goes across.
    """
    red, blue = change
    along, across = red * DAYLIGHT[0] + blue * DAYLIGHT[1], blue * DAYLIGHT[0] - red * DAYLIGHT[1]
    return np.array([along * ALONG, across], np.float32)


def _added(known: Floats, shown: Floats) -> float:
    """Grey levels of what repeats across the picture and did not before.

    Another scene has other lines, but hardly more of them: so the least of two ways to reckon counts. In brighter light
    a scene's own lines are stronger, which is no stripe: what is known is taken as strong as it is found. Stripes are
    all along the picture, a shadow's edge or a bus is in one place of it: so what counts is a quiet part.
    """
    strength = np.clip(_parts(shown * known) / np.maximum(_parts(known**2), 1e-3), 0.0, 3.0)
    expected = np.asarray(np.repeat(strength, len(known) // 8) * known, np.float32)
    apart = np.sqrt(_parts((shown - expected) ** 2))
    more = np.sqrt(np.maximum(_parts(shown**2) - _parts(known**2), 0.0))
    return float(np.sort(np.minimum(apart, more))[2])


def _parts(line: Floats) -> Floats:
    """Means over each of eight parts of a profile."""
    return np.asarray(line.reshape(8, -1).mean(axis=1), np.float32)


def _floats(packed: bytes, shape: tuple[int, int]) -> Floats:
    return np.frombuffer(packed, np.float16).reshape(shape[::-1]).astype(np.float32)


class _Colours(NamedTuple):
    levels: Floats
    ratios: Floats
    vivid: float


@lru_cache(maxsize=4)
def _colours(packed: bytes) -> _Colours:
    """Of the two views of one camera, which are asked for some ten times while one picture is looked at."""
    levels = np.frombuffer(packed, np.float16).reshape((*CELLS[::-1], 3)).astype(np.float32)
    colours = ratios(levels)
    for shared in (levels, colours):
        shared.flags.writeable = False
    return _Colours(levels, colours, float(np.abs(colours).mean()))


def channels(view: View) -> Floats:
    """Levels of blue, green and red in each cell."""
    return _colours(view.channels).levels


def vividness(view: View) -> float:
    """How far from grey the view is: as `vivid` has it of a picture."""
    return _colours(view.channels).vivid


def from_ratios(view: View) -> View:
    """A view of a memory before version 3, which has logarithms of red and blue against green and no levels."""
    colours = np.frombuffer(view.channels, np.float16).reshape((*CELLS[::-1], 2)).astype(np.float32)
    red, blue = np.exp(np.moveaxis(colours, 2, 0))
    light = cv2.resize(outline(view), CELLS, interpolation=cv2.INTER_AREA) + 8
    green = light / (GREYS[0] * blue + GREYS[1] + GREYS[2] * red)
    levels = np.clip(np.stack([green * blue, green, green * red], axis=2) - 8, 0, 255)
    return msgspec.structs.replace(view, channels=levels.astype(np.float16).tobytes())


def _line(packed: bytes) -> Floats:
    return np.frombuffer(packed, np.float16).astype(np.float32)


def _packed(
    pictures: int,
    noise: float,
    floor: float,
    impulses: float,
    outline: Floats,
    fine: Floats,
    coarse: Floats,
    levels: Floats,
    rows: Floats,
    columns: Floats,
) -> View:
    assert rows.shape == (ROWS,)
    assert columns.shape == (COLUMNS,)
    return View(
        pictures=pictures,
        noise=noise,
        floor=floor,
        impulses=impulses,
        outline=np.rint(outline).astype(np.uint8).tobytes(),
        fine=fine.astype(np.float16).tobytes(),
        coarse=coarse.astype(np.float16).tobytes(),
        channels=levels.astype(np.float16).tobytes(),
        rows=rows.astype(np.float16).tobytes(),
        columns=columns.astype(np.float16).tobytes(),
    )
