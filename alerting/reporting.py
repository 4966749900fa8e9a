"""Reporting up the line: what people do with clocks and reports. What time does is `alerting.reporter`'s."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

import structlog

from alerting.message import site_body
from alerting.place import Gazetteer, Place
from alerting.report_draft import Line, Matter, draft
from domain.delivery import Delivery, DeliveryChannel, Notice
from domain.errors import ReportRefused, UnknownReport
from domain.report import (
    REPORT_WORDS,
    TIME_LIMIT,
    ClockState,
    Report,
    ReportClock,
    ReportKind,
    may_follow,
)
from storage import reports as store
from storage.audit_trail import append
from storage.deliveries import queue_deliveries
from storage.duty import site_number
from storage.incident_views import timeline
from storage.incidents import add_entry, get_incident
from storage.pool import Connection

log = structlog.get_logger("alerting.reporting")

SYSTEM = "system"
MOST_TEXT = 20_000


class ReportDesk:
    """``link_id`` is the link that reports go to (education); ``second_person``: nobody approves what he wrote."""

    def __init__(
        self, gazetteer: Gazetteer, *, zone: ZoneInfo, link_id: str | None, second_person: bool = False
    ) -> None:
        self._gazetteer = gazetteer
        self._zone = zone
        self._link_id = link_id
        self._second_person = second_person

    async def start(
        self,
        conn: Connection,
        *,
        incident_id: UUID | None,
        site_id: str,
        subject: str,
        began_at: datetime | None,
        reason: str,
        actor: str,
        now: datetime,
        origin: str = "",
    ) -> UUID:
        """Start a clock by hand: of an incident, or of what no device reported.

        :raises UnknownIncident: there is no such incident. :raises UnknownSite: nor such a site.
        :raises ReportRefused: it has a clock, or began in the future.
        """
        started_at = began_at or now
        if started_at > now:
            raise ReportRefused("a matter that has still to begin has no clock")
        async with conn.transaction():
            clock_id, site_no = uuid4(), None
            if incident_id is not None:
                incident = await get_incident(conn, incident_id)
                clock_id, started_at = store.clock_id_of(incident_id), incident.raised_at
            elif not subject:
                raise ReportRefused("a matter without an incident needs a subject")
            elif site_id:
                site_no = await site_number(conn, site_id)
            clock = await store.start_clock(
                conn,
                clock_id,
                incident_id=incident_id,
                started_at=started_at,
                started_by=actor,
                limit_s=TIME_LIMIT.total_seconds(),
                reason=reason,
                subject=subject,
                site_no=site_no,
            )
            event = "report_clock_started"
            if clock is None:
                # One that was waived goes on with its old times: a wrong word hides no late report.
                if not await store.resume_clock(conn, clock_id, at=now, actor=actor, reason=reason):
                    raise ReportRefused("this incident has a clock already")
                clock, event = await _clock(conn, clock_id), "report_clock_resumed"
            await note(conn, clock, event, at=now, actor=actor)
            await append(
                conn,
                at=now,
                actor=actor,
                action="report_clock.started",
                subject=str(clock_id),
                detail={"incident_id": str(incident_id) if incident_id else None, "subject": subject, "reason": reason},
                origin=origin,
            )
        return clock_id

    async def draft(
        self, conn: Connection, clock_id: UUID, kind: ReportKind, *, actor: str, now: datetime, origin: str = ""
    ) -> UUID:
        """Draft a report from the timeline as it stands.

        :raises UnknownReport: there is no such clock. :raises ReportRefused: this report does not come now.
        """
        async with conn.transaction():
            clock = await _clock(conn, clock_id)
            if clock.state is ClockState.WAIVED:
                raise ReportRefused("nothing has to be reported of this matter: its clock was waived")
            before = await store.reports_of(conn, clock_id)
            if why := may_follow(kind, before):
                raise ReportRefused(why)
            matter, place, lines = await self._told(conn, clock)
            text = draft(kind, matter, place, lines, now=now, zone=self._zone)
            report_id = await store.add_draft(conn, clock_id, kind, len(before) + 1, text, at=now, actor=actor)
            await store.add_event(
                conn, clock_id, at=now, kind="drafted", actor=actor, report_id=report_id, detail={"kind": kind.value}
            )
        return report_id

    async def edit(self, conn: Connection, report_id: UUID, text: str, *, actor: str, now: datetime) -> None:
        """:raises UnknownReport: there is none. :raises ReportRefused: it is approved, or the text is none."""
        if not text.strip() or len(text) > MOST_TEXT:
            raise ReportRefused(f"expected a text of at most {MOST_TEXT} signs")
        async with conn.transaction():
            clock, report = await _draft(conn, report_id)
            await store.edit_draft(conn, report_id, text.replace("\0", " "), at=now, actor=actor)
            await store.add_event(
                conn,
                clock.clock_id,
                at=now,
                kind="edited",
                actor=actor,
                report_id=report_id,
                detail={"before": report.text},
            )

    async def approve(self, conn: Connection, report_id: UUID, *, actor: str, now: datetime, origin: str = "") -> None:
        """Approve a draft and send it to the education link, which answers with a receipt.

        :raises UnknownReport: there is none.
        :raises ReportRefused: it is approved, or its author may not approve it, or there is no link.
        """
        async with conn.transaction():
            clock, report = await _draft(conn, report_id)
            if self._second_person and actor in (report.drafted_by, report.edited_by):
                raise ReportRefused("another person than its author has to approve it")
            if self._link_id is None:
                raise ReportRefused("no link to education is configured: nobody would get the report")
            delivery = await self._delivery(conn, clock, report, self._link_id, actor=actor, now=now)
            await queue_deliveries(conn, [delivery], life_safety=False)
            await store.approve_report(conn, report_id, at=now, actor=actor, delivery_id=delivery.delivery_id)
            await store.add_event(
                conn,
                clock.clock_id,
                at=now,
                kind="approved",
                actor=actor,
                report_id=report_id,
                detail={"kind": report.kind.value, "link": self._link_id},
            )
            await note(conn, clock, "report_approved", at=now, actor=actor, detail={"report": report.kind.value})
            await append(
                conn,
                at=now,
                actor=actor,
                action="report.approved",
                subject=str(report_id),
                detail={"clock_id": str(clock.clock_id), "kind": report.kind.value, "link": self._link_id},
                origin=origin,
            )

    async def waive(
        self, conn: Connection, clock_id: UUID, *, actor: str, reason: str, now: datetime, origin: str = ""
    ) -> None:
        """A person answers for it that nothing has to be reported.

        :raises UnknownReport: there is no such clock. :raises ReportRefused: it has ended, or no reason is given.
        """
        if not reason.strip():
            raise ReportRefused("expected the reason why nothing has to be reported")
        async with conn.transaction():
            clock = await _clock(conn, clock_id)
            if clock.state is not ClockState.RUNNING or now >= clock.due_at:
                raise ReportRefused(f"the clock has ended: {clock.state.value}; that stays")
            await store.end_clock(conn, clock_id, ClockState.WAIVED, at=now, actor=actor, reason=reason)
            await note(conn, clock, "report_waived", at=now, actor=actor, detail={"reason": reason})
            await append(
                conn,
                at=now,
                actor=actor,
                action="report_clock.waived",
                subject=str(clock_id),
                detail={"reason": reason},
                origin=origin,
            )

    async def _told(self, conn: Connection, clock: ReportClock) -> tuple[Matter, Place, list[Line]]:
        if clock.incident_id is None:
            place = self._gazetteer.place(clock.site_id, "") if clock.site_id else Place()
            return Matter("", clock.subject, None, clock.started_at), place, []
        incident = await get_incident(conn, clock.incident_id)
        lines = [Line(one.at, one.kind, one.actor, one.detail) for one in await timeline(conn, clock.incident_id)]
        matter = Matter(incident.rule, clock.subject, incident.number, incident.raised_at, incident.detail)
        return matter, self._gazetteer.place(incident.site_id, incident.device_id), lines

    async def _delivery(
        self, conn: Connection, clock: ReportClock, report: Report, link_id: str, *, actor: str, now: datetime
    ) -> Delivery:
        matter, place, _ = await self._told(conn, clock)
        what = matter.words
        words, name = REPORT_WORDS[report.kind], place.site.name if place.site else ""
        sent = [one for one in await store.reports_of(conn, clock.clock_id) if one.approved_at is not None]
        body = {
            "type": f"report.{report.kind.value}",
            "timestamp": now.isoformat(),
            "data": {
                "incident_id": str(clock.incident_id) if clock.incident_id else None,
                "number": clock.number,
                "rule": matter.rule,
                "test": False,
                "drill": False,
                "raised_at": matter.began_at.isoformat(),
                "due_at": clock.due_at.isoformat(),
                "call": {
                    "id": str(report.report_id),
                    "at": now.isoformat(),
                    "references": [
                        {"id": str(one.report_id), "at": one.approved_at.isoformat()} for one in sent if one.approved_at
                    ],
                },
                "site": site_body(place.site),
                "device": None,
                "cameras": [],
                "text": {
                    "zh": f"【{words[0]}】{name}{what[0]}",
                    "en": f"{words[1].capitalize()}: {what[1]} {name}".strip(),
                },
                "report": {
                    "report_id": str(report.report_id),
                    "clock_id": str(clock.clock_id),
                    "kind": report.kind.value,
                    "place": report.place,
                    "text": report.text,
                    "approved_by": actor,
                },
            },
        }
        return Delivery(
            delivery_id=uuid5(report.report_id, link_id),
            incident_id=clock.incident_id,
            channel=DeliveryChannel.WEBHOOK,
            recipient=link_id,
            notice=Notice.REPORT,
            body=body,
            created_at=now,
            next_attempt_at=now,
        )


async def _clock(conn: Connection, clock_id: UUID) -> ReportClock:
    clock = await store.lock_clock(conn, clock_id)
    if clock is None:
        raise UnknownReport(f"no clock {clock_id}")
    return clock


async def _draft(conn: Connection, report_id: UUID) -> tuple[ReportClock, Report]:
    clock_id = await store.clock_of(conn, report_id)
    if clock_id is None:
        raise UnknownReport(f"no report {report_id}")
    clock = await _clock(conn, clock_id)
    report = next(one for one in await store.reports_of(conn, clock_id) if one.report_id == report_id)
    if report.state != "draft":
        raise ReportRefused("it is approved; what was approved stands")
    return clock, report


async def note(
    conn: Connection,
    clock: ReportClock,
    kind: str,
    *,
    at: datetime,
    actor: str,
    detail: dict[str, object] | None = None,
) -> None:
    """A line in the timeline of the incident, where the clock is of one."""
    if clock.incident_id is not None:
        await add_entry(conn, clock.incident_id, at=at, kind=kind, actor=actor, detail=detail)
