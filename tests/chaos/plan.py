"""What is injected when: an order that follows from the seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random

from tests.chaos.faults import CALM, Fault

#: Shorter stretches would measure the end of the fault before; longer ones are cut into rounds.
_SHORTEST_S = 5.0
_ROUND_STRETCH_S = 40.0
#: One stretch in so many has two faults at once.
_PAIRS = 5


@dataclass(frozen=True, slots=True)
class Stretch:
    """``faults`` at once for ``lasts_s``, and ``rests_s`` in which the installation finds its feet again."""

    faults: tuple[Fault, ...]
    lasts_s: float
    rests_s: float

    @property
    def name(self) -> str:
        return " + ".join(sorted(fault.name for fault in self.faults))


def plan(faults: Sequence[Fault], *, seed: int, duration_s: float) -> list[Stretch]:
    """Calm first, then every fault at least once and some pairs of them, in an order and for times that ``seed``
    gives; about ``duration_s`` in all, more where that is too short for all of them.
    """
    chance = Random(f"chaos/{seed}")
    compatible = [pair for pair in combinations(faults, 2) if not pair[0].touches & pair[1].touches]
    pairs = min(len(compatible), -(-len(faults) // _PAIRS))
    in_a_round = len(faults) + pairs
    rounds = max(1, round(duration_s / (_ROUND_STRETCH_S * in_a_round)))
    each_s = max(_SHORTEST_S, duration_s / (rounds * in_a_round + 1))
    groups: list[tuple[Fault, ...]] = [(CALM,)]
    for _ in range(rounds):
        once = [*((fault,) for fault in faults), *chance.sample(compatible, pairs)]
        chance.shuffle(once)
        groups += once
    stretches = []
    for group in groups:
        lasts_s = each_s * chance.uniform(0.3, 0.6)
        stretches.append(Stretch(group, lasts_s, each_s - lasts_s))
    return stretches
