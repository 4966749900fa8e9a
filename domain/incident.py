"""Incidents: what people handle. States and moves follow ISA-18.2 / IEC 62682.

::

                  acknowledge
        raised ────────────────► acknowledged
          │  ▲                     │      │
   return │  │ raise        return │      │ reset (a person; what latched, or life safety)
          ▼  │                     ▼      ▼
        returned ──acknowledge──► normal ──reset──► reset ──close──► closed
            └─────────────────────────┴───close (not life safety)───────┘

What was acknowledged is raised once more where somebody presses for help anew (``call_again``).

Beside its state an incident may be verified, merged into another, of another severity, shelved (IEC 62682: shelved;
`Incident.shelved_until`), or assigned to somebody: these move no state, and the table says in which they are allowed.

``returned``: back to normal but nobody has acknowledged. ``normal``: back to normal and acknowledged.
Life safety (``life_safety``) leaves only through a person's acknowledge and reset; the rest is closed by the system
once it is normal, or by a person.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from domain.errors import IllegalTransition
from domain.finding import Category, Severity
from domain.verification import Verification


class IncidentState(StrEnum):
    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    NORMAL = "normal"
    RESET = "reset"
    CLOSED = "closed"


class IncidentAction(StrEnum):
    RAISE = "raise"  # the detector reports it (again)
    CALL_AGAIN = "call_again"  # somebody presses for help though it is acknowledged
    RETURN = "return"  # the detector reports its end
    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    CLOSE = "close"
    NOTE = "note"
    VERIFY = "verify"
    ATTACH = "attach"
    RECLASSIFY = "reclassify"
    MERGE = "merge"
    SPLIT = "split"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    ASSIGN = "assign"
    UNASSIGN = "unassign"
    EXPIRE = "expire"  # the acknowledgement ran out: who gave it was not heard of again


#: An incident in one of these states is the one and only for its key.
OPEN_STATES = (
    IncidentState.RAISED,
    IncidentState.ACKNOWLEDGED,
    IncidentState.RETURNED,
    IncidentState.NORMAL,
)

#: What detectors and time say, and no person.
SYSTEMS_ACTIONS = (IncidentAction.RAISE, IncidentAction.CALL_AGAIN, IncidentAction.RETURN, IncidentAction.EXPIRE)

_S, _A = IncidentState, IncidentAction

#: The legal moves. What is not here is refused.
TRANSITIONS: dict[tuple[IncidentState, IncidentAction], IncidentState] = {
    (_S.RAISED, _A.RAISE): _S.RAISED,
    (_S.RAISED, _A.RETURN): _S.RETURNED,
    (_S.RAISED, _A.ACKNOWLEDGE): _S.ACKNOWLEDGED,
    (_S.RETURNED, _A.RAISE): _S.RAISED,
    (_S.RETURNED, _A.RETURN): _S.RETURNED,
    (_S.RETURNED, _A.ACKNOWLEDGE): _S.NORMAL,
    (_S.RETURNED, _A.CLOSE): _S.CLOSED,
    (_S.ACKNOWLEDGED, _A.RAISE): _S.ACKNOWLEDGED,
    (_S.ACKNOWLEDGED, _A.CALL_AGAIN): _S.RAISED,
    (_S.ACKNOWLEDGED, _A.RETURN): _S.NORMAL,
    (_S.ACKNOWLEDGED, _A.RESET): _S.RESET,
    (_S.ACKNOWLEDGED, _A.EXPIRE): _S.RAISED,
    (_S.NORMAL, _A.RAISE): _S.RAISED,
    (_S.NORMAL, _A.RETURN): _S.NORMAL,
    (_S.NORMAL, _A.RESET): _S.RESET,
    (_S.NORMAL, _A.CLOSE): _S.CLOSED,
    (_S.RESET, _A.CLOSE): _S.CLOSED,
    **{(state, action): state for state in _S for action in (_A.NOTE, _A.VERIFY, _A.ATTACH, _A.SPLIT)},
    **{(state, action): state for state in OPEN_STATES for action in (_A.RECLASSIFY, _A.MERGE, _A.SHELVE, _A.UNSHELVE)},
    **{(state, action): state for state in (*OPEN_STATES, _S.RESET) for action in (_A.ASSIGN, _A.UNASSIGN)},
}


def next_state(state: IncidentState, action: IncidentAction, *, life_safety: bool) -> IncidentState:
    """The state after ``action``.

    :raises IllegalTransition: the table has no such move, or life safety would be closed without a reset.
    """
    after = TRANSITIONS.get((state, action))
    if after is None:
        allowed = [
            a.value
            for (s, a), to in TRANSITIONS.items()
            if s is state and a not in SYSTEMS_ACTIONS and (to is not s or a is _A.NOTE)
        ]
        raise IllegalTransition(
            f"cannot {action.value} an incident that is {state.value}; possible now: {', '.join(sorted(allowed))}"
        )
    if life_safety and action is _A.CLOSE and state is not _S.RESET:
        raise IllegalTransition("a life-safety incident is closed only after a person has reset it")
    if life_safety and action is _A.SHELVE:
        raise IllegalTransition("life safety is never shelved")
    return after


def check_merge(child: Incident, main: Incident) -> None:
    """Whether ``child`` may be handled under ``main``. It keeps its state, its timeline and its deliveries, and where
    it is life safety its own reset.

    :raises IllegalTransition: it may not, and why.
    """
    next_state(child.state, _A.MERGE, life_safety=child.life_safety)
    next_state(main.state, _A.MERGE, life_safety=main.life_safety)
    if child.incident_id == main.incident_id:
        raise IllegalTransition("an incident is not merged into itself")
    if child.merged_into is not None:
        raise IllegalTransition("it is merged already; split it first")
    if main.merged_into is not None:
        raise IllegalTransition(f"#{main.number} is itself merged into another; merge into that one")
    if child.life_safety and not main.life_safety:
        raise IllegalTransition("life safety is merged under life safety only")
    if (child.test, child.drill) != (main.test, main.drill):
        raise IllegalTransition("a test or a drill is merged with its like only: no alarm may hide behind one")


def check_severity(incident: Incident, severity: Severity) -> None:
    """:raises IllegalTransition: it has this one, it is over, or life safety would be taken less seriously."""
    next_state(incident.state, _A.RECLASSIFY, life_safety=incident.life_safety)
    if severity is incident.severity:
        raise IllegalTransition(f"it is {severity.value} already")
    if incident.life_safety and severity.rank > incident.severity.rank:
        raise IllegalTransition("the severity of life safety is never lowered")


class OpenCase(msgspec.Struct, frozen=True, kw_only=True):
    """What the alarm lane has to know of an open incident, with and without the database.

    ``incident_id`` is None where only the key is known, ``number`` where the database has not given one yet.
    ``returned``: back to normal, acknowledged or not; raised once more it is a new call. ``raised_at`` is when it was
    raised first, ``acknowledged_at`` when somebody took it on, where it is still there and taken.
    """

    incident_id: UUID | None
    number: int | None = None
    returned: bool = False
    raised_at: datetime | None = None
    acknowledged_at: datetime | None = None


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as stored. ``number`` is the short one that people say aloud; all times are aware UTC."""

    incident_id: UUID
    number: int
    key: str
    rule: str
    category: Category
    severity: Severity
    life_safety: bool
    test: bool
    drill: bool
    site_no: int
    site_id: str
    device_no: int | None
    device_id: str
    state: IncidentState
    raised_at: datetime
    last_event_at: datetime
    occurrences: int
    detail: dict[str, Any]
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    returned_at: datetime | None = None
    reset_at: datetime | None = None
    reset_by: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    verification: Verification | None = None
    merged_into: UUID | None = None
    shelved_until: datetime | None = None
    assigned_to: str | None = None
