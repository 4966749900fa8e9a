"""Observations a second through the engine with the whole shipped rule set, in one process and one thread.

What the district's devices say in ten minutes, made beforehand and handed over as the bulk lane does: a batch a second,
a tick, and what changed is collected. The first minute, in which everybody is heard for the first time, is not timed.
The bare loop looks at the same observations' devices and times and concludes nothing. Each figure is the best of its
rounds.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from benchmarks.day import BEGINS, TICK_S, Stretch
from benchmarks.sheet import Plan, Sheet
from detectors.engine import Engine
from detectors.rules import alarm_rules, bulk_rules
from domain.observation import Misdated, Observation
from simulators.district import DISTRICT_SITES, build_district

ROUNDS = 5
FIRST_S = 60
LEAST_A_SECOND = 250_000

Batches = Sequence[tuple[datetime, Sequence[Observation | Misdated]]]


def measure(plan: Plan) -> Sheet:
    sheet = Sheet(columns=("", "observations", "seconds of CPU", "µs each", "a second", "bare loops"))
    stretch = Stretch(f"{DISTRICT_SITES} sites", build_district(), FIRST_S + (60.0 if plan.quick else 600.0))
    batches = _batches(stretch)
    first, batches = batches[:FIRST_S], batches[FIRST_S:]
    count = sum(len(said) for _, said in batches)
    registered = list(stretch.registered().values())

    ways: dict[str, Callable[[Engine, Batches], int]] = {
        "bare loop": _look,
        "a batch at a time": _together,
        "one by one": _one_by_one,
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    gc.freeze()
    for _ in range(1 if plan.quick else plan.rounds or ROUNDS):
        for name, way in ways.items():
            engine = Engine([*alarm_rules(), *bulk_rules()])
            engine.enrol(registered, BEGINS)
            found = _together(engine, first)
            began_s = time.process_time()
            found += way(engine, batches)
            took[name].append(time.process_time() - began_s)
            if found:
                sheet.faults.append(f"{name}: {found} findings on a quiet day")
    gc.unfreeze()
    bare_s = min(took["bare loop"])
    for name, seconds in took.items():
        best_s = min(seconds)
        sheet.rows.append((name, count, best_s, best_s / count * 1e6, count / best_s, best_s / bare_s))
        sheet.figures[name] = {"seconds": seconds, "observations": count}
    if not plan.quick and count / min(took["a batch at a time"]) < LEAST_A_SECOND:
        sheet.faults.append(f"fewer than {LEAST_A_SECOND:,} observations a second")
    return sheet


def _batches(stretch: Stretch) -> Batches:
    timetable, known = stretch.timetable(), stretch.registered()
    at_s, made = BEGINS.timestamp(), []
    while at_s < stretch.end_s:
        at_s += TICK_S
        made.append((datetime.fromtimestamp(at_s, UTC), list(timetable.said(at_s, known))))
    return made


def _look(engine: Engine, batches: Batches) -> int:
    newest = BEGINS
    for _, said in batches:
        for observation in said:
            if observation.device.device_no and observation.at > newest:
                newest = observation.received_at
    return 0


def _together(engine: Engine, batches: Batches) -> int:
    found = 0
    for now, said in batches:
        found += len(engine.observe_many(said))
        found += len(engine.tick(now))
        engine.changes()
    return found


def _one_by_one(engine: Engine, batches: Batches) -> int:
    found = 0
    for now, said in batches:
        for observation in said:
            found += len(engine.observe(observation))
        found += len(engine.tick(now))
        engine.changes()
    return found
