"""Happenings: what the control room did, as whoever runs a scenario saw it.

====================  =====================================================================================
kind                  ``what``
====================  =====================================================================================
incident              the rule; an incident was opened
change                the timeline's word: acknowledged, returned, reset, closed, repeated, raised_again,
                      updated, nobody_on_duty; an incident that was open already went on
receipt               the link (police, education); its receipt is written down
notice                ``duty``; the duty leader's telephone took the notice, ``to`` is the leader
failure               the link or ``duty``: a delivery failed for the first time or for good (one for each line
                      that the incident's timeline has of it); ``operator``: an action that an operator could
                      not carry out
====================  =====================================================================================
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class HappeningKind(StrEnum):
    INCIDENT = "incident"
    CHANGE = "change"
    RECEIPT = "receipt"
    NOTICE = "notice"
    FAILURE = "failure"


#: Words of an incident's timeline that are a change. What it has of deliveries is a receipt, a notice or a failure.
CHANGES = (
    "acknowledged",
    "returned",
    "reset",
    "closed",
    "repeated",
    "raised_again",
    "updated",
    "nobody_on_duty",
)

#: The telephone of whoever is on duty, as scenarios call it.
DUTY = "duty"
OPERATOR = "operator"


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """``at_s``: when the control room had it, by its own clock (seconds since 1970 UTC), not when a device says it was.

    ``rule``, ``site``, ``device``, ``severity``, ``test`` and ``drill`` are those of the incident that it belongs to.
    ``to``: who was told. ``text``: what a reader of the timeline may want to know beside (an error, a value).
    """

    at_s: float
    kind: HappeningKind
    what: str
    rule: str = ""
    site: str = ""
    device: str = ""
    to: str = ""
    severity: str = ""
    test: bool = False
    drill: bool = False
    text: str = ""
