"""The desk: turns findings and people's actions into incidents, timeline and deliveries.

Everything that belongs to one step is written in one transaction, which the caller owns. Ids follow from the finding,
so that a step that is done again (a redelivered message, a restart, a database that came back) makes nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec

from alerting.holding import held_back, settled
from alerting.message import Call, webhook_body
from alerting.place import Gazetteer
from alerting.policy import calls_again, links_told, tells_duty_leader, tells_links
from domain.delivery import Delivery, DeliveryChannel, Notice
from domain.errors import IllegalTransition
from domain.finding import Finding, FindingKind
from domain.incident import OPEN_STATES, Incident, IncidentAction, IncidentState, OpenCase, next_state
from storage import deliveries as outbox
from storage import incidents
from storage.audit_trail import append
from storage.notices import NoticeChannel, notify
from storage.pool import Connection
from storage.responses import begin_response, call_for_merged, end_response, is_running, take_response

#: Who acts where no person does.
SYSTEM = "system"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a finding: its incident, whether it was opened now, what the caller has to carry itself, and how the
    open incident of its key stands after it, if there is one.
    """

    incident_id: UUID
    opened: bool
    leased: tuple[Delivery, ...] = ()
    after: OpenCase | None = None


def incident_id_of(finding: Finding) -> UUID:
    """The id that an incident opened by ``finding`` has, in every process and at every try."""
    return uuid5(finding.finding_id, "incident")


def delivery_id_of(incident_id: UUID, recipient: str, notice: Notice, occurrence: str = "") -> UUID:
    return uuid5(incident_id, f"{notice.value}|{recipient}|{occurrence}")


