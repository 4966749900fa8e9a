"""Happenings: what the control room did, as whoever runs a scenario saw it.

====================  =====================================================================================
kind                  ``what``
====================  =====================================================================================
incident              the rule; an incident was opened
change                the timeline's word: acknowledged, returned, reset, closed, repeated, raised_again,
                      updated, nobody_on_duty, shelved, unshelved, declined,
                      nobody_answered, acknowledgement_expired, regraded; an incident that was open already went
                      on. link_accepted, link_refused: a person at the link answered;
                      report_warning, report_met, report_missed, report_waived: its two-hour clock
receipt               the link (police, education); its receipt is written down
notice                ``duty``; the duty leader's telephone took the notice, ``to`` is the leader
failure               the link or ``duty``: a delivery failed for the first time or for good (one for each line
                      that the incident's timeline has of it); ``operator``: an action that an operator could
                      not carry out
target                the target; a site stands otherwise to it, ``standing`` and ``causes`` say how
====================  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from domain.delivery import DeliveryChannel


class HappeningKind(StrEnum):
    INCIDENT = "incident"
    CHANGE = "change"
    RECEIPT = "receipt"
    NOTICE = "notice"
    FAILURE = "failure"
    TARGET = "target"


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
    "shelved",
    "unshelved",
    "declined",
    "nobody_answered",
    "acknowledgement_expired",
    "regraded",
    "link_accepted",
    "link_refused",
    "report_warning",
    "report_met",
    "report_missed",
    "report_waived",
)

#: The telephone of whoever is on duty, as scenarios call it.
DUTY = "duty"
OPERATOR = "operator"


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """``at_s``: when the control room had it, by its own clock (seconds since 1970 UTC), not when a device says it was.

    ``rule``, ``site``, ``device``, ``severity``, ``test`` and ``drill`` are those of the incident that it belongs to.
    ``to``: who was told. ``text``: what a reader of the timeline may want to know beside (an error, a value).
    ``causes``: the requirements that keep a site from a target. ``proofs``: what was found, by its fields: of an
    incident one, of a target one for each cause (``requirement``, ``subject`` and what there is to say of it).
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
    standing: str = ""
    causes: tuple[str, ...] = ()
    proofs: tuple[Mapping[str, Any], ...] = ()


class About(Protocol):
    """As much of an incident as tells it from others."""

    @property
    def rule(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def site_id(self) -> str: ...
    @property
    def device_id(self) -> str: ...
    @property
    def test(self) -> bool: ...
    @property
    def drill(self) -> bool: ...


#: What a line of a timeline is. Receipts and notices are known of deliveries.
_LINES = {
    "raised": HappeningKind.INCIDENT,
    "delivery_delayed": HappeningKind.FAILURE,
    "delivery_failed": HappeningKind.FAILURE,
    **dict.fromkeys(CHANGES, HappeningKind.CHANGE),
}


def of_incident(
    incident: About,
    at_s: float,
    kind: HappeningKind,
    what: str,
    *,
    to: str = "",
    text: str = "",
    proofs: tuple[Mapping[str, Any], ...] = (),
) -> Happening:
    return Happening(
        at_s=at_s,
        kind=kind,
        what=what,
        rule=incident.rule,
        site=incident.site_id,
        device=incident.device_id,
        to=to,
        severity=incident.severity,
        test=incident.test,
        drill=incident.drill,
        text=text,
        proofs=proofs,
    )


def of_line(incident: About, at_s: float, *, word: str, actor: str, detail: Mapping[str, Any]) -> Happening | None:
    """What a line of ``incident``'s timeline tells; None where it is nobody's business here."""
    kind = _LINES.get(word)
    if kind is None:
        return None
    recipient = str(detail.get("recipient", ""))
    match kind:
        case HappeningKind.INCIDENT:
            what = incident.rule
        case HappeningKind.CHANGE:
            what = word
        case _:
            what = recipient if detail.get("channel") == DeliveryChannel.WEBHOOK.value else DUTY
    text = str(detail.get("error", "")) or (actor if kind is HappeningKind.CHANGE else "")
    # How many messages an acknowledgement still found queued is a matter of who came first within one moment.
    told = {field: value for field, value in detail.items() if field != "cancelled"}
    proofs = () if kind is HappeningKind.FAILURE else (told,)
    return of_incident(incident, at_s, kind, what, to=recipient, text=text, proofs=proofs)
