"""Sites and their devices."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from dashboards.schemas import EXAMPLE_AT, Reply
from dashboards.schemas.wall import SiteTileReply
from domain.device import DeviceKind
from domain.site import SiteKind


class SiteReply(Reply):
    """A site and its tile of this moment."""

    site_id: str
    name: str
    name_en: str
    kind: SiteKind
    township: str
    address: str
    longitude: float | None = Field(description="Degrees, WGS 84.")
    latitude: float | None = Field(description="Degrees, WGS 84.")
    contact_name: str
    contact_phone: str
    pupils: int | None = Field(description="Enrolment; null: nobody said.")
    boarders: int = Field(description="Of the pupils, those who live there.")
    key_site: bool = Field(description="Key site of counter-terrorism (反恐重点单位).")
    tile: SiteTileReply


class ReadingReply(Reply):
    value: float | None
    at: datetime = Field(description="By the device's own clock.")


class DeviceReply(Reply):
    """A device and what it last said (of the last 24 hours)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "site_id": "s001",
                    "device_id": "s001-tmp-01",
                    "kind": "temperature",
                    "name": "食堂温度",
                    "place": "食堂",
                    "parent_id": "s001-gw-01",
                    "profile": "",
                    "connectivity": "online",
                    "reason": "",
                    "behind_id": "",
                    "since": EXAMPLE_AT.isoformat(),
                    "last_seen_at": EXAMPLE_AT.isoformat(),
                    "battery_pct": 87.5,
                    "clock_offset_s": None,
                    "readings": {"temperature_c": {"value": 21.5, "at": EXAMPLE_AT.isoformat()}},
                    "open_incident_id": None,
                }
            ]
        },
    )

    site_id: str
    device_id: str
    kind: DeviceKind
    name: str
    place: str
    parent_id: str
    profile: str
    connectivity: Literal["online", "offline", "unknown"]
    reason: Literal["", "behind", "site", "returning", "inferred"] = Field(
        description="Why the connectivity is unknown: what the device hangs on is dead (`behind`), its whole site is"
        " silent, or what it was behind is back and it has its time to report. `behind` of a device that is offline: it"
        " was dead before."
    )
    behind_id: str = Field(description="The dead device that it is behind, empty where that is not the reason.")
    since: datetime | None
    last_seen_at: datetime | None
    battery_pct: float | None
    clock_offset_s: float | None = Field(
        description="Seconds that the device's clock is ahead of ours (negative: behind); null where it is right to"
        " 5 s, or nothing is known of it."
    )
    readings: dict[str, ReadingReply] = Field(description="By metric; the unit is the end of its name.")
    open_incident_id: UUID | None
