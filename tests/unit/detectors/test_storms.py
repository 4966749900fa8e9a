"""Thousands reconnect, brokers and processes die, lines stall: nobody is lost who speaks, and no alarm is forgotten."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.rules.heartbeat_lost import MISSED_INTERVALS
from domain.finding import FindingKind
from tests.unit.detectors.sayings import START
from tests.unit.detectors.storm import Fault, Storm, district

#: So long after the last fault everything that happened before has been found.
SETTLED_S = 360


def _lost(storm: Storm) -> Counter[int]:
    return Counter(
        finding.device_no or 0
        for finding in storm.found
        if finding.rule == "heartbeat_lost" and finding.kind is FindingKind.RAISED
    )


def _fires(storm: Storm) -> Counter[int]:
    return Counter(
        finding.device_no or 0
        for finding in storm.found
        if finding.rule == "high_temperature" and finding.kind is FindingKind.RAISED
    )


def _check(storm: Storm, run_s: int) -> None:
    """Nobody who speaks was lost, whoever fell silent was, once, and each fire was raised, once."""
    lost, fell_silent = _lost(storm), storm.dies_at.keys() & storm.spoke_at.keys()
    assert lost.keys() <= fell_silent
    quiet_s = run_s - max((fault.start_s + fault.length_s for fault in storm.faults), default=0)
    if quiet_s > SETTLED_S:
        assert lost == Counter(fell_silent)
    patience = {one.device_no: MISSED_INTERVALS * one.heartbeat_s for one in storm.devices}
    for finding in storm.found:
        number = finding.device_no or 0
        if number in lost and finding.kind is FindingKind.RAISED:
            silent_s = (finding.found_at - START).total_seconds() - storm.spoke_at[number]
            assert silent_s >= patience[number]
    assert _fires(storm) == Counter(no for nos in storm.fires.values() for no in nos)


@pytest.mark.parametrize(
    ("devices", "faults"),
    [
        (20_000, [Fault("broker dies", 60, 15), Fault("we die", 80, 3), Fault("slow", 83, 30), Fault("we die", 95, 5)]),
        (20_000, [Fault("we die", 40, 100), Fault("slow", 140, 20), Fault("line stalls", 165, 50)]),
        (500, [Fault("broker dies", 100, 20)]),
        (500, [Fault("we die", 100, 200)]),
        (500, [Fault("we die", 100, 2), Fault("we die", 110, 2), Fault("we die", 120, 2)]),
        (500, [Fault("line stalls", 100, 140)]),
    ],
    ids=["restarts amid reconnecting", "long away", "broker restarts", "we restart", "crash loop", "stalled line"],
)
def test_a_district_through_a_storm(devices: int, faults: list[Fault]) -> None:
    """Ten devices die for good, and fires break out before, amid and after it."""
    run_s = 320 if devices == 20_000 else 700
    storm = Storm(
        district(devices),
        faults,
        rate=devices // 5,
        dies_at={number: 20 + 10 * number for number in range(1, 11)},
        fires={number: [100 + number] for number in range(25, 300, 25)},
    )
    storm.fires = {second: nos for second, nos in storm.fires.items() if not storm.has("broker dies", second)}
    storm.run(run_s)
    _check(storm, run_s)
    assert len(storm.spoke_at) == devices


FAULTS = st.lists(
    st.builds(
        Fault,
        st.sampled_from(["we die", "we die", "broker dies", "line stalls", "slow"]),
        st.integers(20, 500),
        st.integers(1, 200),
    ),
    max_size=7,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FAULTS, st.sampled_from([5, 10, 30]), st.integers(0, 2**32))
def test_whatever_goes_wrong_nobody_who_speaks_is_lost(faults: list[Fault], heartbeat_s: int, seed: int) -> None:
    storm = Storm(
        district(20, heartbeat_s=heartbeat_s),
        faults,
        rate=40,
        dies_at={1: 60, 2: 300},
        fires={30: [3], 400: [4]},
        seed=seed,
    )
    storm.fires = {second: nos for second, nos in storm.fires.items() if not storm.has("broker dies", second)}
    storm.run(1500)
    _check(storm, 1500)
