"""One step of the patrol of one camera: what was remembered, a picture and its time in; the same and findings out.

::

                 over its limit                dwell reached
    (unsuspected) ───────────► suspected ─────────────────────► raised
          ▲                        │ within limits                 │ within limits, `CLEAN` pictures long
          └────────────────────────┴───────────────────────────────┘

A picture is suspect of a fault where its score is over the camera's own limit, by day or by night, and where no graver
fault hides it. What is hidden stays as it was: it is neither confirmed nor denied. Before a fault is raised, a single
picture that is nearly over its limit is neither, too. Only pictures without any suspicion teach the view and the
limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import numpy as np

from detectors.pictures.faults import ADDED, HIDES, PictureFault
from detectors.pictures.limits import SETTLED, Limit, learnt, limit, taught
from detectors.pictures.look import Look, variety
from detectors.pictures.memory import Light, Memory, Suspicion
from detectors.pictures.scores import Scores, against, alone
from detectors.pictures.view import (
    COLOURED,
    GREY,
    Comparison,
    View,
    channels,
    compared,
    likeness,
    outline,
    seen,
    vividness,
)
from domain.finding import FindingKind

#: Good pictures of a light before anything is compared with its view.
LEARNING = 6
#: Pictures in a row that show a fault before it is raised: a person at the lens, headlights and a dirty decode pass.
DWELL = 3
#: Pictures in a row without it before it is cleared.
CLEAN = 2
#: A single picture of so much of the limit, after one beyond it, does not end a suspicion: it counts for neither.
NEARLY = 0.7
#: Mean grey below which it is night.
NIGHT_LIGHT = 58.0
#: So much more like one view than the other, of 1.
PLAINLY = 0.1
#: Views whose brightness differs by less, as a logarithm, are as bright as each other.
NEAR = 0.35
#: So far on the way from one light's brightness to the other's a picture belongs to the other one.
HALF_WAY = 0.5
#: Colours of places differ so much in most yards, and hardly ever before a grey scene whose channel fails; and a view
#: that has no more colour than that is one of infrared with some dusk in it.
VARIED, FAINT = 0.085, 0.02
#: No lens draws a picture so grey by daylight. And where the colours of places differ by less than this of how far they
#: are from grey, it is one colour.
WHOLLY_GREY, ONE_COLOUR = 0.0025, 0.2
#: A first picture by night (or day) has to look at least this much like the other view to be learnt.
KINSHIP = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one picture says of one fault. ``score`` None: it cannot be told from this picture."""

    fault: PictureFault
    score: float | None
    limit: float
    hidden: bool = False

    @property
    def over(self) -> bool:
        return self.score is not None and self.score > self.limit

    @property
    def suspect(self) -> bool:
        return self.over and not self.hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFinding:
    """A fault of a camera's picture was raised, or is over.

    ``since`` the first picture that showed it, ``at`` the picture that decided; ``region`` (left, top, right, bottom)
    in shares of the picture, where it has a place; ``light`` whose reference it was compared with.
    """

    kind: FindingKind
    fault: PictureFault
    since: datetime
    at: datetime
    score: float | None
    limit: float
    region: tuple[float, float, float, float] | None
    light: Light


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """``learnt``: the picture is good and may be kept as the reference that people are shown for ``light``."""

    memory: Memory
    verdicts: tuple[Verdict, ...]
    findings: tuple[PictureFinding, ...]
    light: Light
    comparison: Comparison | None
    learnt: bool

    @property
    def suspect(self) -> bool:
        return any(verdict.suspect for verdict in self.verdicts)


def step(memory: Memory, shown: Look, at: datetime) -> Step:
    """Look at one picture that was taken at ``at``. A picture that is no newer than the last changes nothing."""
    former, memory = memory, _first_colours(memory, shown)
    light = light_of(memory, shown)
    if memory.size is not None and memory.size != (shown.width, shown.height):
        # Another resolution: what was learnt of detail and grain holds no more. What stands, stands.
        memory = msgspec.structs.replace(memory, views={}, limits={}, grain=b"")
    verdicts, comparison, judged_by = _judged(memory, shown, light)
    if memory.at is not None and at <= memory.at:
        return Step(memory=former, verdicts=verdicts, findings=(), light=judged_by, comparison=comparison, learnt=False)
    suspicions, findings = _followed(memory.suspicions, verdicts, comparison, judged_by, at)
    after = msgspec.structs.replace(
        memory, at=at, size=(shown.width, shown.height), grain=shown.grain.tobytes(), suspicions=suspicions
    )
    good = not suspicions and not any(verdict.suspect for verdict in verdicts) and _akin(memory, shown, light)
    if good:
        after = _taught_by(after, shown, light, judged_by, verdicts)
    return Step(memory=after, verdicts=verdicts, findings=findings, light=judged_by, comparison=comparison, learnt=good)


