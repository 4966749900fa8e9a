"""Rules and their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from dashboards.schemas import Actor, Incoming, Reasoned, Reply, Workstation


class RuleReply(Reply):
    """A version of a rule."""

    rule: str
    version: int = Field(description="0: the one that ships.")
    document: dict[str, Any]
    enabled: bool
    author: str
    reason: str
    at: datetime | None


class RulesReply(Reply):
    items: list[RuleReply]


class RuleDetailReply(RuleReply):
    versions: list[RuleReply] = Field(description="All of them, the newest first.")


class RuleCheckReply(Reply):
    rule: str


class RuleBody(Incoming):
    """A rule, and why it is changed."""

    actor: Actor
    workstation: Workstation = ""
    reason: Reasoned
    document: dict[str, Any] = Field(description="As the JSON Schema of `/rules/schema` has it.")


class RuleSwitchBody(Incoming):
    """Why a rule is switched off or on."""

    actor: Actor
    workstation: Workstation = ""
    reason: Reasoned
