"""What people decide on the page, handed to alerting: each request in one transaction, and once for its key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import structlog

from alerting.casework import Casework
from alerting.desk import Desk
from campuswatch.once import once
from dashboards.people import Who
from domain.attachment import Attachment
from domain.clock import Clock
from domain.finding import Severity
from domain.incident import IncidentAction
from domain.maintenance import MaintenanceWindow, Scope
from domain.verification import Verification
from storage.pool import Connection, Pool, wrapped_errors

log = structlog.get_logger("campuswatch.web")

T = TypeVar("T")


class WebDesk:
    """A `dashboards.desk.IncidentDesk`."""

    def __init__(self, pool: Pool, desk: Desk, clock: Clock) -> None:
        self._pool = pool
        self._desk = desk
        self._casework = Casework(desk)
        self._clock = clock

    async def act(self, incident_id: UUID, action: IncidentAction, *, by: Who, note: str) -> None:
        now = self._clock.now()

        async def work(conn: Connection) -> None:
            await self._desk.act(conn, incident_id, action, actor=by.actor, note=note, now=now, origin=by.origin)

        await self._once(by, work, None)
        log.info("incident handled", incident_id=str(incident_id), action=action.value, actor=by.actor)
        if action is IncidentAction.ACKNOWLEDGE:
            # Afterwards, each by itself: nobody holds two incidents, of which an alarm may want either.
            async with wrapped_errors(), self._pool.connection() as conn:
                await self._casework.acknowledge_merged(conn, incident_id, actor=by.actor, now=now, origin=by.origin)

    async def verify(self, incident_id: UUID, verification: Verification, reason: str, *, by: Who, note: str) -> None:
        async def work(conn: Connection) -> None:
            await self._casework.verify(
                conn,
                incident_id,
                verification,
                reason,
                actor=by.actor,
                note=note,
                now=self._clock.now(),
                origin=by.origin,
            )

        await self._once(by, work, None)
        log.info("incident verified", incident_id=str(incident_id), verification=verification.value, actor=by.actor)

    async def reclassify(self, incident_id: UUID, severity: Severity, *, by: Who, note: str) -> None:
        async def work(conn: Connection) -> None:
            await self._casework.reclassify(
                conn, incident_id, severity, actor=by.actor, note=note, now=self._clock.now(), origin=by.origin
            )

        await self._once(by, work, None)
        log.info("incident reclassified", incident_id=str(incident_id), severity=severity.value, actor=by.actor)

    async def merge(self, incident_id: UUID, into: UUID, *, by: Who, note: str) -> None:
        async def work(conn: Connection) -> None:
            await self._casework.merge(
                conn, incident_id, into, actor=by.actor, note=note, now=self._clock.now(), origin=by.origin
            )

        await self._once(by, work, None)
        log.info("incident merged", incident_id=str(incident_id), into=str(into), actor=by.actor)

    async def split(self, incident_id: UUID, *, by: Who, note: str) -> None:
        async def work(conn: Connection) -> None:
            await self._casework.split(
                conn, incident_id, actor=by.actor, note=note, now=self._clock.now(), origin=by.origin
            )

        await self._once(by, work, None)
        log.info("incident split off", incident_id=str(incident_id), actor=by.actor)

    async def shelve(self, incident_id: UUID, until: datetime, reason: str, *, by: Who) -> None:
        async def work(conn: Connection) -> None:
            await self._casework.shelve(
                conn, incident_id, until=until, reason=reason, actor=by.actor, now=self._clock.now(), origin=by.origin
            )

        await self._once(by, work, None)
        log.info("incident shelved", incident_id=str(incident_id), until=until.isoformat(), actor=by.actor)

    async def unshelve(self, incident_id: UUID, *, by: Who, note: str) -> None:
        async def work(conn: Connection) -> None:
            await self._casework.unshelve(
                conn, incident_id, actor=by.actor, note=note, now=self._clock.now(), origin=by.origin
            )

        await self._once(by, work, None)
        log.info("incident taken off the shelf", incident_id=str(incident_id), actor=by.actor)

    async def assign(self, incident_id: UUID, person_id: str, *, by: Who, note: str) -> None:
        async def work(conn: Connection) -> None:
            await self._casework.assign(
                conn, incident_id, person_id, actor=by.actor, note=note, now=self._clock.now(), origin=by.origin
            )

        await self._once(by, work, None)
        log.info("incident assigned", incident_id=str(incident_id), person_id=person_id, actor=by.actor)

    async def unassign(self, incident_id: UUID, *, by: Who, note: str) -> None:
        async def work(conn: Connection) -> None:
            await self._casework.unassign(
                conn, incident_id, actor=by.actor, note=note, now=self._clock.now(), origin=by.origin
            )

        await self._once(by, work, None)
        log.info("incident assigned to nobody", incident_id=str(incident_id), actor=by.actor)

    async def attach(self, incident_id: UUID, name: str, content: bytes, *, by: Who) -> Attachment:
        async def work(conn: Connection) -> Attachment:
            return await self._casework.attach(
                conn,
                incident_id,
                name=name,
                content=content,
                actor=by.actor,
                now=self._clock.now(),
                origin=by.origin,
            )

        kept = await self._once(by, work, Attachment)
        log.info("file attached", incident_id=str(incident_id), size=kept.size, actor=by.actor)
        return kept

    async def open_window(
        self, scope: Scope, *, starts_at: datetime | None, ends_at: datetime, reason: str, by: Who
    ) -> MaintenanceWindow:
        now = self._clock.now()

        async def work(conn: Connection) -> MaintenanceWindow:
            return await self._casework.open_window(
                conn,
                scope,
                starts_at=starts_at or now,
                ends_at=ends_at,
                reason=reason,
                actor=by.actor,
                now=now,
                origin=by.origin,
            )

        window = await self._once(by, work, MaintenanceWindow)
        log.info("maintenance window opened", window=window.window_no, ends_at=ends_at.isoformat(), actor=by.actor)
        return window

    async def end_window(self, window_no: int, *, by: Who) -> MaintenanceWindow:
        async def work(conn: Connection) -> MaintenanceWindow:
            return await self._casework.end_window(
                conn, window_no, actor=by.actor, now=self._clock.now(), origin=by.origin
            )

        window = await self._once(by, work, MaintenanceWindow)
        log.info("maintenance window ended", window=window_no, actor=by.actor)
        return window

    async def _once(self, by: Who, work: Callable[[Connection], Awaitable[T]], kind: type[T] | None) -> T:
        """Do the work in a transaction, unless the same request was done before under its key: then what came of it."""
        return await once(self._pool, self._clock, by, work, kind)
