"""Cameras and the patrol: truths, pictures, availability, rounds, hazards."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from dashboards.schemas import Actor, Incoming, Reply, Text, Workstation
from domain.camera import Truth, TruthState
from domain.patrol_round import ItemVerdict, RoundKind


class PatrolReply(Reply):
    """How the patrol gets on."""

    at: datetime
    cycle_s: float = Field(description="Every camera is to be looked at once in so long.")
    cameras: int = Field(description="Whose pictures can be had.")
    covered: int = Field(description="Looked at within the last cycle.")
    doubtful: int
    faulty: int = Field(description="With a fault that stands as an incident.")
    never: int
    oldest_at: datetime | None = Field(description="When the one was looked at that waits longest.")
    newest_at: datetime | None = Field(description="When a camera was last looked at: whether the patrol works at all.")
    four_eyes: bool = Field(description="Whether a hazard is struck off by another person than who found it.")


class TruthReply(Reply):
    device_no: int
    truth: Truth
    state: TruthState
    reason: str = Field(description="Why it is not so, or nobody can tell; words in `domain/camera_words.py`.")
    since: datetime
    proved_at: datetime | None = Field(description="When it was last found true.")
    checked_at: datetime = Field(description="When somebody last looked.")


class CameraReply(Reply):
    """A camera and its truths."""

    device_no: int
    site_id: str
    site_name: str
    township: str
    device_id: str
    name: str
    place: str
    way: str = Field(description="snapshot, stream or push; empty: its pictures cannot be had.")
    looked_at: datetime | None
    picture_at: datetime | None = Field(description="Of its newest picture: show its age.")
    failures: int
    failure: str
    doubtful: bool
    standing: list[str] = Field(description="Faults of its picture that were raised, gravest first.")
    told: str = Field(description="The one that stands as an incident.")
    light: str
    truths: list[TruthReply]


class CameraVerdictReply(Reply):
    fault: str
    score: float | None
    limit: float
    suspect: bool
    hidden: bool


class CameraEvidenceReply(Reply):
    evidence_id: UUID
    device_no: int
    at: datetime
    fault: str
    light: str
    score: float | None
    bound: float
    region: list[float] | None
    removed_at: datetime | None = Field(description="Its files are gone since.")


class IntervalReply(Reply):
    truth: Truth
    state: TruthState
    reason: str
    since: datetime
    until: datetime | None


class CameraDetailReply(Reply):
    camera: CameraReply
    verdicts: list[CameraVerdictReply]
    evidence: list[CameraEvidenceReply]
    intervals: list[IntervalReply] = Field(description="When truths did not hold in the last 30 days.")


class AvailabilityReply(Reply):
    """Seconds of cameras, added up, outside planned maintenance; and those within it."""

    group: str
    truth: Truth
    since: datetime
    until: datetime
    yes_s: float
    no_s: float
    unknown_s: float
    planned_s: float
    rate: float | None = Field(description="yes_s of yes_s + no_s.")
    known: float | None = Field(description="yes_s + no_s of all but planned_s.")


class AvailabilitiesReply(Reply):
    since: datetime
    until: datetime
    items: list[AvailabilityReply]


class LessonBody(Incoming):
    """What a person says of a camera's picture."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"actor": "巡查员 李敏", "kind": "adopted"}]})

    actor: Actor
    workstation: Workstation = ""
    kind: Literal["adopted", "rejected"] = Field(
        description="adopted: this is how it is meant to look; rejected: the fault that stands is none."
    )
    fault: str = Field(default="", pattern=r"^[a-z_]{0,32}$", description="Of a rejection.")


class RoundBody(Incoming):
    """A round to begin."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"actor": "巡查员 李敏", "kind": "doubtful"}]})

    actor: Actor
    workstation: Workstation = ""
    kind: RoundKind
    site_id: str = Field(default="", pattern=r"^[a-z0-9-]{0,32}$", description="Of one site; needed for `site`.")
    size: int = Field(default=50, ge=1, le=500, description="Cameras at most; of a site all.")


class RoundReply(Reply):
    round_no: int
    kind: RoundKind
    site_id: str
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    ended_by: str | None
    items: int
    judged: int


class ItemReply(Reply):
    """A diagnosis to confirm or reject, or (fault empty) a picture to look at."""

    round_no: int
    place: int
    device_no: int
    site_id: str
    site_name: str
    device_id: str
    device_name: str
    device_place: str
    fault: str
    light: str
    score: float | None
    evidence_id: UUID | None
    picture_at: datetime | None
    verdict: ItemVerdict | None
    found: str
    note: str
    judged_at: datetime | None
    judged_by: str | None
    hazard_no: int | None


class RoundDetailReply(Reply):
    round: RoundReply
    items: list[ItemReply]


class VerdictBody(Incoming):
    """What a person says of an item."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"actor": "巡查员 李敏", "verdict": "confirmed"}]})

    actor: Actor
    workstation: Workstation = ""
    verdict: ItemVerdict
    found: str = Field(default="", pattern=r"^[a-z_]{0,32}$", description="The fault that was missed.")
    note: Text = Field(default="", max_length=2000)


class HazardReply(Reply):
    """A camera to be mended by its site."""

    hazard_no: int
    device_no: int
    site_no: int
    site_id: str
    device_id: str
    fault: str
    evidence_id: str
    found_at: datetime
    found_by: str
    due_at: datetime
    overdue_told_at: datetime | None
    cleared_at: datetime | None = Field(description="The patrol saw the picture good again.")
    struck_at: datetime | None
    struck_by: str | None
    note: str


class HazardsReply(Reply):
    items: list[HazardReply]


class TallyReply(Reply):
    """``precision``: of the diagnoses that a person confirmed or rejected, how many were confirmed."""

    name: str
    label: str = Field(description="Of a site its name.")
    confirmed: int
    rejected: int
    good: int
    missed: int
    unseen: int
    removed: int = Field(description="Taken out of the round.")
    open: int
    precision: float | None


class PatrolReportReply(Reply):
    """What came of rounds."""

    since: datetime
    until: datetime
    rounds: int
    total: TallyReply
    by_fault: list[TallyReply]
    by_site: list[TallyReply]
    by_person: list[TallyReply]
    hazards: list[HazardReply]
    in_time: int = Field(description="Hazards that were over before their deadline.")
    late: int
