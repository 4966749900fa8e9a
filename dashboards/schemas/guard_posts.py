"""Guard posts (护学岗) with what was reported of them, and safety officers (安全干部)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import ConfigDict, Field

from dashboards.moments import Moment
from dashboards.schemas import Actor, Incoming, Reply
from dashboards.schemas.registry import Code, Edit, Name, Versioned

PostId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,32}$", description="Guard post of the site.")]


class PostReply(Versioned):
    site_id: str
    post_id: str
    place: str
    required: int
    at_arrival: bool
    at_leaving: bool


class PostBody(Edit):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"actor": "安全干部 王芳", "version": None, "place": "正门", "required": 3}]},
    )

    place: Name
    required: int = Field(ge=1, le=100, description="Guards, teachers and police together.")
    at_arrival: bool = True
    at_leaving: bool = True


class PostReportReply(Reply):
    report_no: int
    site_id: str
    post_id: str
    at: datetime
    present: int
    reporter: str


class PostReportBody(Incoming):
    """Who stands there."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"actor": "值日教师 陈静", "present": 3}]}
    )

    actor: Actor
    present: int = Field(ge=0, le=1000)
    at: Moment | None = Field(default=None, description="Null: now. Not in the future, nor over a day ago.")


class OfficerReply(Versioned):
    """A safety officer. The telephone number is masked, and contacts, which are secrets, are counted only."""

    site_id: str
    name: str
    phone: str
    contacts: int
    language: str


class OfficerBody(Edit):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "actor": "安监科 李敏",
                    "version": None,
                    "phone": "13900000000",
                    "contacts": ["wecombot://key"],
                    "language": "zh",
                }
            ]
        },
    )

    phone: Code | None = Field(default=None, description="Null, or a masked one: as it is.")
    contacts: list[Annotated[str, Field(pattern=r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\x00]+$", max_length=500)]] | None = (
        Field(default=None, max_length=10, description="Apprise URLs; null: as they are.")
    )
    language: str = Field(default="zh", pattern=r"^(zh|en)$")
