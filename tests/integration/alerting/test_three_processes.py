"""Three alerting processes, killed at random: each step is sent once, none after somebody has taken it."""

from __future__ import annotations

import pytest

from tests.integration.alerting.escalation_trial import run_trial


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [7])
async def test_whoever_dies_each_step_is_sent_once_and_none_after_somebody_has_taken_it(
    plain_database: str, seed: int
) -> None:
    account, faults = await run_trial(plain_database, incidents=100, kills=4, seed=seed, within_s=240)
    assert faults == []
    assert account.kills == 4
    assert 10 < len(account.taken_at) < 70
