"""Every scenario that ships, told to the production code on a virtual clock: what it wants happens, and no more."""

from __future__ import annotations

import msgspec
import pytest

from simulators.alarm_lines import Language
from simulators.scenarios.judge import judge
from simulators.scenarios.reading import library, load
from tests.acceptance.scenarios.conftest import Play

NAMES = [entry.name for entry in library()]


def test_enough_scenarios_ship() -> None:
    assert len(NAMES) >= 15


@pytest.mark.parametrize("name", NAMES)
def test_scenario_comes_out_as_it_says(name: str, play: Play) -> None:
    """And again the second time: chance, disk and database leave no trace in what happens."""
    script = load(name)
    told = play(script)
    judgement = judge(script, told, language=Language.EN)
    assert judgement.ok, "\n\n".join(map(str, judgement.failures))
    assert play(script) == told


def test_another_seed_gives_another_story_that_comes_out_alike(play: Play) -> None:
    script = load("dormitory-fire")
    other = msgspec.structs.replace(script, seed=script.seed + 1)
    told, told_otherwise = play(script), play(other)
    assert told != told_otherwise
    assert judge(other, told_otherwise).ok


def test_what_does_not_happen_is_missed(play: Play) -> None:
    """A judge that is content with everything would be content with a control room that is dead."""
    script = load("dormitory-fire")
    silent = msgspec.structs.replace(script, steps=())
    judgement = judge(silent, play(silent))
    assert len(judgement.failures) == len(silent.wants)
