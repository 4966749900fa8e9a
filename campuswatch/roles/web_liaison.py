"""What the web role hands to alerting beside incidents: answers of people at the links, reports, early warnings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from alerting.early_warnings import Wanted, WarningDesk
from alerting.link_answers import read_answer, take_answer
from alerting.place import Gazetteer
from alerting.reporting import ReportDesk
from alerting.resending import resend
from alerting.signature import Seal
from campuswatch.once import once
from campuswatch.settings import Settings
from dashboards.liaison import Liaison
from dashboards.people import Who
from domain.clock import Clock
from domain.early_warning import Audience, WarningLevel
from domain.errors import IllegalTransition, UnknownLink
from domain.report import ReportKind
from storage.audit_trail import append
from storage.links import LinkState, ask_for_test, lock_link, pause_link
from storage.pool import Connection, Pool, wrapped_errors

log = structlog.get_logger("campuswatch.web")


class WebLinks:
    """Checks what comes from the links against their secrets and writes it down."""

    def __init__(self, pool: Pool, settings: Settings, clock: Clock) -> None:
        self._pool = pool
        self._seals = {link_id: Seal(*link.secrets()) for link_id, link in settings.links.items()}
        self._clock = clock

    async def answer(self, link_id: str, headers: Mapping[str, str], body: bytes) -> bool:
        if link_id not in self._seals:
            raise UnknownLink(f"no link is called {link_id}")
        answer = read_answer(headers, body, self._seals[link_id], self._clock.now())
        async with wrapped_errors(), self._pool.connection() as conn:
            news = await take_answer(conn, link_id, answer)
        log.info("delivery answered", link=link_id, delivery_id=str(answer.delivery_id), accepted=answer.accepted)
        return news

    async def resend(self, delivery_id: UUID, reason: str, *, by: Who) -> None:
        async def work(conn: Connection) -> None:
            await resend(conn, delivery_id, actor=by.actor, reason=reason, now=self._clock.now(), origin=by.origin)

        await once(self._pool, self._clock, by, work, None)
        log.info("delivery sent again", delivery_id=str(delivery_id), actor=by.actor)

    async def test(self, link_id: str, *, by: Who) -> None:
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            link = await self._locked(conn, link_id)
            if link.paused_until is not None and link.paused_until > now:
                raise IllegalTransition(f"{link_id} is paused; resume it first")
            await ask_for_test(conn, link_id, at=now)
            await append(conn, at=now, actor=by.actor, origin=by.origin, action="link.test_asked", subject=link_id)

    async def pause(self, link_id: str, until: datetime, reason: str, *, by: Who) -> None:
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            await self._locked(conn, link_id)
            await pause_link(conn, link_id, at=now, until=until, actor=by.actor, reason=reason, origin=by.origin)
        log.info("link paused", link=link_id, until=until.isoformat(), actor=by.actor)

    async def resume(self, link_id: str, *, by: Who) -> None:
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            link = await self._locked(conn, link_id)
            if link.paused_until is None or link.paused_until <= now:
                raise IllegalTransition(f"{link_id} is not paused")
            await pause_link(conn, link_id, at=now, until=now, actor=by.actor, reason="", origin=by.origin)
        log.info("link resumed", link=link_id, actor=by.actor)

    async def _locked(self, conn: Connection, link_id: str) -> LinkState:
        """:raises UnknownLink: it is not configured. :raises IllegalTransition: nobody supervises it."""
        if link_id not in self._seals:
            raise UnknownLink(f"no link is called {link_id}")
        link = await lock_link(conn, link_id)
        if link is None:
            raise IllegalTransition(f"nobody supervises {link_id}: does the role alerting run with this setting?")
        return link


class WebReports:
    """Each action in a transaction of its own."""

    def __init__(self, pool: Pool, desk: ReportDesk, clock: Clock) -> None:
        self._pool = pool
        self._desk = desk
        self._clock = clock

    async def start(
        self,
        *,
        incident_id: UUID | None,
        site_id: str,
        subject: str,
        began_at: datetime | None,
        reason: str,
        by: Who,
    ) -> UUID:
        async with wrapped_errors(), self._pool.connection() as conn:
            return await self._desk.start(
                conn,
                incident_id=incident_id,
                site_id=site_id,
                subject=subject,
                began_at=began_at,
                reason=reason,
                actor=by.actor,
                now=self._clock.now(),
                origin=by.origin,
            )

    async def draft(self, clock_id: UUID, kind: ReportKind, *, by: Who) -> UUID:
        async with wrapped_errors(), self._pool.connection() as conn:
            return await self._desk.draft(conn, clock_id, kind, actor=by.actor, now=self._clock.now())

    async def edit(self, report_id: UUID, text: str, *, by: Who) -> None:
        async with wrapped_errors(), self._pool.connection() as conn:
            await self._desk.edit(conn, report_id, text, actor=by.actor, now=self._clock.now())

    async def approve(self, report_id: UUID, *, by: Who) -> None:
        async with wrapped_errors(), self._pool.connection() as conn:
            await self._desk.approve(conn, report_id, actor=by.actor, now=self._clock.now(), origin=by.origin)
        log.info("report approved", report_id=str(report_id), actor=by.actor)

    async def waive(self, clock_id: UUID, reason: str, *, by: Who) -> None:
        async with wrapped_errors(), self._pool.connection() as conn:
            await self._desk.waive(
                conn, clock_id, actor=by.actor, reason=reason, now=self._clock.now(), origin=by.origin
            )
        log.info("clock waived", clock_id=str(clock_id), actor=by.actor)


class WebWarnings:
    """Each action in a transaction of its own."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._desk = WarningDesk()
        self._clock = clock

    async def issue(
        self,
        *,
        kind: str,
        level: WarningLevel,
        title_zh: str,
        title_en: str,
        text_zh: str,
        text_en: str,
        audience: Audience,
        valid_from: datetime | None,
        valid_until: datetime,
        by: Who,
    ) -> UUID:
        now = self._clock.now()
        wanted = Wanted(
            kind=kind,
            level=level,
            title_zh=title_zh,
            title_en=title_en,
            text_zh=text_zh,
            text_en=text_en,
            audience=audience,
            valid_from=valid_from or now,
            valid_until=valid_until,
        )
        async with wrapped_errors(), self._pool.connection() as conn:
            return await self._desk.issue(conn, wanted, actor=by.actor, now=now, origin=by.origin)

    async def read(self, warning_id: UUID, site_id: str, *, by: Who) -> bool:
        async with wrapped_errors(), self._pool.connection() as conn:
            return await self._desk.read(conn, warning_id, site_id, actor=by.actor, now=self._clock.now())

    async def cancel(self, warning_id: UUID, reason: str, *, by: Who) -> None:
        async with wrapped_errors(), self._pool.connection() as conn:
            await self._desk.cancel(
                conn, warning_id, actor=by.actor, reason=reason, now=self._clock.now(), origin=by.origin
            )


def liaison(pool: Pool, settings: Settings, gazetteer: Gazetteer, clock: Clock) -> Liaison:
    """All of it, put together."""
    reporting = settings.reporting
    reports = ReportDesk(
        gazetteer,
        zone=ZoneInfo(settings.zone),
        link_id=reporting.link if reporting.link in settings.links else None,
        second_person=reporting.second_person,
    )
    return Liaison(
        links=WebLinks(pool, settings, clock),
        reports=WebReports(pool, reports, clock),
        warnings=WebWarnings(pool, clock),
    )
