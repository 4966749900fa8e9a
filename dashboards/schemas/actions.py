"""What people decide about an incident."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from dashboards.moments import Moment
from dashboards.schemas import ActionBody, Actor, Incoming, Reasoned, Reply, Text, Workstation, storable
from domain.finding import Severity
from domain.verification import Verification


class VerifyBody(ActionBody):
    """What a person found out. The reason is one of `/verification-reasons`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"actor": "值班员 张伟", "verification": "false", "reason": "pressed_by_mistake"}]
        }
    )

    verification: Verification
    reason: str = Field(pattern=r"^[a-z_]{1,40}$")


class SeverityBody(ActionBody):
    """Another severity, by hand."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"actor": "值班员 张伟", "severity": "major", "note": "现场已核实"}]}
    )

    severity: Severity


class MergeBody(ActionBody):
    """Which incident to handle it under."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"actor": "值班员 张伟", "into": "0198f3a4-6f2e-7d7a-9c39-0d4cf5b8f001"}]}
    )

    into: UUID


class ShelveBody(Incoming):
    """Until when, and why. At most 24 hours."""

    actor: Actor
    workstation: Workstation = ""
    until: Moment
    reason: Reasoned


class AssignBody(ActionBody):
    """Who has it in hand."""

    person_id: Text = Field(default="", max_length=64, description="As `/duty/who` names him; empty = whoever asks.")


class VerificationReasonReply(Reply):
    """A reason code, of which verifications it may be the reason, and its words."""

    code: str
    of: list[Verification]
    zh: str
    en: str


class VerificationReasonsReply(Reply):
    reasons: list[VerificationReasonReply]


class NoteBody(Incoming):
    """A remark for the timeline."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"actor": "值班员 张伟", "note": "民警已到场"}]})

    actor: Actor
    workstation: Workstation = ""
    note: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(storable)
    ]
