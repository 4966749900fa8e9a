"""What people answer to a call: I take it (我来处理), I can't (无法处理); and what they decide about the response.

From the web page, by the API, or by the link of a message. Each is one transaction with the incident locked, as the
escalator's steps are: what comes first holds.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from alerting.desk import Desk
from alerting.escalation import anew, used_up
from alerting.notice_link import read_token
from domain.delivery import Delivery, DeliveryChannel
from domain.errors import IllegalTransition, LinkRefused, ResponsePlanError
from domain.incident import OPEN_STATES, Incident, IncidentAction, IncidentState, next_state
from domain.response import Answer, Called, CheckItem, Grade
from storage.audit_trail import append
from storage.deliveries import delivery_by_id
from storage.duty import verify_contact
from storage.incidents import add_entry, lock_incident, move_incident
from storage.pool import Connection
from storage.responses import (
    Response,
    ResponseState,
    link_used,
    load_plan,
    lock_response,
    newest_plan_version,
    open_response,
    signing_key,
    tick,
    use_link,
    write_response,
)


class Answers:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def take(
        self, conn: Connection, incident_id: UUID, *, actor: str, note: str, now: datetime, origin: str = ""
    ) -> None:
        """:raises UnknownIncident: :raises IllegalTransition: somebody has taken it, or it is over."""
        await self._desk.act(
            conn, incident_id, IncidentAction.ACKNOWLEDGE, actor=actor, note=note, now=now, origin=origin
        )

    async def decline(
        self, conn: Connection, incident_id: UUID, *, actor: str, note: str, now: datetime, origin: str = ""
    ) -> None:
        """Somebody who was told cannot: the next step comes at once. Where he had taken it, it is as if nobody had.

        :raises UnknownIncident: :raises IllegalTransition: it is over.
        """
        async with conn.transaction():
            incident = await lock_incident(conn, incident_id)
            _must_be_open(incident)
            detail = {key: text for key, text in (("note", note), ("origin", origin)) if text}
            await add_entry(conn, incident_id, at=now, kind="declined", actor=actor, detail=detail)
            await append(
                conn,
                at=now,
                actor=actor,
                origin=origin,
                action="incident.declined",
                subject=str(incident_id),
                detail={"number": incident.number} | ({"note": note} if note else {}),
            )
            response = await lock_response(conn, incident_id)
            if response is None:
                return
            if response.state is ResponseState.RUNNING:
                await write_response(conn, replace(response, next_at=now))
            elif response.state is ResponseState.TAKEN and response.taken_by == actor:
                await self._give_back(conn, incident, response, actor=actor, now=now)

    @staticmethod
    async def _give_back(
        conn: Connection, incident: Incident, response: Response, *, actor: str, now: datetime
    ) -> None:
        """Whoever had taken it cannot: those who were not called yet come next, and where all were, it begins anew."""
        if incident.state is not IncidentState.ACKNOWLEDGED:
            return
        after = next_state(incident.state, IncidentAction.EXPIRE, life_safety=incident.life_safety)
        await move_incident(conn, incident.incident_id, IncidentAction.EXPIRE, after, at=now, actor=actor)
        freed = replace(response, state=ResponseState.RUNNING, next_at=now, taken_by=None, taken_at=None)
        if response.grade is not None:
            plan = (await load_plan(conn, response.plan_version or 0)).plan.grades[response.grade]
            freed = anew(response, now=now) if used_up(response, plan) else freed
        await write_response(conn, freed)

    async def regrade(
        self,
        conn: Connection,
        incident_id: UUID,
        grade: Grade,
        *,
        actor: str,
        note: str,
        now: datetime,
        origin: str = "",
    ) -> None:
        """A person gives another grade. A graver one begins anew with those whom it calls, though somebody has taken
        the incident: who upgrades wants more people.

        :raises UnknownIncident: :raises IllegalTransition: it is over, or has this grade.
        """
        async with conn.transaction():
            incident = await lock_incident(conn, incident_id)
            _must_be_open(incident)
            response = await lock_response(conn, incident_id)
            version = await newest_plan_version(conn)
            if response is None:
                await open_response(
                    conn, incident_id, grade, life_safety=incident.life_safety, at=now, plan_version=version
                )
                before = None
            elif response.grade is grade:
                raise IllegalTransition(f"it is {grade.words[1]} already")
            else:
                before = response.grade
                graver = before is None or grade < before
                response = replace(response, grade=grade, plan_version=version)
                await write_response(conn, anew(response, now=now) if graver else response)
            plan = (await load_plan(conn, version)).plan.grades[grade]
            links = await self._desk.tell_further_links(conn, incident, plan.links, now=now)
            detail: dict[str, object] = {"from": before.name if before else None, "grade": grade.name}
            detail |= {key: said for key, said in (("note", note), ("links", links), ("origin", origin)) if said}
            await add_entry(conn, incident_id, at=now, kind="regraded", actor=actor, detail=detail)
            await append(
                conn,
                at=now,
                actor=actor,
                origin=origin,
                action="incident.regraded",
                subject=str(incident_id),
                detail=detail | {"number": incident.number},
            )

    async def check(
        self,
        conn: Connection,
        incident_id: UUID,
        item: str,
        *,
        actor: str,
        note: str,
        now: datetime,
        origin: str = "",
    ) -> None:
        """Tick an item of the check-list off.

        :raises UnknownIncident: :raises IllegalTransition: it is ticked off already.
        :raises ResponsePlanError: there is no such item on the list of this grade.
        """
        async with conn.transaction():
            await lock_incident(conn, incident_id)
            response = await lock_response(conn, incident_id)
            items: tuple[CheckItem, ...] = ()
            if response is not None and response.grade is not None:
                version = response.plan_version or 0
                items = (await load_plan(conn, version)).plan.grades[response.grade].checklist
            if item not in {one.item for one in items}:
                raise ResponsePlanError(f"no item {item!r} on the list; there are {', '.join(i.item for i in items)}")
            if not await tick(conn, incident_id, item, at=now, actor=actor, note=note):
                raise IllegalTransition(f"{item!r} is ticked off already")
            detail = {"item": item} | {key: said for key, said in (("note", note), ("origin", origin)) if said}
            await add_entry(conn, incident_id, at=now, kind="checked", actor=actor, detail=detail)

    # -- links of messages --------------------------------------------------------------------------------------------

    async def look(self, conn: Connection, token: str, *, now: datetime) -> Called:
        """What the page of a link shows. Changes nothing: chat programs look at links to preview them.

        :raises LinkRefused: the link is not ours, or too old.
        """
        delivery = await _delivery_of(conn, token, now)
        return await _called(conn, delivery)

    async def follow(self, conn: Connection, token: str, answer: Answer, *, now: datetime) -> Called:
        """Do what the holder of a link decided, once.

        :raises LinkRefused: the link is not ours, too old, or was used.
        :raises IllegalTransition: somebody has taken the incident, or it is over. The link then is not used up.
        """
        delivery = await _delivery_of(conn, token, now)
        await self.answer(conn, delivery, answer, now=now, origin="link")
        return await _called(conn, delivery)

    async def answer_call(self, conn: Connection, delivery_id: UUID, answer: Answer, *, now: datetime) -> Called:
        """Somebody who was rung up pressed a key; once, as with a link.

        :raises LinkRefused: there was no such call, or it was answered already.
        :raises IllegalTransition: somebody has taken the incident, or it is over.
        """
        delivery = await delivery_by_id(conn, delivery_id)
        if delivery is None or delivery.channel is not DeliveryChannel.VOICE:
            raise LinkRefused("there was no such call")
        await self.answer(conn, delivery, answer, now=now, origin="voice")
        return await _called(conn, delivery)

    async def answer(self, conn: Connection, delivery: Delivery, answer: Answer, *, now: datetime, origin: str) -> None:
        """Whoever was told by ``delivery`` answers.

        :raises LinkRefused: he did already. :raises IllegalTransition: it is taken or over.
        """
        incident_id = _incident_of(delivery)
        async with conn.transaction():
            # The incident first, as everybody does who locks more than one thing.
            await lock_incident(conn, incident_id)
            if not await use_link(conn, delivery.delivery_id, at=now, action=answer.value):
                raise LinkRefused("链接已使用过 / this link was used already")
            act = self.take if answer is Answer.TAKE else self.decline
            await act(conn, incident_id, actor=delivery.recipient, note="", now=now, origin=origin)
            if (contact_no := delivery.body.get("contact_no")) is not None:
                await verify_contact(conn, int(contact_no), at=now)


async def _delivery_of(conn: Connection, token: str, now: datetime) -> Delivery:
    delivery_id = read_token(await signing_key(conn), token, now=now)
    delivery = await delivery_by_id(conn, delivery_id)
    if delivery is None or delivery.channel is DeliveryChannel.WEBHOOK:
        raise LinkRefused("链接无效 / this link is not valid")
    return delivery


async def _called(conn: Connection, delivery: Delivery) -> Called:
    return Called(
        incident_id=_incident_of(delivery),
        name=delivery.recipient,
        title=str(delivery.body["title"]),
        text=str(delivery.body["text"]),
        language=str(delivery.body.get("language", "zh")),
        used_for=await link_used(conn, delivery.delivery_id),
    )


def _incident_of(delivery: Delivery) -> UUID:
    if delivery.incident_id is None:
        raise LinkRefused("链接无效 / this link is not valid")
    return delivery.incident_id


def _must_be_open(incident: Incident) -> None:
    if incident.state not in OPEN_STATES:
        raise IllegalTransition(f"the incident is {incident.state.value}; there is nothing to do any more")
