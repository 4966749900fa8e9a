"""Early warnings and who has read them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from dashboards.moments import Moment
from dashboards.schemas import Reply, SignBody, Text
from domain.early_warning import WarningLevel
from domain.site import SiteKind


class WarningBody(SignBody):
    """Without townships, kinds and sites it is for all."""

    kind: Text = Field(min_length=1, max_length=64)
    level: WarningLevel
    title_zh: Text = Field(min_length=1, max_length=200)
    title_en: Text = Field(default="", max_length=200)
    text_zh: Text = Field(min_length=1, max_length=4000)
    text_en: Text = Field(default="", max_length=4000)
    townships: list[Text] = Field(default=[], max_length=100)
    kinds: list[SiteKind] = Field(default=[], max_length=20)
    sites: list[Text] = Field(default=[], max_length=1000)
    valid_from: Moment | None = Field(default=None, description="Missing = now.")
    valid_until: Moment


class ReadBody(SignBody):
    site_id: str = Field(pattern=r"^[a-z0-9-]{1,32}$")


class ReadReply(Reply):
    news: bool = Field(description="False where the site had read it before.")


class TallyReply(Reply):
    sites: int
    read: int
    unread: int
    unreachable: int = Field(description="Not read, and nobody was on duty there to tell.")
    median_s: float | None = Field(description="Half of those who read it did so within so long.")


class AudienceReply(Reply):
    townships: list[str]
    kinds: list[str]
    sites: list[str]


class WarningReply(Reply):
    warning_id: UUID
    number: int
    kind: str
    level: WarningLevel
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str
    audience: AudienceReply
    issued_at: datetime
    issued_by: str
    valid_from: datetime
    valid_until: datetime
    cancelled_at: datetime | None
    cancelled_by: str | None
    cancel_reason: str
    tally: TallyReply


class SiteReceiptReply(Reply):
    site_id: str
    site_name: str
    told_at: datetime | None
    reachable: bool | None
    reminders: int
    read_at: datetime | None
    read_by: str | None


class WarningDetailReply(WarningReply):
    receipts: list[SiteReceiptReply]
