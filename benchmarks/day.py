"""How fast a site's day goes by on a virtual clock: what devices say, and what the rules make of it.

The bare loop makes the same observations from a list of their times, in the same order, and throws them away: the
least that anybody pays for objects of Python. What is said and what is judged are told as multiples of it, for they
depend less on the machine than seconds do. Each figure is the best of its rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from benchmarks.sheet import Plan, Sheet
from detectors.engine import Engine
from detectors.rules import alarm_rules, bulk_rules
from domain.device import RegisteredDevice
from domain.observation import Heartbeat, Observation, Reading
from simulators.district import DISTRICT_SITES, District, build_district
from simulators.timetable import Timetable

SEED = 1
#: A Tuesday in term, from midnight to midnight in China.
BEGINS = datetime(2026, 3, 9, 16, tzinfo=UTC)
#: How often time is judged, as in the bulk lane.
TICK_S = 1.0
ROUNDS = 3

Registered = dict[tuple[str, str], RegisteredDevice]


class Stretch(NamedTuple):
    """So many sites for so long."""

    name: str
    district: District
    seconds: float

    @property
    def end_s(self) -> float:
        return BEGINS.timestamp() + self.seconds

    def timetable(self) -> Timetable:
        """Ready to speak: what is done once for each device and each day is not measured."""
        begins_s = BEGINS.timestamp()
        timetable = Timetable(self.district.devices, seed=SEED, start_s=begins_s, sites=self.district.sites)
        for _ in timetable.due(begins_s + 0.001):
            pass
        return timetable

    def registered(self) -> Registered:
        site_nos = {site.site_id: number for number, site in enumerate(self.district.sites, 1)}
        numbers = {(one.site_id, one.device_id): number for number, one in enumerate(self.district.devices, 1)}
        return {
            (device.site_id, device.device_id): RegisteredDevice(
                number,
                site_nos[device.site_id],
                device.site_id,
                device.device_id,
                device.kind,
                device.heartbeat_s,
                numbers.get((device.site_id, device.parent_id)),
            )
            for number, device in enumerate(self.district.devices, 1)
        }


def measure(plan: Plan) -> Sheet:
    sheet = Sheet(columns=("", "observations", "seconds of CPU", "µs each", "a second", "bare loops"))
    stretches = (
        Stretch("a site's day", build_district(sites=1), 3600.0 if plan.quick else 86_400.0),
        Stretch(f"{DISTRICT_SITES} sites", build_district(), 60.0 if plan.quick else 600.0),
    )
    for stretch in stretches:
        _measure(stretch, sheet, 1 if plan.quick else plan.rounds or ROUNDS)
    return sheet


def _measure(stretch: Stretch, sheet: Sheet, rounds: int) -> None:
    known = stretch.registered()
    plainly = [one for one in stretch.timetable().said(stretch.end_s, known) if isinstance(one, Heartbeat | Reading)]
    recipes = [_recipe(one) for one in plainly]
    del plainly
    ways: dict[str, Callable[[Timetable], int]] = {
        "bare loop": lambda _: _make(recipes),
        "said": lambda timetable: _say(timetable, stretch, known),
        "said, second by second": lambda timetable: _say(timetable, stretch, known, TICK_S),
        "said and judged": lambda timetable: _judge(timetable, stretch, known, sheet),
        "said in bytes": lambda timetable: sum(1 for _ in timetable.due(stretch.end_s)),
    }
    took: dict[str, list[tuple[float, int]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            timetable = stretch.timetable()
            began_s = time.process_time()
            count = way(timetable)
            took[name].append((time.process_time() - began_s, count))
    bare_s, bare_count = min(took["bare loop"])
    for name, measured in took.items():
        seconds, count = min(measured)
        each_s = seconds / count
        times = each_s / (bare_s / bare_count)
        sheet.rows.append((f"{stretch.name}: {name}", count, seconds, each_s * 1e6, 1 / each_s, times))
        sheet.figures[f"{stretch.name}: {name}"] = {"seconds": [one for one, _ in measured], "observations": count}


def _recipe(one: Heartbeat | Reading) -> tuple[type, RegisteredDevice, float, Any]:
    after_s = (one.at - BEGINS).total_seconds()
    return type(one), one.device, after_s, one.battery_pct if isinstance(one, Heartbeat) else one.values


def _make(recipes: Sequence[tuple[type, RegisteredDevice, float, Any]]) -> int:
    made: Observation
    for kind, device, after_s, told in recipes:
        at = BEGINS + timedelta(seconds=after_s)
        made = kind(device, at, at, told)
    assert made.at
    return len(recipes)


def _say(timetable: Timetable, stretch: Stretch, known: Registered, step_s: float | None = None) -> int:
    end_s = stretch.end_s
    count, at_s = 0, BEGINS.timestamp()
    while at_s < end_s:
        at_s = end_s if step_s is None else at_s + step_s
        for _ in timetable.said(at_s, known):
            count += 1
    return count


def _judge(timetable: Timetable, stretch: Stretch, known: Registered, sheet: Sheet) -> int:
    """A tick a second and what changed is collected, as the bulk lane does; nothing is committed."""
    end_s = stretch.end_s
    engine = Engine([*alarm_rules(), *bulk_rules()])
    engine.enrol(known.values(), BEGINS)
    found, count, at_s = 0, 0, BEGINS.timestamp()
    while at_s < end_s:
        at_s += TICK_S
        said = list(timetable.said(at_s, known))
        count += len(said)
        found += len(engine.observe_many(said))
        found += len(engine.tick(datetime.fromtimestamp(at_s, UTC)))
        engine.changes()
    if found:
        sheet.faults.append(f"{stretch.name}: {found} findings on a quiet day")
    return count
