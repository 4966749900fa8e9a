"""Who guards a made-up district and what closes its schools: the same for the same seed, and all of it as it should be.

Dates that a target asks for hold for years from any day on which the register is made; only inspections are counted
back from that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final

import msgspec

from domain.device import Device, DeviceKind
from domain.guard import Guard, GuardPost, GuardShift
from domain.premises import Barrier, BarrierKind, Gate
from domain.safety_officer import SafetyOfficer
from domain.site import Site
from simulators.day.guards import SHIFTS, card_of, on_shift
from simulators.enrolment import guards_of
from simulators.gazetteer import GIVEN_NAMES, SURNAMES
from simulators.message import CHINA_TIME

_COMPANIES: Final = ("安信保安服务有限公司", "金盾保安服务有限公司", "平安护校保安服务有限公司")
_INSPECTION_DAYS: Final = 365
MAIN_GATE, SIDE_GATE = "gate-1", "gate-2"


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of the sites."""

    guards: tuple[Guard, ...]
    posts: tuple[GuardPost, ...]
    gates: tuple[Gate, ...]
    barriers: tuple[Barrier, ...]
    officers: tuple[SafetyOfficer, ...]


def build_register(
    seed: int, sites: Sequence[Site], devices: Iterable[Device], *, on: date, contacts: Sequence[str] = ()
) -> Register:
    """The register as it stands on the day ``on``. ``contacts``: where the safety officers are told."""
    sensors: dict[tuple[str, DeviceKind], list[str]] = {}
    for device in devices:
        sensors.setdefault((device.site_id, device.kind), []).append(device.device_id)
    guards: list[Guard] = []
    gates: list[Gate] = []
    barriers: list[Barrier] = []
    for site in sites:
        chance = Random(f"{seed}/register/{site.site_id}")
        guards.extend(_guard(site, number, chance) for number in range(guards_of(site)))
        doors = sensors.get((site.site_id, DeviceKind.ACCESS_CONTROL), [])
        gates.append(
            Gate(site_id=site.site_id, gate_id=MAIN_GATE, name="正门", main=True, device_id=doors[0] if doors else "")
        )
        gates.append(Gate(site_id=site.site_id, gate_id=SIDE_GATE, name="侧门"))
        sensed = sensors.get((site.site_id, DeviceKind.BARRIER), [])
        barriers.extend(_barriers(site, sensed[0] if sensed else "", on, chance))
    return Register(
        guards=tuple(guards),
        posts=tuple(
            GuardPost(
                site_id=site.site_id, post_id="post-1", place="正门", required=2 if (site.pupils or 0) < 300 else 3
            )
            for site in sites
        ),
        gates=tuple(gates),
        barriers=tuple(barriers),
        officers=tuple(
            SafetyOfficer(
                site_id=site.site_id, name=site.contact_name, phone=site.contact_phone, contacts=tuple(contacts)
            )
            for site in sites
            if site.contact_name
        ),
    )


def shifts_of(guards: Iterable[Guard], *, first: date, last: date) -> Iterator[GuardShift]:
    """The shifts that begin on ``first`` to ``last``, as the simulated day has them."""
    by_site: dict[str, list[Guard]] = {}
    for guard in guards:
        by_site.setdefault(guard.site_id, []).append(guard)
    for site_id, among in by_site.items():
        day = first
        while day <= last:
            midnight = datetime(day.year, day.month, day.day, tzinfo=CHINA_TIME)
            for shift, (starts, ends) in enumerate(SHIFTS):
                yield GuardShift(
                    guard_id=among[on_shift(day, shift, len(among))].guard_id,
                    site_id=site_id,
                    starts_at=(midnight + timedelta(minutes=starts)).astimezone(UTC),
                    ends_at=(midnight + timedelta(minutes=ends)).astimezone(UTC),
                )
            day += timedelta(days=1)


def _guard(site: Site, number: int, chance: Random) -> Guard:
    born = date(1978 + chance.randrange(18), 1 + chance.randrange(12), 1 + chance.randrange(28))
    hired = date(born.year + 22 + chance.randrange(4), 1 + chance.randrange(12), 1)
    until = date(2038, 12, 31) if chance.random() < 0.2 else None
    return Guard(
        guard_id=f"{site.site_id}-g{number + 1:02d}",
        site_id=site.site_id,
        name=chance.choice(SURNAMES) + chance.choice(GIVEN_NAMES),
        born_on=born,
        first_hired_on=hired,
        serves_from=hired,
        certificate_no=f"苏{chance.randrange(10**10):010d}",
        certificate_from=hired,
        certificate_until=until,
        company=chance.choice(_COMPANIES),
        phone=f"000-{chance.randrange(10**8):08d}",  # no area code is 000
        card=card_of(number),
    )


def _barriers(site: Site, sensor: str, on: date, chance: Random) -> Iterator[Barrier]:
    """Lifting bollards at the main gate, fixed ones at the other."""
    for number, (gate_id, kind, device_id) in enumerate(
        ((MAIN_GATE, BarrierKind.LIFTING_BOLLARD, sensor), (SIDE_GATE, BarrierKind.BOLLARD, "")), start=1
    ):
        yield Barrier(
            site_id=site.site_id,
            barrier_id=f"bar-{number}",
            gate_id=gate_id,
            kind=kind,
            installed_on=date(2020, 9, 1) + timedelta(days=chance.randrange(700)),
            inspected_on=on - timedelta(days=10 + chance.randrange(50)),
            inspection_days=_INSPECTION_DAYS,
            device_id=device_id,
        )
