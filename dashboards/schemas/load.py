"""Load on operators."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from dashboards.schemas import Reply


class FloodReply(Reply):
    """Calls that came faster than anybody can answer them."""

    began_at: datetime
    ended_at: datetime
    calls: int


class BadActorReply(Reply):
    """A device and rule that called often."""

    rule: str
    site_id: str
    device_id: str
    calls: int
    share: float = Field(description="Of all calls of the period, 0 to 1.")


class AnswersReply(Reply):
    """Of calls that are major or worse."""

    calls: int
    acknowledged: int
    within_30_s: int
    within_60_s: int
    median_s: float | None
    share_within_30_s: float | None = Field(description="0.80 is asked for; null: none came.")
    share_within_60_s: float | None = Field(description="0.985 is asked for.")


class OpenNowReply(Reply):
    """Of the incidents that are open now."""

    open: int
    stale: int = Field(description="Open for more than 24 hours.")
    shelved: int
    unanswered: int


class LoadReply(Reply):
    """Load on operators by EEMUA 191."""

    since: datetime
    until: datetime
    operators: int
    calls: int = Field(description="Of all operators together.")
    mean: float = Field(description="Calls an operator in ten minutes; about one is acceptable.")
    peak: float = Field(description="The most calls an operator in a slot of ten minutes.")
    peak_at: datetime | None
    flood_share: float = Field(description="Share of the time in flood; less than 0.01 is acceptable.")
    floods: list[FloodReply]
    chattering: int = Field(description="Incidents that were reported 3 times or more within a minute.")
    bad_actors: list[BadActorReply] = Field(description="The ten that called most often.")
    answers: AnswersReply
    standing: OpenNowReply
