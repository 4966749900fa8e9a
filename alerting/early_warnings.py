"""Early warnings: issued to groups of sites, brought to whoever is on duty there, repeated until it is read.

`WarningDesk` is for people; `WarningCourier` runs in the alerting role with the database as the state machine.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec
import structlog

from alerting.notices import Wording, notices_to
from alerting.rounds import OnFault, Rounds, unheard
from domain.clock import Clock
from domain.delivery import Notice
from domain.duty import DutyRole
from domain.early_warning import LEVEL_WORDS, Audience, EarlyWarning, WarningLevel, next_reminder
from domain.errors import UnknownWarning, WarningRefused
from storage import early_warnings as store
from storage.audit_trail import append
from storage.deliveries import queue_deliveries
from storage.duty import load_roster
from storage.pool import Connection, Pool, wrapped_errors

log = structlog.get_logger("alerting.early_warnings")

#: Sites that are told in one transaction.
MOST_AT_ONCE = 200


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An early warning as somebody wants to issue it."""

    kind: str
    level: WarningLevel
    title_zh: str
    text_zh: str
    title_en: str = ""
    text_en: str = ""
    audience: Audience = Audience()
    valid_from: datetime
    valid_until: datetime


class WarningDesk:
    """What people do with early warnings."""

    async def issue(self, conn: Connection, wanted: Wanted, *, actor: str, now: datetime, origin: str = "") -> UUID:
        """:raises WarningRefused: it is over before it begins, or there is no site that it is for."""
        if wanted.valid_until <= max(now, wanted.valid_from):
            raise WarningRefused("it would be over already: valid_until must lie after now and after valid_from")
        warning = EarlyWarning(
            warning_id=uuid4(), number=0, issued_at=now, issued_by=actor, **msgspec.structs.asdict(wanted)
        )
        async with conn.transaction():
            sites = await store.issue_warning(conn, warning)
            if not sites:
                raise WarningRefused("no site is of this audience")
            await append(
                conn,
                at=now,
                actor=actor,
                action="early_warning.issued",
                subject=str(warning.warning_id),
                detail={"kind": wanted.kind, "level": wanted.level.value, "title": wanted.title_zh, "sites": sites},
                origin=origin,
            )
        log.info("early warning issued", warning_id=str(warning.warning_id), level=wanted.level.value, sites=sites)
        return warning.warning_id

    async def read(self, conn: Connection, warning_id: UUID, site_id: str, *, actor: str, now: datetime) -> bool:
        """A site has read it; whether that was news.

        :raises UnknownWarning: there is none with this id for this site.
        """
        async with conn.transaction():
            news = await store.record_read(conn, warning_id, site_id, at=now, by=actor)
        if news is None:
            raise UnknownWarning(f"no early warning {warning_id} for {site_id}")
        return news

    async def cancel(
        self, conn: Connection, warning_id: UUID, *, actor: str, reason: str, now: datetime, origin: str = ""
    ) -> None:
        """Lift it. :raises UnknownWarning: there is none. :raises WarningRefused: it was lifted before."""
        async with conn.transaction():
            if not await store.cancel_warning(conn, warning_id, at=now, by=actor, reason=reason):
                if not await store.early_warnings(conn, warning_id=warning_id):
                    raise UnknownWarning(f"no early warning {warning_id}")
                raise WarningRefused("it was lifted before")
            await append(
                conn,
                at=now,
                actor=actor,
                action="early_warning.cancelled",
                subject=str(warning_id),
                detail={"reason": reason},
                origin=origin,
            )


class WarningCourier:
    """Tells and reminds. ``wake`` is set by whoever learns that a warning was issued."""

    def __init__(
        self,
        *,
        pool: Pool,
        clock: Clock,
        zone: ZoneInfo,
        wake: asyncio.Event,
        poll_s: float,
        on_fault: OnFault = unheard,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._zone = zone
        self._poll_s = poll_s
        self._rounds: Rounds[UUID] = Rounds("early warnings", wake=wake, on_fault=on_fault)

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        await self._rounds.run(self.round)

    async def round(self) -> float:
        """Tell and remind everybody who is due; seconds until the next look."""
        async with wrapped_errors(), self._pool.connection() as conn:
            while await self._some(conn, self._clock.now()):
                pass
            due = await store.next_due_warning(conn, but=self._rounds.aside(self._clock.now()))
        if due is None:
            return self._poll_s
        return min(self._poll_s, max(0.01, (due - self._clock.now()).total_seconds()))

    async def _some(self, conn: Connection, now: datetime) -> bool:
        async with conn.transaction():
            warning_id = await store.claim_due(conn, now=now, but=self._rounds.aside(now))
            if warning_id is None:
                return False
            await self._rounds.row(conn, warning_id, partial(self._tell, conn, warning_id, now), now=now)
        return True

    async def _tell(self, conn: Connection, warning_id: UUID, now: datetime) -> None:
        """Tell some of the sites that are due of one warning, or remind them."""
        warning, sites = await store.due_sites(conn, warning_id, now=now, limit=MOST_AT_ONCE)
        roster = await load_roster(conn, now, now, zone=self._zone, site_ids=[one.site_id for one in sites])
        told = []
        for site in sites:
            if now >= warning.valid_until:
                await store.record_told(
                    conn,
                    warning.warning_id,
                    site.site_no,
                    at=now,
                    reachable=site.told,
                    reminder=False,
                    next_at=None,
                )
                continue
            people = [one.person for one in roster.who(now, site.site_id, DutyRole.LEADER)]
            notices = notices_to(
                people,
                wording(warning, again=site.told, zone=self._zone),
                about=warning.warning_id,
                key=f"{site.site_id}|{site.reminders}|{site.told}",
                notice=Notice.WARNING,
                now=now,
            )
            told += notices
            reminders = site.reminders + int(site.told)
            await store.record_told(
                conn,
                warning.warning_id,
                site.site_no,
                at=now,
                reachable=bool(notices) or site.told,
                reminder=site.told,
                next_at=next_reminder(warning, reminders=reminders, now=now),
            )
        await queue_deliveries(conn, told, life_safety=False)


def wording(warning: EarlyWarning, *, again: bool, zone: ZoneInfo) -> Wording:
    """What people are told of it; Chinese stands where there is no English text."""
    level_zh, level_en = LEVEL_WORDS[warning.level]
    until = warning.valid_until.astimezone(zone)
    return Wording(
        title_zh=f"{'【请尽快查阅】' if again else ''}【{level_zh}预警】{warning.title_zh}",
        title_en=f"{'[NOT READ YET] ' if again else ''}[{level_en} warning] {warning.title_en or warning.title_zh}",
        text_zh=f"{warning.text_zh}\n有效至 {until:%m月%d日 %H:%M}。请在系统中签收。",
        text_en=f"{warning.text_en or warning.text_zh}\nValid until {until:%d %b %H:%M}. Please confirm in the system.",
    )