class Desk:
    """``link_ids`` are the links that are configured, ``drill_links`` those of them that hear of a drill which does not
    say so itself (None = all); ``lease`` is how long a caller, ``holder`` by name, has to carry
    what it leased.
    """

    def __init__(
        self,
        *,
        gazetteer: Gazetteer,
        link_ids: Sequence[str],
        zone: ZoneInfo,
        lease: timedelta = timedelta(seconds=30),
        holder: str | None = None,
        drill_links: Sequence[str] | None = None,
    ) -> None:
        self.gazetteer = gazetteer
        self._link_ids = tuple(link_ids)
        self.zone = zone
        self._lease = lease
        self._holder = holder
        self._drill_links = self._link_ids if drill_links is None else tuple(drill_links)

    # -- findings ---------------------------------------------------------------------------------------------------

    async def take(
        self,
        conn: Connection,
        finding: Finding,
        *,
        now: datetime,
        lease_links: bool = False,
        call_again: bool = True,
    ) -> Case:
        """Handle one finding. With ``lease_links`` the caller carries the deliveries to links itself; without
        ``call_again`` links are not told that an incident came back, because a newer finding tells them.
        """
        if finding.kind is FindingKind.RAISED:
            return await self._raise(conn, finding, now=now, lease_links=lease_links, call_again=call_again)
        incident = await incidents.lock_open_incident(conn, finding.key)
        if incident is None and not await settled(conn, finding):
            # Either there is nothing that it is about any more, or the end of a window has just made an incident of it.
            incident = await incidents.lock_open_incident(conn, finding.key)
        if incident is None:
            # Its end or its update came when no incident was open any more: nothing to tell anybody.
            return Case(incident_id=incident_id_of(finding), opened=False)
        if finding.kind is FindingKind.UPDATED:
            await incidents.add_entry(
                conn, incident.incident_id, at=finding.at, kind="updated", actor=SYSTEM, detail=finding.detail
            )
            return Case(incident_id=incident.incident_id, opened=False, after=_standing(incident, incident.state))
        return await self._return(conn, incident, finding)

    def link_deliveries(self, finding: Finding, *, now: datetime, case: OpenCase | None = None) -> tuple[Delivery, ...]:
        """What the links have to be told if ``finding`` opens an incident, or brings back that of ``case``. Needs no
        database: the alarm lane sends these while the database is away, and they are the same ones that `take` queues
        once it is back.

        Their ids follow from the finding alone. Where memory takes an alarm for the first one and the database knows
        of an open incident, or the other way round, receivers still recognise the second copy.
        """
        if not tells_links(finding):
            return ()
        would_be_id = incident_id_of(finding)
        incident_id = would_be_id if case is None or case.incident_id is None else case.incident_id
        body = webhook_body(
            incident_id=incident_id,
            number=case.number if case is not None else None,
            rule=finding.rule,
            category=finding.category.value,
            severity=finding.severity,
            life_safety=finding.life_safety,
            test=finding.test,
            drill=finding.drill,
            raised_at=finding.at,
            place=self.gazetteer.place(finding.site_id, finding.device_id),
            notice=Notice.RAISED,
            at=now,
            call=Call(id=str(would_be_id), at=finding.at),
            references=_first_call(case, but=would_be_id),
            detail=finding.detail,
        )
        return tuple(
            Delivery(
                delivery_id=delivery_id_of(would_be_id, link_id, Notice.RAISED),
                incident_id=incident_id,
                channel=DeliveryChannel.WEBHOOK,
                recipient=link_id,
                notice=Notice.RAISED,
                body=body,
                created_at=now,
                next_attempt_at=now,
            )
            for link_id in links_told(self._link_ids, self._drill_links, drill=finding.drill, detail=finding.detail)
        )

    async def _raise(
        self, conn: Connection, finding: Finding, *, now: datetime, lease_links: bool, call_again: bool
    ) -> Case:
        incident_id = incident_id_of(finding)
        opened = None
        while opened is None:
            # Look first: an INSERT that meets an open one would still use up a number that people then miss.
            incident = await incidents.lock_open_incident(conn, finding.key)
            if incident is not None:
                return await self._raise_again(
                    conn, incident, finding, now=now, lease_links=lease_links, call_again=call_again
                )
            if await incidents.incident_known(conn, incident_id):
                # What this finding had opened is over: the finding is an old one, seen again.
                return Case(incident_id=incident_id, opened=False)
            if await held_back(conn, finding, now=now):
                return Case(incident_id=incident_id, opened=False)
            # None where somebody else opened one between our look and now: then it is theirs to repeat.
            opened = await incidents.open_incident(conn, incident_id, finding)
        await incidents.add_entry(conn, incident_id, at=finding.at, kind="raised", actor=SYSTEM, detail=finding.detail)
        after = _standing(opened, opened.state)
        links = await self._tell_links(conn, finding, after, now=now, lease_links=lease_links)
        await self._call_people(conn, opened, finding, now=now)
        return Case(incident_id=incident_id, opened=True, leased=links, after=after)

    async def _tell_links(
        self, conn: Connection, finding: Finding, case: OpenCase | None, *, now: datetime, lease_links: bool
    ) -> tuple[Delivery, ...]:
        """Queue what the links are told; what of it the caller has to carry."""
        links = self.link_deliveries(finding, now=now, case=case)
        await outbox.queue_deliveries(
            conn,
            links,
            life_safety=finding.life_safety,
            lease_until=now + self._lease if lease_links else None,
            leased_by=self._holder if lease_links else None,
        )
        return links if lease_links else ()

    async def _raise_again(
        self,
        conn: Connection,
        incident: Incident,
        finding: Finding,
        *,
        now: datetime,
        lease_links: bool,
        call_again: bool,
    ) -> Case:
        if incident.incident_id == incident_id_of(finding):
            return Case(incident_id=incident.incident_id, opened=False, after=_standing(incident, incident.state))
        anew = incident.state is IncidentState.ACKNOWLEDGED and calls_again(finding, incident.acknowledged_at)
        action = IncidentAction.CALL_AGAIN if anew else IncidentAction.RAISE
        after = next_state(incident.state, action, life_safety=incident.life_safety)
        standing = _standing(incident, after)
        links: tuple[Delivery, ...] = ()
        came_back = anew or incident.state in (IncidentState.RETURNED, IncidentState.NORMAL)
        times = int(finding.detail.get("times", 1))
        await incidents.move_incident(
            conn, incident.incident_id, action, after, at=finding.at, actor=SYSTEM, times=times
        )
        if not came_back:
            await incidents.add_repeated(
                conn,
                incident.incident_id,
                at=finding.at,
                actor=SYSTEM,
                detail=finding.detail,
                times=times,
            )
        else:
            detail = finding.detail | ({"taken_by": incident.acknowledged_by} if anew else {})
            await incidents.add_entry(
                conn, incident.incident_id, at=finding.at, kind="raised_again", actor=SYSTEM, detail=detail
            )
            # It had been over, or somebody presses anew: a new call for the links, and for whoever had taken it too.
            if call_again:
                links = await self._tell_links(conn, finding, standing, now=now, lease_links=lease_links)
            if incident.shelved_until is None:
                await self._call_people(conn, incident, finding, now=now)
        return Case(incident_id=incident.incident_id, opened=False, leased=links, after=standing)

    async def _return(self, conn: Connection, incident: Incident, finding: Finding) -> Case:
        after = next_state(incident.state, IncidentAction.RETURN, life_safety=incident.life_safety)
        case = Case(incident_id=incident.incident_id, opened=False, after=_standing(incident, after))
        if after is incident.state:
            return case
        await incidents.move_incident(
            conn, incident.incident_id, IncidentAction.RETURN, after, at=finding.at, actor=SYSTEM
        )
        await incidents.add_entry(
            conn, incident.incident_id, at=finding.at, kind="returned", actor=SYSTEM, detail=finding.detail
        )
        # What asks nobody for an answer is over with its cause: equipment troubles that are not grave.
        nobody_waits = not incident.life_safety and not tells_duty_leader(finding)
        if nobody_waits or (after is IncidentState.NORMAL and not incident.life_safety):
            await self._close(conn, incident, after, at=finding.at)
            return msgspec.structs.replace(case, after=None)
        return case

    @staticmethod
    async def _close(conn: Connection, incident: Incident, state: IncidentState, *, at: datetime) -> None:
        """The system closes what is over and waits for nobody; `next_state` refuses it for life safety."""
        after = next_state(state, IncidentAction.CLOSE, life_safety=incident.life_safety)
        await incidents.move_incident(conn, incident.incident_id, IncidentAction.CLOSE, after, at=at, actor=SYSTEM)
        await incidents.add_entry(conn, incident.incident_id, at=at, kind="closed", actor=SYSTEM)
        await end_response(conn, incident.incident_id)
        await call_for_merged(conn, incident.incident_id, at=at)

    @staticmethod
    async def _call_people(conn: Connection, incident: Incident, finding: Finding, *, now: datetime) -> None:
        """Have the alerting role tell whoever is on duty, step by step (`alerting.escalator`)."""
        if tells_duty_leader(finding):
            await begin_response(conn, incident.incident_id, life_safety=finding.life_safety, at=now)

    # -- people -----------------------------------------------------------------------------------------------------

    async def act(
        self,
        conn: Connection,
        incident_id: UUID,
        action: IncidentAction,
        *,
        actor: str,
        note: str,
        now: datetime,
        origin: str = "",
    ) -> None:
        """A person acknowledges, resets, closes or notes; ``origin``: from where.

        :raises UnknownIncident: there is no such incident.
        :raises IllegalTransition: its state does not allow it, or only the system may do this.
        """
        if action not in _DONE:
            raise IllegalTransition(f"{action.value} is not done so")
        async with conn.transaction():
            incident = await incidents.lock_incident(conn, incident_id)
            if action is IncidentAction.ACKNOWLEDGE and await _called_anew(conn, incident):
                after = incident.state  # who acknowledged it first, and when, stands
            else:
                after = next_state(incident.state, action, life_safety=incident.life_safety)
                await incidents.move_incident(conn, incident_id, action, after, at=now, actor=actor)
            detail: dict[str, Any] = {"note": note} if note else {}
            if action is IncidentAction.ACKNOWLEDGE:
                cancelled = await outbox.cancel_notices(conn, incident_id)
                if cancelled:
                    detail["cancelled"] = cancelled
                await take_response(conn, incident_id, by=actor, at=now)
            elif action in (IncidentAction.RESET, IncidentAction.CLOSE):
                await outbox.cancel_notices(conn, incident_id)
                await end_response(conn, incident_id)
                await call_for_merged(conn, incident_id, at=now)
            await append(
                conn,
                at=now,
                actor=actor,
                origin=origin,
                action=f"incident.{_DONE[action]}",
                subject=str(incident_id),
                detail=detail | {"number": incident.number, "state": [incident.state.value, after.value]},
            )
            if origin:
                detail["origin"] = origin
            await incidents.add_entry(conn, incident_id, at=now, kind=_DONE[action], actor=actor, detail=detail)
            if after not in OPEN_STATES:
                # Heard at once by the alarm lane, which must not take the next alarm for a repeated one.
                await notify(conn, NoticeChannel.ENDED, str(incident_id))
            if action is IncidentAction.RESET:
                await self._tell_links_of_reset(conn, incident, now=now)
            if action is IncidentAction.ACKNOWLEDGE and after is IncidentState.NORMAL and not incident.life_safety:
                await self._close(conn, incident, after, at=now)

    @staticmethod
    def tells_people(incident: Incident) -> bool:
        """Whether duty leaders are disturbed by such an incident."""
        return tells_duty_leader(_as_finding(incident, ""))

    async def call_people(self, conn: Connection, incident: Incident, *, now: datetime) -> None:
        """Have duty leaders told of an open incident (once more)."""
        await self._call_people(conn, incident, _as_finding(incident, ""), now=now)

    @staticmethod
    async def seen(conn: Connection, incident_id: UUID) -> Incident:
        """One incident, unlocked.

        :raises UnknownIncident: there is none with this id.
        """
        return await incidents.get_incident(conn, incident_id)

    async def _tell_links_of_reset(self, conn: Connection, incident: Incident, *, now: datetime) -> None:
        told = await outbox.notified_links(conn, incident.incident_id)
        await self._queue_for_links(conn, incident, told, Notice.RESET, now=now)

    async def tell_further_links(
        self, conn: Connection, incident: Incident, link_ids: Sequence[str], *, now: datetime
    ) -> list[str]:
        """Tell those of the configured links that do not know of the incident; which these were. Life safety told them
        all when it began.
        """
        told = await outbox.notified_links(conn, incident.incident_id)
        hear = links_told(self._link_ids, self._drill_links, drill=incident.drill, detail=incident.detail)
        further = [link_id for link_id in link_ids if link_id in hear and link_id not in told]
        await self._queue_for_links(conn, incident, further, Notice.RAISED, now=now)
        return further

    async def _queue_for_links(
        self, conn: Connection, incident: Incident, link_ids: Sequence[str], notice: Notice, *, now: datetime
    ) -> None:
        if not link_ids:
            return
        if notice is Notice.RESET:
            call = Call(id=f"{incident.incident_id}.reset", at=now)
            calls = await outbox.calls_of(conn, incident.incident_id)
        else:
            call, calls = Call(id=str(incident.incident_id), at=incident.raised_at), []
        body = webhook_body(
            incident_id=incident.incident_id,
            number=incident.number,
            rule=incident.rule,
            category=incident.category.value,
            severity=incident.severity,
            life_safety=incident.life_safety,
            test=incident.test,
            drill=incident.drill,
            raised_at=incident.raised_at,
            place=self.gazetteer.place(incident.site_id, incident.device_id),
            notice=notice,
            at=now,
            call=call,
            references=[Call(id=call_id, at=at) for call_id, at in calls],
            detail=incident.detail,
        )
        await outbox.queue_deliveries(
            conn,
            [
                Delivery(
                    delivery_id=delivery_id_of(incident.incident_id, link_id, notice),
                    incident_id=incident.incident_id,
                    channel=DeliveryChannel.WEBHOOK,
                    recipient=link_id,
                    notice=notice,
                    body=body,
                    created_at=now,
                    next_attempt_at=now,
                )
                for link_id in link_ids
            ],
            life_safety=incident.life_safety,
        )