def light_of(memory: Memory, shown: Look) -> Light:
    """By night it is dark; where the camera sees colours by day and infrared by night, that tells better. A place may
    be dark by day as well: once both lights are known, the one whose view is plainly more like the picture is right.
    """
    day, night = (
        vividness(memory.views[light]) if light in memory.views else None for light in (Light.DAY, Light.NIGHT)
    )
    grey = shown.vivid < GREY if (day or 0.0) > COLOURED else shown.vivid < WHOLLY_GREY
    if day is not None and day > FAINT and grey and _is_the_place(memory, shown):
        # Infrared, whatever dusk has left in the view of the night; and no grey cloth before the lens.
        return Light.NIGHT
    if _tinted_infrared(memory, shown):
        return Light.NIGHT
    if day is not None and day > COLOURED and night is not None and night < 0.3 * day:
        # Fog and a channel that fails take colours away by day as well, and leave it as bright.
        pale = shown.vivid < (night + day) / 2
        share = _share_of_the_way(memory.views[Light.DAY], memory.views[Light.NIGHT], shown)
        return Light.NIGHT if pale and (share is None or share > HALF_WAY) else Light.DAY
    if all(_learnt(memory, light) for light in Light):
        by_day, by_night = (likeness(memory.views[light], shown) for light in (Light.DAY, Light.NIGHT))
        if max(by_day, by_night) > KINSHIP and abs(by_day - by_night) > PLAINLY:
            return Light.DAY if by_day > by_night else Light.NIGHT
    return Light.NIGHT if shown.light < NIGHT_LIGHT else Light.DAY


def _tinted_infrared(memory: Memory, shown: Look) -> bool:
    """A picture in infrared of which a channel fails has one colour all over; by day only this camera sees several."""
    if not all(_learnt(memory, light) for light in Light) or shown.vivid < COLOURED:
        return False
    if vividness(memory.views[Light.NIGHT]) > FAINT:
        return False
    varied = variety(shown.channels)
    if varied > ONE_COLOUR * shown.vivid or varied > 0.5 * variety(channels(memory.views[Light.DAY])):
        return False
    # A cloth before the lens is of one colour as well.
    return _is_the_place(memory, shown)


def _is_the_place(memory: Memory, shown: Look) -> bool:
    return any(likeness(view, shown, empty=0.0) > KINSHIP for view in memory.views.values())


def _first_colours(memory: Memory, shown: Look) -> Memory:
    """A camera that was put up by night may be bright in infrared, and that was taken for its day: with the first
    colours, which are brighter than that or of several kinds, it is known for what it is.
    """
    day, night = memory.views.get(Light.DAY), memory.views.get(Light.NIGHT)
    if day is None or vividness(day) > FAINT or (night is not None and vividness(night) > FAINT):
        return memory
    brighter = shown.vivid > COLOURED / 2 and shown.light > outline(day).mean()
    if not brighter and variety(shown.channels) < VARIED:
        return memory
    by = Light.DAY if night is None else Light.NIGHT
    return msgspec.structs.replace(
        memory, views={Light.NIGHT: memory.views[by]}, limits={Light.NIGHT: memory.limits.get(by, {})}
    )


def rejected(memory: Memory, fault: PictureFault, score: float, light: Light) -> Memory:
    """A person saw no ``fault`` in a picture of this score: the camera's limit rises above it, and it is over."""
    limits = dict(memory.limits.get(light, {}))
    limits[fault] = taught(fault, limits.get(fault), score)
    return msgspec.structs.replace(
        memory,
        limits={**memory.limits, light: limits},
        suspicions={other: held for other, held in memory.suspicions.items() if other is not fault},
    )


def adopted(memory: Memory, shown: Look) -> Memory:
    """A person says that this is how the camera is meant to look from now on: both views begin anew with it."""
    light = Light.NIGHT if shown.light < NIGHT_LIGHT else Light.DAY
    view = msgspec.structs.replace(seen(None, shown), pictures=LEARNING)
    return msgspec.structs.replace(memory, views={light: view}, limits={}, suspicions={})


