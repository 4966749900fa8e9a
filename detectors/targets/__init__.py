"""Targets: from the facts of a site to a verdict with its proof. Pure; one file a measure, registered here.

===============  ==================================================================  ==========
measure          what it asks                                                         ships
===============  ==================================================================  ==========
guard_staffing   full-time guards who count; somebody on shift has checked in         enabled
closed_campus    gates shut in class hours; hard barriers there, inspected, up        enabled
networking       one-key alarms and key-place video proved from end to end            enabled
guard_posts      posts at arrival and leaving, manned and reported                    disabled
===============  ==================================================================  ==========
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from detectors.targets.closed_campus import CLOSED_CAMPUS
from detectors.targets.guard_posts import GUARD_POSTS
from detectors.targets.guard_staffing import GUARD_STAFFING
from detectors.targets.measure import Measure, Parameters, next_change, standing_of
from detectors.targets.moment import Moment
from detectors.targets.networking import NETWORKING
from domain.errors import DefinitionRefused
from domain.site_facts import FactKind, SiteFacts
from domain.target import Standing, TargetDefinition, Verdict

MEASURES: Final[dict[str, Measure]] = {
    "guard_staffing": GUARD_STAFFING,
    "closed_campus": CLOSED_CAMPUS,
    "networking": NETWORKING,
    "guard_posts": GUARD_POSTS,
}


class Ruling(msgspec.Struct, frozen=True):
    """A definition that was checked and can be judged by."""

    definition: TargetDefinition
    parameters: Parameters

    @property
    def rests_on(self) -> frozenset[FactKind]:
        return MEASURES[self.definition.measure].rests_on


def ruling(definition: TargetDefinition) -> Ruling:
    """:raises DefinitionRefused: says each thing that is wrong."""
    faults = []
    parameters: Parameters | None = None
    measure = MEASURES.get(definition.measure)
    if measure is None:
        faults.append(f"measure: no such measure; there are {', '.join(MEASURES)}")
    else:
        try:
            parameters = msgspec.convert(definition.parameters, measure.parameters)
        except msgspec.ValidationError as error:
            faults.append(f"parameters: {error}")
        else:
            faults += [f"parameters.{fault}" for fault in parameters.faults()]
    if not definition.name_zh.strip():
        faults.append("name_zh: a target has a name")
    if not definition.name_en.strip():
        faults.append("name_en: a target has a name")
    if faults or parameters is None:
        raise DefinitionRefused(faults)
    return Ruling(definition, parameters)


def complete(definition: TargetDefinition) -> TargetDefinition:
    """With every figure of its measure, those that it leaves out at their defaults.

    :raises DefinitionRefused: says each thing that is wrong.
    """
    return msgspec.structs.replace(definition, parameters=msgspec.to_builtins(ruling(definition).parameters))


def judge(by: Ruling, facts: SiteFacts, at: datetime, zone: ZoneInfo) -> Verdict:
    """How the site stands at ``at``, as far as ``facts`` tell."""
    definition, parameters = by.definition, by.parameters
    exempt = facts.kind in parameters.exempt_kinds or facts.site_id in parameters.exempt_sites
    evidence = () if exempt else tuple(MEASURES[definition.measure].look(facts, parameters, Moment(at, zone)))
    return Verdict(
        site_no=facts.site_no,
        site_id=facts.site_id,
        target_id=definition.target_id,
        version=definition.version,
        standing=Standing.EXEMPT if exempt else standing_of(evidence),
        evidence=evidence,
        changes_at=next_change(evidence, at),
    )
