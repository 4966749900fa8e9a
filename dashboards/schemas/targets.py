"""Targets and compliance."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from dashboards.moments import Moment
from dashboards.schemas import Actor, Incoming, Reply, Text
from domain.target import Standing

_DEFINITION: dict[str, Any] = {
    "target_id": "networking",
    "version": 2,
    "measure": "networking",
    "name_zh": "一键式报警和重要部位视频联网率",
    "name_en": "One-key alarms and key-place video networked",
    "starts_at": "2026-09-01T00:00:00Z",
    "enabled": True,
    "parameters": {"links": ["police", "education"], "test_days": 30, "proof_days": 37},
    "author": "王主任",
    "reason": "按市局新要求",
}


class TargetReply(Reply):
    """One version of a target. ``parameters`` are the figures of its measure."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_DEFINITION]})

    target_id: str
    version: int
    measure: str
    name_zh: str
    name_en: str
    starts_at: datetime = Field(description="In force from then on, until a later version starts.")
    enabled: bool
    parameters: dict[str, Any]
    author: str
    reason: str


class TargetVersionsReply(Reply):
    """Targets, each with all its versions, the newest last."""

    items: list[TargetReply]


class TargetBody(Incoming):
    """A further version of a target. What is left out is as in the version that is in force now."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"enabled": True, "actor": "王主任", "reason": "本区计入护学岗设置率"}]},
    )

    actor: Actor
    reason: Annotated[Text, Field(min_length=1, max_length=500, description="Why it is changed.")]
    starts_at: Moment | None = Field(default=None, description="Now or later; without it at once.")
    enabled: bool | None = Field(default=None, description="Whether it is asked for at all.")
    parameters: dict[str, Any] | None = Field(default=None, description="Figures to change; the others stay.")
    name_zh: Annotated[Text, Field(min_length=1, max_length=100)] | None = None
    name_en: Annotated[Text, Field(min_length=1, max_length=100)] | None = None


class RateReply(Reply):
    target_id: str
    version: int = Field(description="The version that was in force then.")
    name_zh: str
    name_en: str
    compliant: int
    dropped: int
    unknown: int
    exempt: int
    rate: float | None = Field(description="compliant / (compliant + dropped), 0 to 1; null where nothing is known.")


class StandingReply(Reply):
    """How a site stood to a target, and what kept it from it, each cause with its proof."""

    site_id: str
    name: str
    name_en: str
    township: str
    target_id: str
    version: int
    standing: Standing
    since: datetime
    until: datetime | None = Field(description="null: so it stands to this day.")
    causes: list[dict[str, Any]] = Field(
        description="requirement, subject, known, since, until, zh and en for people, detail with the proof."
    )


class ComplianceReply(Reply):
    """The district at a moment: rates, and the sites that did not meet a target or of which nobody could tell."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "at": "2026-03-02T02:00:00Z",
                    "rates": [
                        {
                            "target_id": "networking", "version": 1, "name_zh": "联网率", "name_en": "Networked",
                            "compliant": 183, "dropped": 1, "unknown": 0, "exempt": 0, "rate": 0.994565,
                        }
                    ],
                    "sites": [],
                }
            ]
        },
    )  # fmt: skip

    at: datetime
    rates: list[RateReply]
    sites: list[StandingReply]


class EvidenceReply(Reply):
    requirement: str
    subject: str = Field(description="Guard, gate, barrier, device, device@link, link or post.")
    met: bool
    known: bool
    since: datetime | None
    until: datetime | None = Field(description="When it will end by itself.")
    detail: dict[str, Any]
    zh: str
    en: str


class VerdictReply(Reply):
    site_id: str
    target_id: str
    version: int
    standing: Standing
    changes_at: datetime | None = Field(description="Before then it changes only if a fact does.")
    evidence: list[EvidenceReply]


class SiteComplianceReply(Reply):
    """All that was looked at, now."""

    site_id: str
    at: datetime
    verdicts: list[VerdictReply]


class ShareReply(Reply):
    """Time by standing. ``proved`` counts unknown time as not compliant."""

    group: str = Field(description="Site, township, or empty for the district.")
    name: str
    name_en: str
    target_id: str
    sites: int
    compliant_s: float
    dropped_s: float
    unknown_s: float
    drops: int = Field(description="How often it dropped off within the period.")
    rate: float | None
    proved: float | None


class SharesReply(Reply):
    since: datetime
    until: datetime
    items: list[ShareReply]


class DayReply(Reply):
    day: date
    target_id: str
    compliant_s: float
    dropped_s: float
    unknown_s: float
    rate: float | None


class DaysReply(Reply):
    items: list[DayReply]


class SelfTestReply(Reply):
    """A test that is due. Without a device it is that of the link itself, which the system makes."""

    site_id: str
    device_id: str
    device_no: int | None
    name: str
    place: str
    link_id: str
    last_at: datetime | None
    due_at: datetime
    overdue: bool


class LineReply(Reply):
    group: str
    name: str
    name_en: str
    target_id: str
    sites: int
    rate: float | None
    proved: float | None
    dropped_h: float
    unknown_h: float
    drops: int


class WorstLineReply(Reply):
    line: LineReply
    causes: list[tuple[str, float]] = Field(description="Requirement and hours, the longest first.")


class CauseReply(Reply):
    target_id: str
    requirement: str
    site_id: str
    seconds: float
    sites: int


class ComplianceReportReply(Reply):
    """Rates by time over a period, the worst sites, and what kept them from the targets."""

    since: datetime
    until: datetime = Field(description="Not later than now.")
    made_at: datetime
    by: str
    targets: dict[str, tuple[str, str]] = Field(description="Name in Chinese and English by target.")
    at_end: list[RateReply]
    district: list[LineReply]
    lines: list[LineReply]
    worst: list[WorstLineReply]
    causes: list[CauseReply]
