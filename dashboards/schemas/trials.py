"""Trials of rules on what happened."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from dashboards.moments import Moment
from dashboards.schemas import Actor, Incoming, Reply
from dashboards.trials import TrialState


class TrialBody(Incoming):
    """A rule, and on what it is tried."""

    actor: Actor
    document: dict[str, Any] = Field(description="As the JSON Schema of `/rules/schema` has it.")
    since: Moment
    until: Moment
    site_id: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,32}$", description="At one site alone.")


class TrialLineReply(Reply):
    """What would have been raised."""

    mark: Literal["new", "both", "gone"] = Field(
        description="By the tried rule alone, by both, or by the rule in force alone."
    )
    key: str
    site_id: str
    device_id: str
    raised_at: datetime
    ended_at: datetime | None
    known: bool = Field(description="There was an incident of it.")


class TrialResultReply(Reply):
    observations: int
    seconds: float
    raised: int = Field(description="Troubles that the tried rule would have raised.")
    today: int | None = Field(description="That the rule in force would have; null: it was not tried beside it.")
    new: int = Field(description="Raised by the tried rule alone.")
    gone: int = Field(description="Raised by the rule in force alone.")
    incidents: int = Field(description="Incidents of this rule that there were in this time.")
    missed: int = Field(description="Of these, those that the tried rule would not have raised.")
    sites: int
    lines: list[TrialLineReply] = Field(description="The first 300, what differs first.")


class TrialReply(Reply):
    trial_id: UUID
    rule: str
    since: datetime
    until: datetime
    site_id: str | None
    asked_by: str
    asked_at: datetime
    today: Literal["", "none", "off", "same", "tried"] = Field(
        description="The rule in force: there is none, it is off, it is the same, or it is tried beside it."
    )
    state: TrialState
    progress: float = Field(description="0 to 1.")
    observations: int
    error: str
    result: TrialResultReply | None


class TrialsReply(Reply):
    items: list[TrialReply]
