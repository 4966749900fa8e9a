"""Observations taken together conclude, keep and remember what they would one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from hypothesis import HealthCheck, given, settings

from detectors.engine import Engine
from detectors.rules import bulk_rules
from domain.finding import Finding
from domain.observation import Observation
from tests.unit.detectors.histories import HISTORIES, Kept, Lived, Writer, live, memory


class _Together:
    """An engine that holds observations back until something else is asked of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: list[Observation] = []
        self.found: list[Finding] = []

    def observe(self, observation: Observation) -> Sequence[Finding]:
        self._held.append(observation)
        return ()

    def flush(self) -> None:
        held, self._held = self._held, []
        self.found += self._engine.observe_many(held)

    def __getattr__(self, name: str) -> Any:
        self.flush()
        return getattr(self._engine, name)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES)
def test_a_batch_is_its_observations_one_by_one(steps: list[Any]) -> None:
    batches = Writer().write(steps)
    singly = live(batches, Kept())
    kept, together = Kept(), _Together(Engine(bulk_rules()))
    for batch in batches:
        for deed in batch.deeds:
            concluded = deed(cast(Engine, together))
            together.found += concluded
        kept.commit(cast(Engine, together))
    assert together.found == singly.found
    assert kept.liveness == singly.kept.liveness
    assert kept.states == singly.kept.states
    assert memory(Lived(together._engine, kept, together.found)) == memory(singly)
