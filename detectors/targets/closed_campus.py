"""Target 2: a closed campus (封闭化管理) and hard anti-ramming barriers (硬质防冲撞设施).

Every gate is shut in class hours, as its access control tells; hard barriers stand at every main gate, were inspected
in time and passed, and their sensors do not say that they are down or gone. A gate that nothing watches counts as one
with a guard, unless the parameters ask for a sensor.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from detectors.targets.measure import Measure, Parameters
from detectors.targets.moment import Asked, Moment
from domain.liveness import Connectivity
from domain.premises import Barrier, Gate
from domain.site_facts import DeviceFact, FactKind, SiteFacts
from domain.target import Evidence

_Seconds = Annotated[int, msgspec.Meta(ge=0, le=86_400)]
#: Words of a barrier's sensor for what is not there any more.
_GONE = frozenset({"removed", "missing", "broken"})
_OPEN = frozenset({"open", "ajar", "held"})


class ClosedCampus(Parameters, frozen=True, kw_only=True):
    """``open_s``: so long a gate may stand open in class hours, for a car or a class that goes out. ``down_s``: so long
    a barrier may be down for a delivery. ``sensor_required``: a gate without access control is not proved shut.
    """

    open_s: _Seconds = 180
    down_s: _Seconds = 1800
    sensor_required: bool = False
    barriers_required: bool = True


def look(facts: SiteFacts, figures: ClosedCampus, moment: Moment) -> list[Evidence]:
    if not facts.gates:
        return [Evidence(requirement="gates", subject=facts.site_id, met=False, known=False)]
    asked = moment.asked(facts, lambda bells: [(bells.lessons, bells.leaving)])
    found = [
        _shut(gate, facts.devices.get(gate.device_id), figures, asked, moment)
        for gate in facts.gates
        if gate.closed_in_class
    ]
    if figures.barriers_required:
        for gate in facts.gates:
            if gate.main:
                found.append(_installed(gate, facts.barriers, moment))
        if not any(gate.main for gate in facts.gates):
            found.append(Evidence(requirement="main_gate", subject=facts.site_id, met=False, known=False))
        for barrier in facts.barriers:
            if barrier.installed_on is not None and barrier.installed_on <= moment.today:
                found.append(_inspected(barrier, moment))
                found.extend(_in_place(barrier, facts.devices.get(barrier.device_id), figures, moment))
    return found


def _shut(gate: Gate, device: DeviceFact | None, figures: ClosedCampus, asked: Asked, moment: Moment) -> Evidence:
    detail = {"name": gate.name, **({"device": gate.device_id} if gate.device_id else {})}
    if not asked.now:
        return Evidence(requirement="gate_shut", subject=gate.gate_id, met=True, until=asked.next_at, detail=detail)
    if not gate.device_id:
        return Evidence(
            requirement="gate_shut",
            subject=gate.gate_id,
            met=not figures.sensor_required,
            until=asked.until,
            detail=detail | {"sensor": False},
        )
    if device is None or "door" not in device.condition:
        # It has never said how it stands: a gate that nobody moved, or one that nobody watches.
        return Evidence(
            requirement="gate_shut",
            subject=gate.gate_id,
            met=False,
            known=False,
            until=asked.until,
            detail=detail,
        )
    if _silent(device):
        return Evidence(
            requirement="gate_shut",
            subject=gate.gate_id,
            met=False,
            known=False,
            since=device.since,
            until=asked.until,
            detail=detail | {"behind": device.behind},
        )
    if str(device.condition["door"]) not in _OPEN:
        return Evidence(
            requirement="gate_shut",
            subject=gate.gate_id,
            met=True,
            since=device.condition_since,
            until=asked.until,
            detail=detail,
        )
    opened = max(filter(None, (device.condition_since, asked.since)), default=moment.at)
    late = opened + timedelta(seconds=figures.open_s)
    met = moment.at < late
    return Evidence(
        requirement="gate_shut",
        subject=gate.gate_id,
        met=met,
        since=None if met else opened,
        until=_first(late if met else None, asked.until),
        detail=detail | {"open_since": opened.isoformat()},
    )


def _installed(gate: Gate, barriers: tuple[Barrier, ...], moment: Moment) -> Evidence:
    days = [one.installed_on for one in barriers if one.gate_id == gate.gate_id and one.installed_on is not None]
    met = any(day <= moment.today for day in days)
    return Evidence(
        requirement="barrier_installed",
        subject=gate.gate_id,
        met=met,
        since=moment.begin(min(days)) if met else None,
        until=None if met or not days else moment.begin(min(days)),
        detail={"name": gate.name, "barriers": len(days)},
    )


def _inspected(barrier: Barrier, moment: Moment) -> Evidence:
    """A barrier that was never inspected has as long as an inspection would hold, from its installation on."""
    assert barrier.installed_on is not None
    last = barrier.inspected_on or barrier.installed_on
    due = moment.begin(last + timedelta(days=barrier.inspection_days + 1))
    failed = barrier.inspected_on is not None and not barrier.inspection_passed
    met = not failed and moment.at < due
    since = moment.begin(last) if failed else None if met else due
    return Evidence(
        requirement="barrier_inspected",
        subject=barrier.barrier_id,
        met=met,
        since=since,
        until=due if met else None,
        detail={
            "gate": barrier.gate_id,
            "inspected_on": None if barrier.inspected_on is None else barrier.inspected_on.isoformat(),
            "passed": not failed,
        },
    )


def _in_place(barrier: Barrier, device: DeviceFact | None, figures: ClosedCampus, moment: Moment) -> Iterator[Evidence]:
    if not barrier.device_id:
        return
    detail = {"gate": barrier.gate_id, "device": barrier.device_id}
    state = "" if device is None else str(device.condition.get("barrier", ""))
    since = None if device is None else device.condition_since
    if device is None or _silent(device):
        # What stands there is hard all the same; that nobody hears its sensor is no proof of the contrary.
        yield Evidence(
            requirement="barrier_in_place", subject=barrier.barrier_id, met=False, known=False, since=since,
            detail=detail | {"behind": "" if device is None else device.behind},
        )  # fmt: skip
    elif state in _GONE:
        yield Evidence(
            requirement="barrier_in_place", subject=barrier.barrier_id, met=False, since=since,
            detail=detail | {"state": state},
        )  # fmt: skip
    elif state == "down":
        late = (since or moment.at) + timedelta(seconds=figures.down_s)
        met = moment.at < late
        yield Evidence(
            requirement="barrier_in_place", subject=barrier.barrier_id, met=met, since=None if met else since,
            until=late if met else None, detail=detail | {"state": state},
        )  # fmt: skip
    else:
        yield Evidence(
            requirement="barrier_in_place", subject=barrier.barrier_id, met=True, since=since,
            detail=detail | ({"state": state} if state else {}),
        )  # fmt: skip


def _silent(device: DeviceFact) -> bool:
    return bool(device.behind) or device.connectivity is Connectivity.OFFLINE


def _first(*moments: datetime | None) -> datetime | None:
    return min((one for one in moments if one is not None), default=None)


CLOSED_CAMPUS = Measure(ClosedCampus, frozenset({FactKind.PREMISES, FactKind.DEVICES, FactKind.SITE}), look)
