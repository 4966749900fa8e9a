"""The state of this server."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dashboards.schemas import Reply


class HealthReply(Reply):
    status: Literal["ok", "degraded"]
    version: str
    database: Literal["ok", "away"]
    roles: list[str] = Field(description="Roles that did something in the database in the last 60 s.")