_DONE = {
    IncidentAction.ACKNOWLEDGE: "acknowledged",
    IncidentAction.RESET: "reset",
    IncidentAction.CLOSE: "closed",
    IncidentAction.NOTE: "noted",
}


def _as_finding(incident: Incident, occurrence: str) -> Finding:
    """What a detector would say of it now."""
    return Finding(
        finding_id=uuid5(incident.incident_id, f"call|{occurrence}"),
        kind=FindingKind.RAISED,
        rule=incident.rule,
        key=incident.key,
        category=incident.category,
        severity=incident.severity,
        life_safety=incident.life_safety,
        site_no=incident.site_no,
        site_id=incident.site_id,
        device_no=incident.device_no,
        device_id=incident.device_id,
        at=incident.raised_at,
        found_at=incident.last_event_at,
        test=incident.test,
        drill=incident.drill,
        detail=incident.detail,
    )


async def _called_anew(conn: Connection, incident: Incident) -> bool:
    """Whether people are called though somebody has acknowledged it: a person has upgraded it since. Whoever of them
    takes it ends that, like every acknowledgement.
    """
    taken = incident.state in (IncidentState.ACKNOWLEDGED, IncidentState.NORMAL)
    return taken and await is_running(conn, incident.incident_id)


def _first_call(case: OpenCase | None, *, but: UUID) -> tuple[Call, ...]:
    """What links were told first of the incident that is there again."""
    if case is None or case.incident_id is None or case.raised_at is None or case.incident_id == but:
        return ()
    return (Call(id=str(case.incident_id), at=case.raised_at),)


def _standing(incident: Incident, state: IncidentState) -> OpenCase:
    return OpenCase(
        incident_id=incident.incident_id,
        number=incident.number,
        returned=state in (IncidentState.RETURNED, IncidentState.NORMAL),
        raised_at=incident.raised_at,
        acknowledged_at=incident.acknowledged_at if state is IncidentState.ACKNOWLEDGED else None,
    )
