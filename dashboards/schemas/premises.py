"""Gates, and hard barriers with their inspections."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Path
from pydantic import ConfigDict, Field

from dashboards.schemas import Actor, Incoming, Reply, Text
from dashboards.schemas.registry import Day, DeviceKey, Edit, Name, ShortId, Versioned
from domain.premises import BarrierKind

GateId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,32}$", description="Gate of the site.")]
BarrierId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,32}$", description="Barrier of the site.")]


class GateReply(Versioned):
    site_id: str
    gate_id: str
    name: str
    main: bool = Field(description="Main gates need hard barriers.")
    device_id: str = Field(description="The access control that tells whether it is open; empty: none.")
    closed_in_class: bool


class GateBody(Edit):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "actor": "安全干部 王芳",
                    "version": None,
                    "name": "正门",
                    "main": True,
                    "device_id": "s001-door-01",
                    "closed_in_class": True,
                }
            ]
        },
    )

    name: Name
    main: bool = False
    device_id: DeviceKey = ""
    closed_in_class: bool = True


class BarrierReply(Versioned):
    site_id: str
    barrier_id: str
    gate_id: str
    kind: BarrierKind
    installed_on: date | None
    inspected_on: date | None
    inspection_passed: bool
    inspection_days: int = Field(description="How long an inspection holds.")
    device_id: str = Field(description="Its state sensor; empty: none.")


class BarrierBody(Edit):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "actor": "安全干部 王芳",
                    "version": None,
                    "gate_id": "gate-1",
                    "kind": "lifting_bollard",
                    "installed_on": "2024-09-01",
                }
            ]
        },
    )

    gate_id: ShortId
    kind: BarrierKind
    installed_on: Day | None = None
    inspected_on: Day | None = None
    inspection_passed: bool = True
    inspection_days: int = Field(default=180, ge=1, le=3660)
    device_id: DeviceKey = ""


class InspectionReply(Reply):
    inspection_no: int
    site_id: str
    barrier_id: str
    inspected_on: date
    passed: bool
    inspector: str
    note: str


class InspectionBody(Incoming):
    """Somebody looked at the barrier."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"actor": "安全干部 王芳", "inspected_on": "2026-11-20", "passed": True}]},
    )

    actor: Actor
    inspected_on: Day
    passed: bool
    note: Annotated[Text, Field(max_length=500)] = ""
