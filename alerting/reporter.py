"""The reporter: starts the clocks of grave incidents, warns the duty leader and then the bureau, and ends each clock
by its receipt or by its time.

The database is the state machine: however late this looks, and however often it dies, the outcome is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from alerting.notices import Wording, notices_to
from alerting.place import Gazetteer
from alerting.reporting import SYSTEM, note
from alerting.rounds import OnFault, Rounds, unheard
from domain.clock import Clock
from domain.delivery import Notice
from domain.duty import BUREAU, DutyRole, Person
from domain.report import TIME_LIMIT, ClockState, ReportClock, counted_from, due_of, next_look
from domain.vocabulary import rule_words
from storage import reports as store
from storage.audit_trail import append
from storage.deliveries import queue_deliveries
from storage.duty import load_roster
from storage.incidents import get_incident
from storage.pool import Connection, Pool, wrapped_errors

log = structlog.get_logger("alerting.reporter")

#: An incident that is older than this starts no clock by itself any more: it was missed long ago, or never grave.
STARTS_WITHIN = timedelta(days=1)
#: So often at most all incidents of a day are looked over for it: a power cut raises thousands in a moment.
SWEEP_EVERY = timedelta(seconds=2)
#: A receipt is written down in the moment in which it comes; the clocks of two machines may differ.
MOST_LATE = timedelta(minutes=5)


class Reporter:
    """``wake`` is set by whoever learns of a change of incidents, reports or receipts."""

    def __init__(
        self,
        *,
        pool: Pool,
        gazetteer: Gazetteer,
        clock: Clock,
        zone: ZoneInfo,
        starts: Sequence[store.WhatStarts],
        wake: asyncio.Event,
        poll_s: float,
        on_fault: OnFault = unheard,
        most_late: timedelta | None = None,
    ) -> None:
        """:param most_late: how long after its time a receipt may be written down; None where the database goes by
        another clock.
        """
        self._pool = pool
        self._most_late = most_late
        self._gazetteer = gazetteer
        self._clock = clock
        self._zone = zone
        self._starts = tuple(starts)
        self._poll_s = poll_s
        self._rounds: Rounds[UUID] = Rounds("reporting", wake=wake, on_fault=on_fault)
        self._swept_at: datetime | None = None

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        await self._rounds.run(self.round)

    async def round(self) -> float:
        """Do all that is due; seconds until the next look."""
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn:
            again_s = await self._start(conn, now)
            while await self._one(conn, now):
                pass
            due = await store.next_clock(conn, but=self._rounds.aside(now))
        due_s = self._poll_s if due is None else max(0.01, (due - self._clock.now()).total_seconds())
        return min(self._poll_s, due_s, again_s)

    async def _start(self, conn: Connection, now: datetime) -> float:
        """Start what has to be, unless that was done just now; after how many seconds to look again."""
        if self._swept_at is not None and now - self._swept_at < SWEEP_EVERY:
            return max(0.01, (self._swept_at + SWEEP_EVERY - now).total_seconds())
        async with conn.transaction():
            for incident_id, raised_at in await store.wants_clock(conn, self._starts, since=now - STARTS_WITHIN):
                if incident_id not in self._rounds.aside(now):
                    await self._rounds.row(
                        conn, incident_id, partial(self._begin, conn, incident_id, raised_at, now), now=now
                    )
            for clock_id in await store.wrongly_waived(conn, but=self._rounds.aside(now)):
                await self._rounds.row(conn, clock_id, partial(self._resume, conn, clock_id, now), now=now)
        self._swept_at = now
        return self._poll_s

    async def _begin(self, conn: Connection, incident_id: UUID, raised_at: datetime, now: datetime) -> None:
        clock = await store.start_clock(
            conn,
            store.clock_id_of(incident_id),
            incident_id=incident_id,
            started_at=raised_at,
            started_by=SYSTEM,
            limit_s=TIME_LIMIT.total_seconds(),
        )
        if clock is not None:
            await note(conn, clock, "report_clock_started", at=now, actor=SYSTEM)

    async def _resume(self, conn: Connection, clock_id: UUID, now: datetime) -> None:
        clock = await store.lock_clock(conn, clock_id)
        if clock is not None and await store.resume_clock(conn, clock_id, at=now, actor=SYSTEM, reason="true"):
            await note(conn, clock, "report_clock_resumed", at=now, actor=SYSTEM)

    async def _one(self, conn: Connection, now: datetime) -> bool:
        """Do what is due of one clock; False where there is none. One that fails stops no other."""
        async with conn.transaction():
            clock_id = await store.claim_clock(conn, now=now, but=self._rounds.aside(now))
            if clock_id is None:
                return False
            await self._rounds.row(conn, clock_id, partial(self._go_on, conn, clock_id, now), now=now)
        return True

    async def _go_on(self, conn: Connection, clock_id: UUID, now: datetime) -> None:
        clock = await store.lock_clock(conn, clock_id)
        if clock is None:
            return
        due = due_of(clock, receipted_at=await self._receipted_at(conn, clock), now=now)
        other = await store.verified_otherwise(conn, clock.incident_id) if due.end is None else ""
        if other:
            await store.end_clock(conn, clock.clock_id, ClockState.WAIVED, at=now, actor=SYSTEM, reason=other)
            await note(conn, clock, "report_waived", at=now, actor=SYSTEM, detail={"reason": other})
        elif due.end is not None and due.at is not None:
            await self._end(conn, clock, due.end, due.at, now)
        elif due.warn_minutes is not None:
            await self._warn(conn, clock, due.warn_minutes, now)
        else:
            await store.look_again(conn, clock.clock_id, next_at=next_look(clock, now))

    async def _receipted_at(self, conn: Connection, clock: ReportClock) -> datetime | None:
        receipt = await store.first_receipt(conn, clock.clock_id)
        if receipt is None:
            return None
        counted = counted_from(receipt.at, receipt.written_at, most_late=self._most_late)
        if counted != receipt.at:
            log.error(
                "receipt written too late to be believed",
                clock_id=str(clock.clock_id),
                at=receipt.at.isoformat(),
                written_at=counted.isoformat(),
            )
        return counted

    async def _end(self, conn: Connection, clock: ReportClock, end: ClockState, at: datetime, now: datetime) -> None:
        reason = ""
        if end is ClockState.MISSED:
            first = next((one for one in await store.reports_of(conn, clock.clock_id)), None)
            reason = "not_drafted" if first is None else "not_approved" if first.state == "draft" else "not_receipted"
            log.error("report missed", clock_id=str(clock.clock_id), due_at=clock.due_at.isoformat(), reason=reason)
        await store.end_clock(conn, clock.clock_id, end, at=at, actor=SYSTEM, reason=reason)
        await note(conn, clock, f"report_{end.value}", at=at, actor=SYSTEM, detail={"reason": reason} if reason else {})
        if end is ClockState.MISSED:
            await append(
                conn,
                at=now,
                actor=SYSTEM,
                action="report_clock.missed",
                subject=str(clock.clock_id),
                detail={"due_at": clock.due_at.isoformat(), "reason": reason},
            )
            await self._tell(conn, clock, "missed", await self._people(conn, clock, now, bureau=True), now)

    async def _warn(self, conn: Connection, clock: ReportClock, minutes: int, now: datetime) -> None:
        """The duty leader first; from the second warning on the bureau too."""
        people = await self._people(conn, clock, now, bureau=minutes > 60)
        await store.warned(conn, clock.clock_id, minutes=minutes, next_at=next_look(clock, now))
        detail = {"minutes": minutes, "people": [person.name for person in people]}
        await store.add_event(conn, clock.clock_id, at=now, kind="warned", actor=SYSTEM, detail=detail)
        await note(conn, clock, "report_warning", at=now, actor=SYSTEM, detail=detail)
        await self._tell(conn, clock, str(minutes), people, now)

    async def _people(self, conn: Connection, clock: ReportClock, now: datetime, *, bureau: bool) -> list[Person]:
        roster = await load_roster(conn, now, now, zone=self._zone, site_ids=[clock.site_id] if clock.site_id else [])
        leaders = roster.who(now, clock.site_id, DutyRole.LEADER) if clock.site_id else ()
        found = [one.person for one in leaders]
        if bureau or not found:
            found += [one.person for one in roster.who(now, BUREAU, DutyRole.LEADER)]
        return list({(one.person_no, one.shift_no): one for one in found}.values())

    async def _tell(
        self, conn: Connection, clock: ReportClock, key: str, people: Sequence[Person], now: datetime
    ) -> None:
        what = (clock.subject, clock.subject)
        if clock.incident_id is not None:
            incident = await get_incident(conn, clock.incident_id)
            what = rule_words(incident.rule, incident.detail)
        site = self._gazetteer.place(clock.site_id, "").site if clock.site_id else None
        number = f"#{clock.number}" if clock.number is not None else ""
        due = f"{clock.due_at.astimezone(self._zone):%H:%M}"
        left = max(0, round((clock.due_at - now).total_seconds() / 60))
        missed = key == "missed"
        wording = Wording(
            title_zh=f"{'上报已超时' if missed else f'上报时限还剩{left}分钟'}：{what[0]} {number}".strip(),
            title_en=f"{'Report overdue' if missed else f'{left} min left to report'}: {what[1]} {number}".strip(),
            text_zh=f"{site.name if site else ''}{what[0]}须在 {due} 前向教育主管部门报出初报。",
            text_en=f"The first report on it is due at {due}: {what[1]} {site.name_en if site else ''}".strip(),
        )
        told = notices_to(people, wording, about=clock.clock_id, key=key, notice=Notice.CLOCK, now=now)
        await queue_deliveries(conn, told, life_safety=False)
