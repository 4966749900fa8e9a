"""How fast a scenario passes in virtual time: the roles as they are, PostgreSQL beside them, and a clock that jumps.

Beside each stretch stands what its devices alone cost (`Timetable.said`, decoded observations thrown away), in the same
minute. In the middle of each stretch somebody presses a button, so that a stretch in which nothing was alive fails.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import NamedTuple

from benchmarks.sheet import Plan, Sheet
from campuswatch.rehearsal import hush, rehearse
from campuswatch.rehearsal.stage import Stage, open_stage
from domain.device import RegisteredDevice
from simulators.district import DISTRICT_SITES, build_district
from simulators.orders import Op, Order
from simulators.scenarios.script import Script, Step, Words
from simulators.timetable import Timetable

#: A Tuesday in term, six in the morning in China.
MORNING_S = datetime(2026, 3, 9, 22, tzinfo=UTC).timestamp()
HOUR_S = 3600.0


class Stretch(NamedTuple):
    name: str
    sites: int
    hours: float


def measure(plan: Plan) -> Sheet:
    sheet = Sheet(columns=("", "observations", "wall s", "CPU s", "µs each", "times the devices alone"))
    stretches = (
        Stretch("a school day of one site, 06:00 to 18:00", 1, 0.5 if plan.quick else 12.0),
        Stretch("a day of one site", 1, 1.0 if plan.quick else 24.0),
        Stretch("a month of one site", 1, 2.0 if plan.quick else 720.0),
        Stretch(f"{DISTRICT_SITES} sites", DISTRICT_SITES, (plan.minutes or (1.0 if plan.quick else 60.0)) / 60.0),
    )
    hush()
    with open_stage() as stage:
        for stretch in stretches:
            _measure(stretch, stage, sheet)
    return sheet


def _measure(stretch: Stretch, stage: Stage, sheet: Sheet) -> None:
    script = _script(stretch)
    observations, alone_s = _devices_alone(script)
    with stage.settings() as settings:
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        happenings = rehearse(script, settings)
        wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    name = f"{stretch.name} ({stretch.hours:g} h)"
    sheet.rows.append((name, observations, wall_s, cpu_s, cpu_s / observations * 1e6, cpu_s / alone_s))
    sheet.figures[name] = {"wall_s": wall_s, "cpu_s": cpu_s, "alone_s": alone_s, "observations": observations}
    told = [one.what for one in happenings if one.rule == "one_key_alarm"]
    # Nobody takes it, so the leader is called again and again; the links are told once.
    once = sorted(word for word in told if word != "duty")
    if once != ["education", "one_key_alarm", "police"] or "duty" not in told:
        sheet.faults.append(f"{name}: of the button that was pressed came {told}")


def _script(stretch: Stretch) -> Script:
    seconds = stretch.hours * HOUR_S
    press = Step(at_s=MORNING_S + seconds / 2, line=1, act=Order(op=Op.PRESS, site="s001"))
    return Script(
        name="benchmark",
        title=Words("", ""),
        about=Words("", ""),
        seed=1,
        start_s=MORNING_S,
        ends_s=MORNING_S + seconds,
        district=build_district(sites=stretch.sites),
        steps=(press,),
        wants=(),
        quiets=(),
    )


def _devices_alone(script: Script) -> tuple[int, float]:
    """Observations, and seconds of CPU."""
    district = script.district
    site_nos = {site.site_id: number for number, site in enumerate(district.sites, 1)}
    registered = {
        (one.site_id, one.device_id): RegisteredDevice(
            number, site_nos[one.site_id], one.site_id, one.device_id, one.kind, one.heartbeat_s
        )
        for number, one in enumerate(district.devices, 1)
    }
    timetable = Timetable(district.devices, seed=script.seed, start_s=script.start_s, sites=district.sites)
    began_s = time.process_time()
    count = sum(1 for _ in timetable.said(script.ends_s, registered))
    return count, time.process_time() - began_s
