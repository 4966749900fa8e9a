from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.retry import FIRST_S, GIVE_UP_AFTER, LONGEST_S, backoff_s, next_attempt
from tests.unit.alerting.findings import NOW

JITTER = st.floats(0, 1, exclude_max=True)
ATTEMPTS = st.integers(1, 100_000)


@given(ATTEMPTS, JITTER)
def test_a_wait_is_never_shorter_than_half_a_second_nor_longer_than_a_minute(attempts: int, jitter: float) -> None:
    assert FIRST_S / 2 <= backoff_s(attempts, jitter=jitter) <= LONGEST_S


@given(ATTEMPTS, JITTER)
def test_waits_grow_until_they_are_a_minute(attempts: int, jitter: float) -> None:
    assert backoff_s(attempts, jitter=jitter) <= backoff_s(attempts + 1, jitter=jitter)


@given(ATTEMPTS, st.timedeltas(timedelta(0), timedelta(days=400)), JITTER)
def test_life_safety_is_tried_until_it_is_taken(attempts: int, age: timedelta, jitter: float) -> None:
    again = next_attempt(
        attempts=attempts, created_at=NOW - age, now=NOW, permanent=False, life_safety=True, jitter=jitter
    )
    assert again is not None
    assert NOW < again <= NOW + timedelta(seconds=LONGEST_S)


@pytest.mark.parametrize(
    ("permanent", "life_safety", "age", "again"),
    [
        (False, False, GIVE_UP_AFTER, True),
        (False, False, GIVE_UP_AFTER + timedelta(seconds=1), False),
        (True, False, timedelta(0), False),
        (True, True, GIVE_UP_AFTER, True),
        (True, True, GIVE_UP_AFTER + timedelta(seconds=1), False),
    ],
)
def test_when_it_is_given_up(permanent: bool, life_safety: bool, age: timedelta, again: bool) -> None:
    at = next_attempt(
        attempts=3, created_at=NOW - age, now=NOW, permanent=permanent, life_safety=life_safety, jitter=0.5
    )
    assert (at is not None) is again


def test_refused_life_safety_is_tried_once_a_minute() -> None:
    at = next_attempt(attempts=1, created_at=NOW, now=NOW, permanent=True, life_safety=True, jitter=0.0)
    assert at == NOW + timedelta(seconds=60)
