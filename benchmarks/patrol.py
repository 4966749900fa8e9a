"""Diagnosis of pictures: recall of each fault and false alarms, on scenes that no threshold was chosen by.

``make bench-patrol`` judges on scenes that were never looked at. ``python -m benchmarks.patrol --half training`` is
what constants were chosen with; it prints the same, and the scores of good pictures beside the limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import click
import numpy as np

from benchmarks.patrol_cost import costs
from benchmarks.patrol_peer import PEER_KINDS
from benchmarks.patrol_scenes import FOOTAGE, Half
from benchmarks.patrol_trial import FOUND_AS, STRENGTHS, Course, Outcome, run
from benchmarks.sheet import Plan, Sheet
from detectors.pictures.limits import RANGES
from simulators.pictures.faults import FaultKind

Key = TypeVar("Key", bound=Hashable)

#: What is asked for.
LEAST_RECALL = 0.95
MOST_FALSE = 1.0


def measure(plan: Plan) -> Sheet:
    course = Course(learning_days=3, days=1, trials=1, others=1) if plan.quick else Course()
    sheet = table(outcomes(Half.JUDGING, course, FOOTAGE, processes=2))
    if plan.quick:
        # A dozen trials of each prove nothing.
        sheet.faults.clear()
    costs(sheet, quick=plan.quick)
    return sheet


def outcomes(half: Half, course: Course, folder: Path, *, processes: int) -> list[Outcome]:
    numbers = range(half.first, half.first + len(half.names))
    if processes == 1:
        return list(map(run, numbers, half.names, repeat(course), repeat(folder)))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return list(pool.map(run, numbers, half.names, repeat(course), repeat(folder)))


def table(scenes: Sequence[Outcome]) -> Sheet:
    """The table of recall and false alarms, and where it falls short of what is asked for."""
    names = list(STRENGTHS)
    columns = ["fault", *names, "false/100 d", *(f"peer {name}" for name in names), "peer false/100 d", "ahead"]
    sheet = Sheet(columns=columns)
    tried, found = _sum(one.tried for one in scenes), _sum(one.found for one in scenes)
    false, peer_false = _sum(one.false for one in scenes), _sum(one.peer_false for one in scenes)
    peer_found = _sum(one.peer_found for one in scenes)
    hundreds = sum(one.days for one in scenes) / 100
    for kind in FaultKind:
        ours = [found[kind.value, name] / max(1, tried[kind.value, name]) for name in names]
        theirs = [peer_found[kind.value, name] / max(1, tried[kind.value, name]) for name in names]
        # Whatever counts as a find in this row counts as a false alarm in it.
        wrong = sum(false[word.value] for word in FOUND_AS[kind]) / hundreds
        peer_wrong = sum(peer_false[word] for word in PEER_KINDS[kind]) / hundreds
        ahead = _ahead((*ours, -wrong), (*theirs, -peer_wrong))
        sheet.rows.append([kind.value, *map(_percent, ours), wrong, *map(_percent, theirs), peer_wrong, ahead])
        sheet.figures[kind.value] = {
            "tried": [tried[kind.value, name] for name in names],
            "recall": ours,
            "peer_recall": theirs,
            "false_per_100_days": wrong,
            "peer_false_per_100_days": peer_wrong,
        }
        if ours[1] < LEAST_RECALL:
            sheet.faults.append(
                f"recall of {kind.value} at moderate strength is {ours[1]:.1%}, {LEAST_RECALL:.0%} asked for"
            )
    total, peer_total = false.total() / hundreds, peer_false.total() / hundreds
    sheet.rows.append(["all", "", "", "", total, "", "", "", peer_total, "yes" if total < peer_total else "no"])
    sheet.notes.append(
        f"{len(scenes)} scenes, {hundreds * 100:.0f} camera-days of harmless change with a picture an hour, "
        f"{sum(tried.values())} trials of faults; peer: camera-health"
    )
    sheet.notes.append(f"memory of a camera: at most {max(one.memory_bytes for one in scenes) / 1000:.0f} kB")
    if total > MOST_FALSE:
        sheet.faults.append(f"{total:.1f} false alarms per 100 camera-days, {MOST_FALSE:.0f} allowed")
    return sheet


def _ahead(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Ahead: at moderate strength no fewer finds, no more false alarms, and better in some column."""
    level = ours[1] >= theirs[1] and ours[3] >= theirs[3]
    return "yes" if level and any(a > b for a, b in zip(ours, theirs, strict=True)) else "level" if level else "no"


def _sum(counters: Iterable[Counter[Key]]) -> Counter[Key]:
    total: Counter[Key] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def _percent(share: float) -> str:
    return f"{share:.0%}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--half", type=click.Choice([half.value for half in Half]), default=Half.TRAINING.value, show_default=True
)
@click.option("--days", default=10, show_default=True, help="Camera-days of each scene that are counted.")
@click.option("--trials", default=3, show_default=True, help="Of each fault at moderate strength in each scene.")
@click.option("--others", default=1, show_default=True, help="Of each fault at each other strength.")
@click.option("--peer/--no-peer", default=False, help="camera-health beside it.")
@click.option("--processes", default=2, show_default=True)
@click.option("--footage", type=click.Path(path_type=Path), default=FOOTAGE, help="Where the pictures are unpacked.")
def main(half: str, days: int, trials: int, others: int, peer: bool, processes: int, footage: Path) -> None:
    """Look at one half closely: what was found instead, each false alarm, and what good pictures score."""
    course = Course(days=days, trials=trials, others=others, peer=peer)
    scenes = outcomes(Half(half), course, footage, processes=processes)
    click.echo(table(scenes).text())
    click.echo("\nfound instead:")
    for (kind, strength, said), count in sorted(_sum(one.instead for one in scenes).items()):
        click.echo(f"  {kind:12} {strength:9} {count:3}  {said}")
    click.echo("\nfalse alarms:")
    for line in (line for one in scenes for line in one.false_at):
        click.echo(f"  {line}")
    click.echo("\nscores of good pictures:  median, 99%, 99.9%, highest; start, most")
    for fault, span in RANGES.items():
        scores = [score for one in scenes for score in one.highest.get(fault, ())]
        if scores:
            marks = " ".join(f"{mark:8.3f}" for mark in np.percentile(scores, [50, 99, 99.9, 100]))
            click.echo(f"  {fault:12} {marks}   {span.start:g} {span.most:g}")


if __name__ == "__main__":
    main()
