"""Messages that were put aside, and devices to adopt."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from dashboards.moments import Moment
from dashboards.schemas import Actor, Incoming, Reply, Text
from domain.device import DeviceKind
from domain.observation import AlarmKind
from domain.quarantine import Reason


class QuarantineReply(Reply):
    """A message that was put aside."""

    quarantine_no: int
    received_at: datetime
    topic: str
    site_id: str
    device_id: str
    reason: Reason
    detail: str
    payload: str = Field(description="As text, cut at 2 KiB; U+FFFD stands for what is no text.")
    size: int = Field(description="Bytes of the whole message.")
    cut: bool = Field(description="Only the first 64 KiB were kept: it cannot be replayed.")
    replayed_at: datetime | None


class ReplayedAlarmReply(Reply):
    """An alarm that was among the replayed messages. Nobody was called by the replay."""

    site_id: str
    device_id: str
    alarm: AlarmKind
    at: datetime = Field(description="By the device's own clock.")
    received_at: datetime
    test: bool
    drill: bool


class ReplayReply(Reply):
    """What became of the messages."""

    examined: int
    replayed: int = Field(description="Messages that can be read now.")
    stored: int = Field(description="Observations of them that are new.")
    duplicate: int = Field(description="Observations of them that were there already.")
    cut: int = Field(description="Messages of which only the first 64 KiB were kept.")
    refused: dict[Reason, int] = Field(description="Messages that are still not taken, by what is wrong with them.")
    alarms: list[ReplayedAlarmReply]
    next: int | None = Field(description="For `after`, to go on; null when that was all.")


class ReplayBody(Incoming):
    """Which messages to decode once more; what is left out means any."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "unknown_device", "site_id": "s001", "actor": "值班员 张伟"}]}
    )

    reason: Reason | None = None
    site_id: Text | None = Field(default=None, max_length=128)
    device_id: Text | None = Field(default=None, max_length=128)
    since: Moment | None = Field(default=None, description="Received at this time or later.")
    until: Moment | None = Field(default=None, description="Received before this time.")
    after: int = Field(default=0, ge=0, le=2**63 - 1, description="`next` of the reply before.")
    limit: int = Field(default=1000, ge=1, le=1000)
    dry_run: bool = Field(default=False, description="Say what would become of them, and change nothing.")
    actor: Actor


class UnregisteredReply(Reply):
    """A device that speaks and is not registered."""

    site_id: str
    device_id: str
    channels: list[str]
    count: int
    first_seen_at: datetime
    last_seen_at: datetime


class AdoptBody(Incoming):
    """What a newly registered device is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "smoke", "name": "三楼烟感", "place": "教学楼三楼", "actor": "值班员 张伟"}]
        }
    )

    kind: DeviceKind
    name: Text = Field(default="", max_length=200)
    place: Text = Field(default="", max_length=200)
    parent_id: str = Field(
        default="", pattern=r"^[A-Za-z0-9_.-]{0,64}$", description="Gateway or recorder of its site that it hangs on."
    )
    profile: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]{0,64}$", description="Of a maker's format.")
    address: Text = Field(default="", max_length=128, description="What the maker's topic calls it.")
    actor: Actor
