from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import IllegalTransition
from domain.incident import OPEN_STATES, IncidentAction, IncidentState, next_state

_S, _A = IncidentState, IncidentAction

#: ISA-18.2 / IEC 62682 as docs and wall show it, written down once more by hand.
EXPECTED = {
    (_S.RAISED, _A.RAISE): _S.RAISED,
    (_S.RAISED, _A.RETURN): _S.RETURNED,
    (_S.RAISED, _A.ACKNOWLEDGE): _S.ACKNOWLEDGED,
    (_S.ACKNOWLEDGED, _A.RAISE): _S.ACKNOWLEDGED,
    (_S.ACKNOWLEDGED, _A.CALL_AGAIN): _S.RAISED,
    (_S.ACKNOWLEDGED, _A.RETURN): _S.NORMAL,
    (_S.ACKNOWLEDGED, _A.RESET): _S.RESET,
    (_S.ACKNOWLEDGED, _A.EXPIRE): _S.RAISED,
    (_S.RETURNED, _A.RAISE): _S.RAISED,
    (_S.RETURNED, _A.RETURN): _S.RETURNED,
    (_S.RETURNED, _A.ACKNOWLEDGE): _S.NORMAL,
    (_S.RETURNED, _A.CLOSE): _S.CLOSED,
    (_S.NORMAL, _A.RAISE): _S.RAISED,
    (_S.NORMAL, _A.RETURN): _S.NORMAL,
    (_S.NORMAL, _A.RESET): _S.RESET,
    (_S.NORMAL, _A.CLOSE): _S.CLOSED,
    (_S.RESET, _A.CLOSE): _S.CLOSED,
    (_S.RAISED, _A.NOTE): _S.RAISED,
    (_S.ACKNOWLEDGED, _A.NOTE): _S.ACKNOWLEDGED,
    (_S.RETURNED, _A.NOTE): _S.RETURNED,
    (_S.NORMAL, _A.NOTE): _S.NORMAL,
    (_S.RESET, _A.NOTE): _S.RESET,
    (_S.CLOSED, _A.NOTE): _S.CLOSED,
    # What moves no state: some of it in any, some only while an incident is open.
    **{(state, action): state for state in _S for action in (_A.VERIFY, _A.ATTACH, _A.SPLIT)},
    **{(state, action): state for state in OPEN_STATES for action in (_A.RECLASSIFY, _A.MERGE, _A.SHELVE, _A.UNSHELVE)},
    **{(state, action): state for state in (*OPEN_STATES, _S.RESET) for action in (_A.ASSIGN, _A.UNASSIGN)},
}
ONLY_AFTER_A_RESET = {(_S.RETURNED, _A.CLOSE), (_S.NORMAL, _A.CLOSE)}
PEOPLE = (_A.ACKNOWLEDGE, _A.RESET)


@pytest.mark.parametrize("life_safety", [False, True])
@pytest.mark.parametrize(("state", "action"), list(product(_S, _A)))
def test_every_action_in_every_state(state: IncidentState, action: IncidentAction, life_safety: bool) -> None:
    after = EXPECTED.get((state, action))
    if after is None or (life_safety and ((state, action) in ONLY_AFTER_A_RESET or action is _A.SHELVE)):
        with pytest.raises(IllegalTransition):
            next_state(state, action, life_safety=life_safety)
    else:
        assert next_state(state, action, life_safety=life_safety) is after


def test_a_refusal_says_what_a_person_can_do_instead() -> None:
    with pytest.raises(IllegalTransition, match="cannot reset an incident that is raised; possible now: acknowledge"):
        next_state(_S.RAISED, _A.RESET, life_safety=True)
    with pytest.raises(IllegalTransition) as refused:
        next_state(_S.CLOSED, _A.ACKNOWLEDGE, life_safety=False)
    assert str(refused.value).endswith("possible now: note")


def _run(actions: list[IncidentAction], *, life_safety: bool) -> list[tuple[IncidentAction, IncidentState]]:
    """The moves that were made; what is refused changes nothing."""
    state, moves = _S.RAISED, []
    for action in actions:
        try:
            state = next_state(state, action, life_safety=life_safety)
        except IllegalTransition:
            continue
        moves.append((action, state))
    return moves


@given(st.lists(st.sampled_from([action for action in _A if action not in PEOPLE]), max_size=50))
def test_detectors_and_the_system_never_end_life_safety(actions: list[IncidentAction]) -> None:
    assert all(state in OPEN_STATES for _, state in _run(actions, life_safety=True))


@given(st.lists(st.sampled_from(list(_A)), max_size=50))
def test_life_safety_ends_only_after_an_acknowledgement_and_a_reset(actions: list[IncidentAction]) -> None:
    moves = _run(actions, life_safety=True)
    done = [action for action, _ in moves]
    for place, (_, state) in enumerate(moves):
        if state is _S.RESET:
            assert _A.ACKNOWLEDGE in done[:place]
        if state is _S.CLOSED:
            assert _A.RESET in done[:place]


@given(st.lists(st.sampled_from(list(_A)), max_size=50), st.booleans())
def test_what_was_reset_or_closed_is_never_open_again(actions: list[IncidentAction], life_safety: bool) -> None:
    over = False
    for _, state in _run(actions, life_safety=life_safety):
        assert not (over and state in OPEN_STATES)
        over = state not in OPEN_STATES


@given(st.lists(st.sampled_from(list(_A)), max_size=50), st.booleans())
def test_a_detector_can_always_report_to_an_open_incident(actions: list[IncidentAction], life_safety: bool) -> None:
    state = (_run(actions, life_safety=life_safety) or [(_A.NOTE, _S.RAISED)])[-1][1]
    if state in OPEN_STATES:
        next_state(state, _A.RAISE, life_safety=life_safety)
        next_state(state, _A.RETURN, life_safety=life_safety)
