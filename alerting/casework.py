"""What people find out about incidents and do with them beside moving them: verify, merge, split, reclassify, shelve,
assign, attach; and the maintenance windows they open.

Each is one transaction with its line in the timeline and its entry in the audit trail. None of them ends an incident,
and none is ever a way around a person's reset of life safety.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from alerting.desk import Desk
from domain.attachment import MOST_OF_ONE, Attachment, media_type_of, safe_name
from domain.errors import AttachmentRefused, DutyError, IllegalTransition
from domain.finding import Severity
from domain.incident import Incident, IncidentAction, IncidentState, check_merge, check_severity, next_state
from domain.maintenance import MaintenanceWindow, Scope, check_rule, check_shelf, check_window
from domain.verification import Verification, check_reason
from domain.vocabulary import RULE_WORDS
from storage import casework, windows
from storage.attachments import count_attachments, store_attachment
from storage.audit_trail import append
from storage.deliveries import cancel_notices
from storage.duty_edits import name_on_duty
from storage.incidents import add_entry, lock_incident
from storage.notices import NoticeChannel, notify
from storage.pool import Connection
from storage.responses import end_response
from storage.rules import rule_names

_UNANSWERED = (IncidentState.RAISED, IncidentState.RETURNED)


class Casework:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # -- one incident -------------------------------------------------------------------------------------------------

    async def verify(
        self,
        conn: Connection,
        incident_id: UUID,
        verification: Verification,
        reason: str,
        *,
        actor: str,
        note: str,
        now: datetime,
        origin: str = "",
    ) -> None:
        """:raises UnknownIncident: :raises VerificationRefused: the reason is none of this verification."""
        check_reason(verification, reason, note)
        async with conn.transaction():
            incident = await lock_incident(conn, incident_id)
            next_state(incident.state, IncidentAction.VERIFY, life_safety=incident.life_safety)
            await casework.write_verification(conn, incident_id, verification, reason, at=now, actor=actor)
            before = incident.verification
            detail = {"verification": [before.value if before else None, verification.value], "reason": reason}
            await _record(conn, incident, "verified", detail, actor=actor, note=note, now=now, origin=origin)

    async def reclassify(
        self,
        conn: Connection,
        incident_id: UUID,
        severity: Severity,
        *,
        actor: str,
        note: str,
        now: datetime,
        origin: str = "",
    ) -> None:
        """Another severity by hand. What becomes grave enough for people to be told is told to them now.

        :raises UnknownIncident: :raises IllegalTransition: it has this one, is over, or is life safety and would sink.
        """
        async with conn.transaction():
            incident = await lock_incident(conn, incident_id)
            check_severity(incident, severity)
            await casework.write_severity(conn, incident_id, severity)
            detail = {"severity": [incident.severity.value, severity.value]}
            await _record(conn, incident, "reclassified", detail, actor=actor, note=note, now=now, origin=origin)
            if severity.rank < incident.severity.rank and incident.state in _UNANSWERED:
                fresh = await lock_incident(conn, incident_id)
                if not self._desk.tells_people(incident) and self._desk.tells_people(fresh):
                    await self._desk.call_people(conn, fresh, now=now)

    async def attach(
        self,
        conn: Connection,
        incident_id: UUID,
        *,
        name: str,
        content: bytes,
        actor: str,
        now: datetime,
        origin: str = "",
    ) -> Attachment:
        """:raises UnknownIncident: :raises AttachmentRefused: too large, too many, or of no kind that is taken."""
        media_type = media_type_of(content)
        async with conn.transaction():
            incident = await lock_incident(conn, incident_id)
            next_state(incident.state, IncidentAction.ATTACH, life_safety=incident.life_safety)
            if await count_attachments(conn, incident_id) >= MOST_OF_ONE:
                raise AttachmentRefused(f"an incident has at most {MOST_OF_ONE} attachments")
            kept = await store_attachment(
                conn, incident_id, name=safe_name(name), media_type=media_type, content=content, actor=actor, at=now
            )
            detail = {"attachment": kept.attachment_no, "name": kept.name, "size": kept.size, "sha256": kept.sha256}
            await _record(conn, incident, "attached", detail, actor=actor, note="", now=now, origin=origin)
        return kept

    # -- several ------------------------------------------------------------------------------------------------------

    async def merge(
        self,
        conn: Connection,
        incident_id: UUID,
        into: UUID,
        *,
        actor: str,
        note: str,
        now: datetime,
        origin: str = "",
    ) -> None:
        """Handle ``incident_id`` under ``into``. It keeps its state, timeline, deliveries and receipts, and where it is
        life safety its own reset. Merged into one that somebody has taken on, it is taken on too.

        :raises UnknownIncident: :raises IllegalTransition: it may not be merged there, and why.
        """
        async with conn.transaction():
            await casework.lock_merges(conn)
            # Only one of the two is locked: an alarm may hold either of them, and want the other.
            main = await self._desk.seen(conn, into)
            incident = await lock_incident(conn, incident_id)
            check_merge(incident, main)
            if await casework.has_merged(conn, incident_id):
                raise IllegalTransition(f"others are merged into #{incident.number}; split them first")
            await casework.write_merge(conn, incident_id, into)
            detail = {"into": str(into), "into_number": main.number}
            await _record(conn, incident, "merged", detail, actor=actor, note=note, now=now, origin=origin)
            await add_entry(
                conn,
                into,
                at=now,
                kind="took_in",
                actor=actor,
                detail={"incident": str(incident_id), "number": incident.number},
            )
            if incident.state in _UNANSWERED and main.state not in _UNANSWERED:
                await self._desk.act(
                    conn, incident_id, IncidentAction.ACKNOWLEDGE, actor=actor, note=note, now=now, origin=origin
                )

    async def split(
        self, conn: Connection, incident_id: UUID, *, actor: str, note: str, now: datetime, origin: str = ""
    ) -> None:
        """:raises UnknownIncident: :raises IllegalTransition: it is not merged."""
        async with conn.transaction():
            await casework.lock_merges(conn)
            incident = await lock_incident(conn, incident_id)
            if incident.merged_into is None:
                raise IllegalTransition(f"#{incident.number} is not merged into another")
            await casework.write_merge(conn, incident_id, None)
            detail = {"from_incident": str(incident.merged_into)}
            await _record(conn, incident, "split", detail, actor=actor, note=note, now=now, origin=origin)
            await add_entry(
                conn,
                incident.merged_into,
                at=now,
                kind="let_go",
                actor=actor,
                detail={"incident": str(incident_id), "number": incident.number},
            )
            if incident.state in _UNANSWERED and not incident.life_safety:
                # While it was merged nobody was told of it; life safety is told of all the while.
                await self._desk.call_people(conn, incident, now=now)

    async def acknowledge_merged(
        self, conn: Connection, main_id: UUID, *, actor: str, now: datetime, origin: str = ""
    ) -> int:
        """``main_id`` was acknowledged: so are those merged into it, each in a transaction of its own. How many."""
        taken = 0
        for incident_id in await casework.merged_unanswered(conn, main_id):
            # Somebody may have acknowledged this one meanwhile, or ended it: the others are acknowledged all the same.
            with suppress(IllegalTransition):
                await self._desk.act(
                    conn, incident_id, IncidentAction.ACKNOWLEDGE, actor=actor, note="", now=now, origin=origin
                )
                taken += 1
        return taken

    # -- shelves ------------------------------------------------------------------------------------------------------

    async def shelve(
        self,
        conn: Connection,
        incident_id: UUID,
        *,
        until: datetime,
        reason: str,
        actor: str,
        now: datetime,
        origin: str = "",
    ) -> None:
        """Out of the queue until then: notices stop, and it comes back by itself.

        :raises UnknownIncident: :raises IllegalTransition: it is over. :raises WindowRefused: life safety, or no end.
        """
        async with conn.transaction():
            incident = await lock_incident(conn, incident_id)
            check_shelf(life_safety=incident.life_safety, until=until, reason=reason, now=now)
            next_state(incident.state, IncidentAction.SHELVE, life_safety=incident.life_safety)
            await casework.write_shelf(conn, incident_id, until=until, actor=actor, reason=reason)
            cancelled = await cancel_notices(conn, incident_id)
            await end_response(conn, incident_id)
            detail: dict[str, Any] = {"until": until.isoformat(), "reason": reason}
            detail |= {"cancelled": cancelled} if cancelled else {}
            await _record(conn, incident, "shelved", detail, actor=actor, note="", now=now, origin=origin)
            await notify(conn, NoticeChannel.WINDOW)

    async def unshelve(
        self, conn: Connection, incident_id: UUID, *, actor: str, note: str, now: datetime, origin: str = ""
    ) -> bool:
        """Back into the queue, and whoever is told of such incidents is told again where nobody has taken it on. False
        where it was on no shelf.

        :raises UnknownIncident:
        """
        async with conn.transaction():
            incident = await lock_incident(conn, incident_id)
            if incident.shelved_until is None:
                return False
            await casework.write_shelf(conn, incident_id, until=None)
            detail = {"until": incident.shelved_until.isoformat()}
            await _record(conn, incident, "unshelved", detail, actor=actor, note=note, now=now, origin=origin)
            if incident.state in _UNANSWERED:
                fresh = await lock_incident(conn, incident_id)
                await self._desk.call_people(conn, fresh, now=now)
        return True

    # -- in whose hands -----------------------------------------------------------------------------------------------

    async def assign(
        self,
        conn: Connection,
        incident_id: UUID,
        person_id: str,
        *,
        actor: str,
        note: str,
        now: datetime,
        origin: str = "",
    ) -> None:
        """Somebody of the list has it in hand from now on; "" = ``actor``. It acknowledges nothing: calls go on.

        :raises UnknownIncident: :raises DutyError: nobody on the list is called so.
        :raises IllegalTransition: it is closed, or he has it already.
        """
        async with conn.transaction():
            to = actor
            if person_id:
                name = await name_on_duty(conn, person_id)
                if name is None:
                    raise DutyError(f"nobody on the list is called {person_id!r}")
                to = name
            incident = await lock_incident(conn, incident_id)
            next_state(incident.state, IncidentAction.ASSIGN, life_safety=incident.life_safety)
            if incident.assigned_to == to:
                raise IllegalTransition(f"{to} has it already")
            await casework.write_assignment(conn, incident_id, to, at=now, by=actor)
            detail: dict[str, Any] = {"to": to} | ({"person": person_id} if person_id else {})
            detail |= {"taken_from": incident.assigned_to} if incident.assigned_to else {}
            await _record(conn, incident, "assigned", detail, actor=actor, note=note, now=now, origin=origin)

    async def unassign(
        self, conn: Connection, incident_id: UUID, *, actor: str, note: str, now: datetime, origin: str = ""
    ) -> None:
        """Nobody has it in hand any more.

        :raises UnknownIncident: :raises IllegalTransition: it is closed, or nobody has it.
        """
        async with conn.transaction():
            incident = await lock_incident(conn, incident_id)
            next_state(incident.state, IncidentAction.UNASSIGN, life_safety=incident.life_safety)
            if incident.assigned_to is None:
                raise IllegalTransition(f"#{incident.number} is assigned to nobody")
            await casework.write_assignment(conn, incident_id, None, at=now, by=actor)
            detail = {"taken_from": incident.assigned_to}
            await _record(conn, incident, "unassigned", detail, actor=actor, note=note, now=now, origin=origin)

    # -- windows ------------------------------------------------------------------------------------------------------

    async def open_window(
        self,
        conn: Connection,
        scope: Scope,
        *,
        starts_at: datetime,
        ends_at: datetime,
        reason: str,
        actor: str,
        now: datetime,
        origin: str = "",
    ) -> MaintenanceWindow:
        """:raises WindowRefused: no scope, end or reason, or for life safety. :raises RegistryError: not registered."""
        check_window(scope, starts_at=starts_at, ends_at=ends_at, reason=reason, author=actor, now=now)
        if scope.rule:
            check_rule(scope.rule, RULE_WORDS.keys() | await rule_names(conn))
        async with conn.transaction():
            number = await windows.open_window(
                conn, scope, starts_at=starts_at, ends_at=ends_at, reason=reason, author=actor, at=now
            )
            window = await windows.window_of(conn, number)
            await append(
                conn,
                at=now,
                actor=actor,
                origin=origin,
                action="window.opened",
                subject=str(number),
                detail=_told(window),
            )
        return window

    async def end_window(
        self, conn: Connection, window_no: int, *, actor: str, now: datetime, origin: str = ""
    ) -> MaintenanceWindow:
        """What it holds and what still stands is raised by the alerting role at once.

        :raises UnknownWindow: :raises IllegalTransition: it is over already.
        """
        async with conn.transaction():
            if not await windows.end_window(conn, window_no, at=now, actor=actor):
                raise IllegalTransition(f"maintenance window {window_no} is over already")
            window = await windows.window_of(conn, window_no)
            await append(
                conn,
                at=now,
                actor=actor,
                origin=origin,
                action="window.ended",
                subject=str(window_no),
                detail=_told(window),
            )
        return window


def _told(window: MaintenanceWindow) -> dict[str, Any]:
    scope = window.scope
    named = {
        "site_id": scope.site_id,
        "device_id": scope.device_id,
        "rule": scope.rule,
        "device_kind": scope.device_kind.value if scope.device_kind else "",
    }
    return {
        **{name: value for name, value in named.items() if value},
        "starts_at": window.starts_at.isoformat(),
        "ends_at": window.ends_at.isoformat(),
        "reason": window.reason,
    }


async def _record(
    conn: Connection,
    incident: Incident,
    kind: str,
    detail: dict[str, Any],
    *,
    actor: str,
    note: str,
    now: datetime,
    origin: str,
) -> None:
    """A line in the timeline and an entry in the audit trail."""
    told = detail | ({"note": note} if note else {})
    await add_entry(
        conn,
        incident.incident_id,
        at=now,
        kind=kind,
        actor=actor,
        detail=told | ({"origin": origin} if origin else {}),
    )
    await append(
        conn,
        at=now,
        actor=actor,
        origin=origin,
        action=f"incident.{kind}",
        subject=str(incident.incident_id),
        detail=told | {"number": incident.number},
    )
