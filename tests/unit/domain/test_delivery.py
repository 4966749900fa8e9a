"""What may befall a delivery."""

from __future__ import annotations

import pytest

from domain.delivery import TRANSITIONS, DeliveryState, DeliveryStep, before, next_state


@pytest.mark.parametrize(
    "proof", [DeliveryState.RECEIVED, DeliveryState.ACCEPTED, DeliveryState.REFUSED], ids=lambda one: one.value
)
@pytest.mark.parametrize("step", [DeliveryStep.RETRY, DeliveryStep.FAIL, DeliveryStep.CANCEL, DeliveryStep.SEND])
def test_nothing_takes_a_proved_arrival_back(proof: DeliveryState, step: DeliveryStep) -> None:
    assert next_state(proof, step) is proof


@pytest.mark.parametrize("state", DeliveryState)
def test_what_a_person_there_says_counts_in_every_state(state: DeliveryState) -> None:
    assert next_state(state, DeliveryStep.ACCEPT) is DeliveryState.ACCEPTED
    assert next_state(state, DeliveryStep.REFUSE) is DeliveryState.REFUSED


def test_the_database_asks_the_same_table() -> None:
    for step in DeliveryStep:
        assert {DeliveryState(value) for value in before(step)} == {s for (s, taken) in TRANSITIONS if taken is step}
