"""What the API answers about all devices, and about one over time."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from dashboards.schemas import Reply
from domain.device import DeviceKind
from domain.finding import Severity
from domain.incident import IncidentState


class DeviceLineReply(Reply):
    """A row of the table of all devices."""

    site_id: str
    site_name: str
    site_name_en: str
    township: str
    device_id: str
    kind: DeviceKind
    name: str
    place: str
    connectivity: Literal["online", "offline", "unknown"]
    reason: str = Field(description="Why the connectivity is unknown, as of a device of its site.")
    since: datetime | None
    last_seen_at: datetime | None = Field(description="As the last change of connectivity knew it.")
    open_incident_id: UUID | None = Field(description="The worst that is open.")


class DeviceCountsReply(Reply):
    """What the filter finds, without its connectivity."""

    online: int
    offline: int
    unknown: int


class DeviceLinesReply(Reply):
    """A stretch of the table."""

    total: int = Field(description="Rows of the whole table.")
    offset: int
    counts: DeviceCountsReply
    items: list[DeviceLineReply]


class PastReportReply(Reply):
    """An alarm, event or state that it reported."""

    at: datetime
    channel: str
    kind: str
    active: bool
    test: bool
    drill: bool


class PastIncidentReply(Reply):
    incident_id: UUID
    number: int
    rule: str
    severity: Severity
    state: IncidentState
    raised_at: datetime
    ended_at: datetime | None


class DevicePastReply(Reply):
    """A device over a time."""

    registered_at: datetime = Field(description="Nothing was expected of it before.")
    since: datetime
    until: datetime
    step_s: int = Field(description="Readings and heartbeats are folded into steps of so many seconds.")
    heartbeat_s: int = Field(description="How often it has to be heard.")
    metrics: dict[str, list[tuple[datetime, float, float, float]]] = Field(
        description="Beginning of the step, lowest, mean and highest value; the unit is the end of the metric's name."
    )
    heartbeats: list[tuple[datetime, int]] = Field(description="Beginning of the step, and how many were heard.")
    reports: list[PastReportReply]
    incidents: list[PastIncidentReply]
