"""Maintenance windows, and what they hold back."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from dashboards.moments import Moment
from dashboards.schemas import EXAMPLE_AT, Actor, Incoming, Reasoned, Reply, Workstation
from domain.device import DeviceKind
from domain.finding import Severity
from domain.maintenance import HeldState


class WindowBody(Incoming):
    """A maintenance window. What is left out of its scope means any; at least one is named, and all must fit."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "actor": "值班员 张伟",
                    "site_id": "s001",
                    "ends_at": EXAMPLE_AT.isoformat(),
                    "reason": "更换交换机",
                }
            ]
        }
    )

    actor: Actor
    workstation: Workstation = ""
    site_id: str = Field(default="", pattern=r"^[a-z0-9-]{0,32}$")
    device_id: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]{0,64}$", description="With its site.")
    rule: str = Field(default="", pattern=r"^[a-z0-9_]{0,64}$", description="Never one of life safety.")
    device_kind: DeviceKind | None = None
    starts_at: Moment | None = Field(default=None, description="Left out: now.")
    ends_at: Moment = Field(description="At most 31 days later.")
    reason: Reasoned


class ScopeReply(Reply):
    site_id: str
    device_id: str
    rule: str
    device_kind: DeviceKind | None


class WindowReply(Reply):
    """A maintenance window."""

    window_no: int
    scope: ScopeReply
    starts_at: datetime
    ends_at: datetime
    reason: str
    author: str
    made_at: datetime
    ended_at: datetime | None = Field(description="When a person ended it before its time.")
    ended_by: str | None


class HeldReply(Reply):
    """A finding that a window held back: it opened no incident."""

    held_no: int
    window_no: int
    rule: str
    severity: Severity
    site_id: str
    device_id: str
    first_at: datetime
    last_at: datetime
    times: int
    state: HeldState = Field(
        description="standing: held still; cleared: over before the window; raised: stood at its end, and was raised."
    )
    settled_at: datetime | None
