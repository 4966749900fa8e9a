"""Reporting up the line (2小时内上报): the clock of a matter, and its first, follow-up and final reports.

::

    running ──the first report is receipted in time──► met
       ├─ the time is up ─────────────────────────────► missed   (for ever: the database refuses to change it)
       └─ a person says why nothing has to be reported ► waived ──it was true after all──► running, with its old times
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

#: From the beginning of the matter to the receipt of the first report, and when people are warned before.
TIME_LIMIT: Final = timedelta(hours=2)
WARNINGS_MIN: Final = (60, 90, 110)


class ClockState(StrEnum):
    RUNNING = "running"
    MET = "met"
    MISSED = "missed"
    WAIVED = "waived"


class ReportKind(StrEnum):
    FIRST = "first"  # 初报
    FOLLOW_UP = "follow_up"  # 续报
    FINAL = "final"  # 终报


REPORT_WORDS: Final[dict[ReportKind, tuple[str, str]]] = {
    ReportKind.FIRST: ("初报", "first report"),
    ReportKind.FOLLOW_UP: ("续报", "follow-up report"),
    ReportKind.FINAL: ("终报", "final report"),
}


class ReportClock(msgspec.Struct, frozen=True, kw_only=True):
    """``incident_id`` None: somebody began it by hand for what no device reported, named by ``subject``."""

    clock_id: UUID
    incident_id: UUID | None
    number: int | None
    site_id: str
    subject: str
    started_at: datetime
    started_by: str
    reason: str
    due_at: datetime
    state: ClockState
    warned_minutes: int = 0
    ended_at: datetime | None = None
    ended_by: str | None = None
    end_reason: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """``state`` is draft or approved; ``delivery_state`` and ``receipted_at`` say how an approved one fared."""

    report_id: UUID
    clock_id: UUID
    kind: ReportKind
    place: int
    state: str
    text: str
    drafted_at: datetime
    drafted_by: str
    edited_at: datetime
    edited_by: str
    approved_at: datetime | None = None
    approved_by: str | None = None
    delivery_id: UUID | None = None
    delivery_state: str | None = None
    receipted_at: datetime | None = None
    receipt_id: str | None = None


class Due(NamedTuple):
    """What has to be done of a running clock: warn that so many minutes are over, or end it ``at`` this moment."""

    warn_minutes: int | None = None
    end: ClockState | None = None
    at: datetime | None = None


def due_of(clock: ReportClock, *, receipted_at: datetime | None, now: datetime) -> Due:
    """``receipted_at``: when the first report's receipt was here. A receipt that was here in time counts whenever it is
    looked at; of warnings that nobody could give in time the newest alone is given.
    """
    if receipted_at is not None and receipted_at <= clock.due_at:
        return Due(end=ClockState.MET, at=receipted_at)
    if now >= clock.due_at:
        return Due(end=ClockState.MISSED, at=clock.due_at)
    over = [minutes for minutes in WARNINGS_MIN if now >= clock.started_at + timedelta(minutes=minutes)]
    if over and over[-1] > clock.warned_minutes:
        return Due(warn_minutes=over[-1])
    return Due()


def counted_from(at: datetime, written_at: datetime | None, *, most_late: timedelta | None) -> datetime:
    """From when a receipt counts that was here ``at`` and was written down later. One that was written down more than
    ``most_late`` after it counts from then: nobody saw it before. None = the database goes by another clock than we.
    """
    if most_late is None or written_at is None or written_at - at <= most_late:
        return at
    return written_at


def next_look(clock: ReportClock, now: datetime) -> datetime:
    """When the next warning is due, or the time is up."""
    times = [clock.started_at + timedelta(minutes=minutes) for minutes in WARNINGS_MIN]
    return min([at for at in times if at > now and at < clock.due_at], default=clock.due_at)


def may_follow(kind: ReportKind, before: list[Report]) -> str:
    """Why a report of this kind may not be drafted now; "" = it may."""
    if any(report.state == "draft" for report in before):
        return "there is a draft already; approve it first"
    if any(report.kind is ReportKind.FINAL for report in before):
        return "the final report is given; nothing follows it"
    if kind is ReportKind.FIRST:
        return "the first report is given already" if before else ""
    return "" if before else "the first report comes first"