@dataclass(frozen=True, slots=True)
class _Judgement:
    """By one view. ``fits``: the picture may be of this light; ``excuses``: what is added to it and known here is no
    fault. A view in infrared excuses nothing by day.
    """

    verdicts: tuple[Verdict, ...]
    comparison: Comparison
    light: Light
    fits: bool
    excuses: bool


def _judged(memory: Memory, shown: Look, light: Light) -> tuple[tuple[Verdict, ...], Comparison | None, Light]:
    """By the view of this light; where that one finds fault, by the other as well: dusk belongs to both.

    What is added to a picture (grain, stripes, colour) is suspect only where neither view explains it. What became of
    the scene is judged by the view that is more like it, and by that of the other light only if the picture is on the
    way there by its brightness.
    """
    by_itself = alone(shown, memory.grain)
    tinted = _tinted_infrared(memory, shown)
    found: list[_Judgement] = []
    for candidate in sorted(Light, key=lambda other: other is not light):
        if not _learnt(memory, candidate):
            continue
        view = memory.views[candidate]
        comparison = compared(view, shown, memory.grain)
        limits, settled = _limits(memory, candidate)
        scores = against(comparison, by_itself)
        first = not _learnt(memory, light) and view.pictures < 2 * SETTLED
        if candidate is not light and (tinted or first):
            # The colours of a first day or night are not known yet, and the day's say nothing of infrared.
            scores[PictureFault.COLOUR_CAST] = None
        verdicts = _verdicts(scores, limits, settled)
        fits = candidate is light or (not tinted and _between(memory, shown, light))
        if fits and not any(verdict.suspect for verdict in verdicts):
            return verdicts, comparison, candidate
        found.append(_Judgement(verdicts, comparison, candidate, fits, excuses=fits or vividness(view) > GREY))
    if not found:
        return _verdicts(by_itself, memory.limits.get(light, {}), False), None, light
    best = max((one for one in found if one.fits), key=lambda one: one.comparison.match)
    mildest = (min(said, key=_share) for said in zip(*(one.verdicts for one in found if one.excuses), strict=True))
    merged = (mild if mild.fault in ADDED else own for own, mild in zip(best.verdicts, mildest, strict=True))
    return _hidden(merged), best.comparison, best.light


def _learnt(memory: Memory, light: Light) -> bool:
    view = memory.views.get(light)
    return view is not None and view.pictures >= LEARNING


def _between(memory: Memory, shown: Look, light: Light) -> bool:
    """Whether a picture that is taken for one by ``light`` is on the way to the other one by its brightness."""
    other = memory.views.get(Light.NIGHT if light is Light.DAY else Light.DAY)
    if not _learnt(memory, light) or other is None:
        return True
    share = _share_of_the_way(memory.views[light], other, shown)
    return share is None or share > HALF_WAY


def _share_of_the_way(one: View, other: View, shown: Look) -> float | None:
    """How far from the brightness of ``one`` to that of the ``other``, as logarithms; None: they are as bright."""
    here, there = (float(np.log(outline(view).mean() + 8)) for view in (one, other))
    if abs(there - here) < NEAR:
        return None
    return (float(np.log(shown.light + 8)) - here) / (there - here)


def _share(verdict: Verdict) -> float:
    return float("inf") if verdict.score is None else verdict.score / verdict.limit


def _limits(memory: Memory, light: Light) -> tuple[Mapping[PictureFault, Limit], bool]:
    """The limits by ``light``, and whether the camera is settled. A light that is seldom seen borrows of the other."""
    own, view = memory.limits.get(light, {}), memory.views[light]
    if view.pictures >= SETTLED:
        return own, True
    if sum(other.pictures for other in memory.views.values()) < 2 * SETTLED:
        return own, False
    limits = dict(own)
    for other in memory.limits.values():
        for fault, known in other.items():
            limits[fault] = max(limits.get(fault, known), known, key=lambda one: one.highest)
    return limits, True


def _verdicts(scores: Scores, limits: Mapping[PictureFault, Limit], settled: bool) -> tuple[Verdict, ...]:
    return _hidden(
        Verdict(fault=fault, score=scores[fault], limit=limit(fault, limits.get(fault), settled=settled))
        for fault in PictureFault
        if fault in scores
    )


