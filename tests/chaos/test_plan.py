"""What is injected follows from the seed, and nothing is left out."""

from __future__ import annotations

import pytest

from tests.chaos.faults import BY_NAME, CALM, FAULTS, SHORT
from tests.chaos.plan import plan


@pytest.mark.parametrize("seed", range(5))
def test_every_fault_comes_at_least_once_and_some_come_in_pairs(seed: int) -> None:
    stretches = plan(FAULTS, seed=seed, duration_s=600)
    assert stretches[0].faults == (CALM,)
    assert {s.faults[0] for s in stretches if len(s.faults) == 1} == {CALM, *FAULTS}
    pairs = [s.faults for s in stretches if len(s.faults) == 2]
    assert len(pairs) >= 3
    assert all(not one.touches & other.touches for one, other in pairs)
    assert sum(s.lasts_s + s.rests_s for s in stretches) == pytest.approx(600)


def test_the_same_seed_makes_the_same_plan_and_another_one_another() -> None:
    assert plan(FAULTS, seed=7, duration_s=600) == plan(FAULTS, seed=7, duration_s=600)
    assert plan(FAULTS, seed=7, duration_s=600) != plan(FAULTS, seed=8, duration_s=600)


def test_a_long_run_goes_through_all_faults_several_times() -> None:
    names = [s.name for s in plan(FAULTS, seed=1, duration_s=3600)]
    assert {names.count(fault.name) for fault in FAULTS} == {4}


def test_the_short_form_names_faults_that_there_are() -> None:
    assert set(SHORT) <= BY_NAME.keys()
