"""The made-up district is as it should be: a quiet day gives nobody a reason to complain."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from simulators.district import build_district
from simulators.enrolment import guards_of
from simulators.register import build_register, shifts_of

ON = date(2026, 11, 29)
DISTRICT = build_district()
REGISTER = build_register(1, DISTRICT.sites, DISTRICT.devices, on=ON)


def _age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def test_the_same_seed_makes_the_same_register_and_another_seed_another() -> None:
    again = build_register(1, DISTRICT.sites, DISTRICT.devices, on=ON)
    assert msgspec.json.encode(again) == msgspec.json.encode(REGISTER)
    assert build_register(2, DISTRICT.sites, DISTRICT.devices, on=ON).guards != REGISTER.guards


@pytest.mark.parametrize("on", [date(2026, 1, 1), ON, date(2035, 1, 1)])
def test_guards_are_as_many_and_as_young_as_they_have_to_be_and_have_certificates(on: date) -> None:
    counts = {site.site_id: 0 for site in DISTRICT.sites}
    for guard in REGISTER.guards:
        counts[guard.site_id] += 1
        assert 18 <= _age(guard.born_on, guard.first_hired_on) <= 50
        assert _age(guard.born_on, on) <= 60
        assert guard.certificate_no
        assert guard.certificate_until is None or guard.certificate_until > on
        assert guard.serves_from <= on
    assert counts == {site.site_id: guards_of(site) for site in DISTRICT.sites}
    assert min(counts.values()) == 2


def test_each_main_gate_has_a_barrier_that_was_inspected_lately_and_says_how_it_stands() -> None:
    devices = {(device.site_id, device.device_id) for device in DISTRICT.devices}
    mains = {(gate.site_id, gate.gate_id) for gate in REGISTER.gates if gate.main}
    assert len(mains) == len(DISTRICT.sites)
    held = {(barrier.site_id, barrier.gate_id): barrier for barrier in REGISTER.barriers}
    for key in mains:
        barrier = held[key]
        assert (barrier.site_id, barrier.device_id) in devices
        assert barrier.inspected_on is not None
        assert timedelta(0) < ON - barrier.inspected_on < timedelta(days=90)
        assert barrier.installed_on is not None
        assert barrier.installed_on < barrier.inspected_on
    assert {gate.device_id for gate in REGISTER.gates if gate.site_id == "s001"} == {"s001-door-01", ""}


def test_somebody_is_on_shift_at_every_moment() -> None:
    shifts = list(shifts_of(REGISTER.guards, first=ON, last=ON + timedelta(days=2)))
    known = {guard.guard_id for guard in REGISTER.guards}
    assert {shift.guard_id for shift in shifts} <= known
    for site in DISTRICT.sites:
        among = [shift for shift in shifts if shift.site_id == site.site_id]
        assert [shift.starts_at for shift in among[1:]] == [shift.ends_at for shift in among[:-1]]
    assert shifts[0].starts_at == datetime(2026, 11, 28, 23, tzinfo=UTC)


def test_every_site_has_a_post_and_an_officer() -> None:
    sites = {site.site_id for site in DISTRICT.sites}
    assert {post.site_id for post in REGISTER.posts} == sites
    assert {officer.site_id for officer in REGISTER.officers} == sites
