"""A school in order, to be changed in one thing at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from detectors.targets import judge, ruling
from domain.device import DeviceKind
from domain.guard import Guard, GuardPost
from domain.liveness import Connectivity
from domain.premises import Barrier, BarrierKind, Gate
from domain.site import SiteKind
from domain.site_facts import DeviceFact, LinkProof, SiteFacts
from domain.target import TargetDefinition, Verdict

SHANGHAI = ZoneInfo("Asia/Shanghai")
#: A Monday in term, 10:00 in China: lessons.
NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)


def guard(number: int = 1, **other: Any) -> Guard:
    fields: dict[str, Any] = {
        "guard_id": f"G{number}",
        "site_id": "s001",
        "name": "李强",
        "born_on": date(1985, 5, 1),
        "first_hired_on": date(2020, 1, 1),
        "serves_from": date(2020, 1, 1),
        "certificate_no": f"3204{number}",
    }
    return Guard(**(fields | other))


def device(device_id: str, kind: DeviceKind, **other: Any) -> DeviceFact:
    fields: dict[str, Any] = {
        "device_no": len(device_id),
        "device_id": device_id,
        "kind": kind,
        "registered_at": LONG_AGO,
        "connectivity": Connectivity.ONLINE,
        "since": LONG_AGO,
        "last_seen_at": NOW,
    }
    return DeviceFact(**(fields | other))


def proofs(at: datetime = NOW - timedelta(days=3)) -> tuple[LinkProof, ...]:
    return tuple(LinkProof(link_id=link_id, proved_at=at) for link_id in ("education", "police"))


BUTTON = device("btn-1", DeviceKind.ONE_KEY_ALARM, networked=True, proofs=proofs())
CAMERA = device("cam-1", DeviceKind.CAMERA, networked=True)
DOOR = device("door-1", DeviceKind.ACCESS_CONTROL, condition={"door": "closed"}, condition_since=LONG_AGO)
SENSOR = device("bar-1", DeviceKind.BARRIER, condition={"barrier": "up"}, condition_since=LONG_AGO)
GATE = Gate(site_id="s001", gate_id="main", name="正门", main=True, device_id="door-1")
BARRIER = Barrier(
    site_id="s001",
    barrier_id="b1",
    gate_id="main",
    kind=BarrierKind.LIFTING_BOLLARD,
    installed_on=date(2024, 1, 1),
    inspected_on=date(2026, 2, 1),
    device_id="bar-1",
)
SCHOOL = SiteFacts(
    site_no=1,
    site_id="s001",
    kind=SiteKind.PRIMARY,
    pupils=900,
    guards=(guard(1), guard(2)),
    posts=(GuardPost(site_id="s001", post_id="p1", place="正门", required=2),),
    gates=(GATE,),
    barriers=(BARRIER,),
    devices={one.device_id: one for one in (BUTTON, CAMERA, DOOR, SENSOR)},
)


def with_device(changed: DeviceFact, facts: SiteFacts = SCHOOL) -> SiteFacts:
    return msgspec.structs.replace(facts, devices=facts.devices | {changed.device_id: changed})


def definition(measure: str, **parameters: Any) -> TargetDefinition:
    return TargetDefinition(
        target_id=measure,
        version=1,
        measure=measure,
        name_zh="目标",
        name_en="target",
        starts_at=LONG_AGO,
        parameters=parameters,
    )


def verdict(measure: str, facts: SiteFacts = SCHOOL, at: datetime = NOW, **parameters: Any) -> Verdict:
    return judge(ruling(definition(measure, **parameters)), facts, at, SHANGHAI)


def causes(found: Verdict) -> list[tuple[str, str]]:
    return [(one.requirement, one.subject) for one in found.causes]