def _hidden(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """The same, gravest first, with those marked that a graver one hides."""
    hidden: set[PictureFault] = set()
    marked = []
    for verdict in verdicts:
        if verdict.hidden != (verdict.fault in hidden):
            verdict = replace(verdict, hidden=not verdict.hidden)
        if verdict.suspect:
            hidden |= HIDES[verdict.fault]
        marked.append(verdict)
    return tuple(marked)


def _followed(
    suspicions: Mapping[PictureFault, Suspicion],
    verdicts: tuple[Verdict, ...],
    comparison: Comparison | None,
    light: Light,
    at: datetime,
) -> tuple[dict[PictureFault, Suspicion], tuple[PictureFinding, ...]]:
    held = dict(suspicions)
    findings: list[PictureFinding] = []

    def conclude(kind: FindingKind, verdict: Verdict, since: datetime) -> None:
        findings.append(
            PictureFinding(
                kind=kind,
                fault=verdict.fault,
                since=since,
                at=at,
                score=verdict.score,
                limit=verdict.limit,
                region=comparison.region if comparison and verdict.fault in _PLACED else None,
                light=light,
            )
        )

    for verdict in verdicts:
        known = held.get(verdict.fault)
        if verdict.suspect:
            before = [one for one in (known, _of_its_like(suspicions, verdict.fault)) if one]
            pictures = min(max((one.pictures for one in before), default=0) + 1, DWELL)
            since = min((one.since for one in before), default=at)
            raised = known.raised if known else False
            if not raised and pictures >= DWELL:
                conclude(FindingKind.RAISED, verdict, since)
                raised = True
            held[verdict.fault] = Suspicion(since, pictures, 0, raised)
        elif verdict.over and verdict.fault in _BEHIND and not (known and known.raised):
            # Hidden, and there all the same: it is nearer to being raised, once it is seen.
            pictures = min(known.pictures + 1, DWELL) if known else 1
            held[verdict.fault] = Suspicion(known.since if known else at, pictures, 0, False)
        elif known and not verdict.hidden and verdict.score is not None:
            if not known.raised and known.clean == 0 and verdict.score > NEARLY * verdict.limit:
                held[verdict.fault] = Suspicion(known.since, known.pictures, 1, False)
            elif not known.raised:
                del held[verdict.fault]
            elif known.clean + 1 >= CLEAN:
                conclude(FindingKind.CLEARED, verdict, known.since)
                del held[verdict.fault]
            else:
                held[verdict.fault] = Suspicion(known.since, known.pictures, known.clean + 1, True)
    return held, tuple(findings)


#: Single bad pixels and grain, or a lid in the dusk: much of the one looks like the other, and which is said first is
#: chance.
_ALIKE = (
    frozenset({PictureFault.SNOW, PictureFault.NOISE}),
    frozenset({PictureFault.BLACK, PictureFault.COVERED}),
)

#: What a graver one hides and does not make: its pictures count as soon as it is seen.
_BEHIND = _ALIKE[0] | {PictureFault.COLOUR_CAST}
_PLACED = frozenset({PictureFault.COVERED, PictureFault.MOVED})


def _of_its_like(suspicions: Mapping[PictureFault, Suspicion], fault: PictureFault) -> Suspicion | None:
    """What the pictures before showed, called by the other name."""
    likes = (like for pair in _ALIKE if fault in pair for like in pair - {fault})
    return next((suspicions[like] for like in likes if like in suspicions and not suspicions[like].raised), None)


def _akin(memory: Memory, shown: Look, light: Light) -> bool:
    """A light that is being learnt has to show the place that the other light shows."""
    view = memory.views.get(light)
    other = memory.views.get(Light.NIGHT if light is Light.DAY else Light.DAY)
    if (view is not None and view.pictures >= LEARNING) or other is None or other.pictures < LEARNING:
        return True
    return compared(other, shown).match >= KINSHIP


def _taught_by(memory: Memory, shown: Look, light: Light, judged_by: Light, verdicts: tuple[Verdict, ...]) -> Memory:
    view = seen(memory.views.get(light), shown)
    limits = dict(memory.limits.get(light, {}))
    # A first night is seen beside the day's view, and says nothing about days.
    for verdict in verdicts if light is judged_by else ():
        if verdict.score is not None:
            limits[verdict.fault] = learnt(verdict.fault, limits.get(verdict.fault), verdict.score)
    return msgspec.structs.replace(memory, views={**memory.views, light: view}, limits={**memory.limits, light: limits})
