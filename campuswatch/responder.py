"""What people answer and decide about duty, from the web and the command line: each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from alerting.answers import Answers
from alerting.casework import Casework
from alerting.channels import Channel
from alerting.channels.voice_call import KEYS, read_key_press
from alerting.desk import Desk
from alerting.roster_audit import RosterFault
from alerting.templates import Template, previews, told
from campuswatch.once import once
from campuswatch.roster_watch import faults_of
from dashboards.people import Who
from domain.clock import Clock
from domain.delivery import Delivery, DeliveryChannel, Notice
from domain.duty import DutyOverride, DutyRole, Person
from domain.errors import DeliveryError, DutyError, LinkRefused
from domain.response import Answer, Called, Grade, checked
from storage.audit_trail import append
from storage.duty import (
    add_handover,
    contact_owner,
    load_roster,
    people_by_id,
    put_override,
    put_swap,
    record_contact_test,
)
from storage.pool import Connection, Pool, wrapped_errors
from storage.responses import add_plan, plan_of


class ResponderDesk:
    """``channels`` are the ways to people, for test messages; ``voice_secret`` is shared with the voice gateway."""

    def __init__(
        self,
        pool: Pool,
        desk: Desk,
        clock: Clock,
        *,
        channels: Mapping[DeliveryChannel, Channel],
        voice_secret: str | None = None,
    ) -> None:
        self._pool = pool
        self._answers = Answers(desk)
        self._casework = Casework(desk)
        self._clock = clock
        self._zone: ZoneInfo = desk.zone
        self._channels = channels
        self._voice_secret = voice_secret

    # -- answers ------------------------------------------------------------------------------------------------------

    async def answer(self, incident_id: UUID, answer: Answer, *, by: Who, note: str) -> None:
        do = self._answers.take if answer is Answer.TAKE else self._answers.decline

        async def work(conn: Connection) -> None:
            await do(conn, incident_id, actor=by.actor, note=note, now=self._clock.now(), origin=by.origin)

        await once(self._pool, self._clock, by, work, None)
        if answer is Answer.TAKE:
            await self._take_merged(incident_id, by.actor)

    async def _take_merged(self, incident_id: UUID, actor: str) -> None:
        """What is merged into it is taken with it; afterwards, for nobody holds two incidents."""
        async with wrapped_errors(), self._pool.connection() as conn:
            await self._casework.acknowledge_merged(conn, incident_id, actor=actor, now=self._clock.now())

    async def regrade(self, incident_id: UUID, grade: Grade, *, by: Who, note: str) -> None:
        async def work(conn: Connection) -> None:
            await self._answers.regrade(
                conn, incident_id, grade, actor=by.actor, note=note, now=self._clock.now(), origin=by.origin
            )

        await once(self._pool, self._clock, by, work, None)

    async def check(self, incident_id: UUID, item: str, *, by: Who, note: str) -> None:
        async def work(conn: Connection) -> None:
            await self._answers.check(
                conn, incident_id, item, actor=by.actor, note=note, now=self._clock.now(), origin=by.origin
            )

        await once(self._pool, self._clock, by, work, None)

    async def look(self, token: str) -> Called:
        async with wrapped_errors(), self._pool.connection() as conn:
            return await self._answers.look(conn, token, now=self._clock.now())

    async def follow(self, token: str, answer: Answer) -> Called:
        async with wrapped_errors(), self._pool.connection() as conn:
            called = await self._answers.follow(conn, token, answer, now=self._clock.now())
        if answer is Answer.TAKE:
            await self._take_merged(called.incident_id, called.name)
        return called

    async def key_pressed(self, headers: Mapping[str, str], body: bytes) -> None:
        if self._voice_secret is None:
            raise LinkRefused("no voice gateway is set up here")
        press = read_key_press(self._voice_secret, dict(headers), body)
        try:
            delivery_id = UUID(press.call_id.removeprefix("msg_"))
        except ValueError as error:
            raise LinkRefused("there was no such call") from error
        async with wrapped_errors(), self._pool.connection() as conn:
            called = await self._answers.answer_call(conn, delivery_id, KEYS[press.key][0], now=self._clock.now())
        if called.used_for == Answer.TAKE.value:
            await self._take_merged(called.incident_id, called.name)

    # -- plans --------------------------------------------------------------------------------------------------------

    async def add_plan(self, document: object, *, actor: str, note: str) -> int:
        plan = checked(plan_of(document))
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            version = await add_plan(conn, plan, at=now, by=actor, note=note)
            await append(conn, at=now, actor=actor, action="response_plan.made", subject=str(version))
        return version

    # -- duty ---------------------------------------------------------------------------------------------------------

    async def test_contact(self, contact_no: int, *, actor: str) -> str:
        async with wrapped_errors(), self._pool.connection() as conn:
            owner = await contact_owner(conn, contact_no)
        if owner is None:
            raise DutyError(f"there is no contact {contact_no}")
        channel, person = owner
        error = await self._try(channel, person, contact_no)
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            await record_contact_test(conn, contact_no, ok=not error, error=error, at=now)
            detail = {"contact_no": contact_no, "ok": not error}
            await append(conn, at=now, actor=actor, action="contact.tested", subject=person.person_id, detail=detail)
        return error

    async def _try(self, channel: DeliveryChannel, person: Person, contact_no: int) -> str:
        """Send a test message; why it was not taken, or ""."""
        if channel not in self._channels:
            return f"no {channel.value} channel is set up here"
        words = told(Template.TEST, person.language, name=person.name)
        now = self._clock.now()
        message = Delivery(
            delivery_id=uuid4(),
            incident_id=None,
            channel=channel,
            recipient=person.name,
            notice=Notice.TEST,
            body={
                "title": words.title,
                "text": words.text,
                "language": person.language,
                "contact_no": contact_no,
            },
            created_at=now,
            next_attempt_at=now,
        )
        try:
            await self._channels[channel].send(message)
        except DeliveryError as error:
            return str(error)
        return ""

    async def stand_in(
        self,
        person_id: str,
        *,
        instead_of: str,
        site_id: str,
        role: DutyRole,
        starts_at: datetime,
        ends_at: datetime,
        actor: str,
        note: str,
    ) -> int:
        if ends_at <= starts_at:
            raise DutyError("expected an end after the beginning")
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            person = await _named(conn, person_id)
            other = await _named(conn, instead_of) if instead_of else None
            override = DutyOverride(
                override_no=0,
                site_id=site_id,
                role=role,
                person_no=person.person_no,
                instead_of=other.person_no if other else None,
                starts_at=starts_at,
                ends_at=ends_at,
            )
            number = await put_override(conn, override, at=now, by=actor, note=note)
            detail = {"person": person_id, "instead_of": instead_of, "site": site_id, "role": role.value, "note": note}
            detail |= {"from": starts_at.isoformat(), "until": ends_at.isoformat()}
            await append(conn, at=now, actor=actor, action="duty.overridden", subject=str(number), detail=detail)
        return number

    async def swap(self, shift_no: int, other_no: int, *, actor: str, note: str) -> int:
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            number = await put_swap(conn, shift_no, other_no, at=now, by=actor, note=note)
            detail = {"shifts": [shift_no, other_no], "note": note}
            await append(conn, at=now, actor=actor, action="duty.swapped", subject=str(number), detail=detail)
        return number

    async def hand_over(
        self, from_id: str, to_id: str, *, site_id: str, role: DutyRole, actor: str, note: str
    ) -> datetime | None:
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            leaving, coming = await _named(conn, from_id), await _named(conn, to_id)
            roster = await load_roster(conn, now, now, zone=self._zone, site_ids=[site_id])
            on_duty = {one.person.person_no for one in roster.who(now, site_id, role)}
            if leaving.person_no not in on_duty:
                raise DutyError(f"{leaving.name} is not on duty now")
            until = None
            if coming.person_no not in on_duty:
                until = roster.until(now, site_id, role, leaving.person_no)
                override = DutyOverride(
                    override_no=0,
                    site_id=site_id,
                    role=role,
                    person_no=coming.person_no,
                    instead_of=leaving.person_no,
                    starts_at=now,
                    ends_at=until,
                )
                await put_override(conn, override, at=now, by=actor, note=note)
            number = await add_handover(
                conn,
                site_id=site_id,
                role=role,
                from_person=leaving.name,
                to_person=coming.name,
                at=now,
                by=actor,
                note=note,
            )
            detail = {"from": from_id, "to": to_id, "site": site_id, "role": role.value, "note": note}
            await append(conn, at=now, actor=actor, action="duty.handed_over", subject=str(number), detail=detail)
        return until

    async def audit(self) -> Sequence[RosterFault]:
        async with wrapped_errors(), self._pool.connection() as conn:
            return await faults_of(conn, now=self._clock.now(), zone=self._zone)

    def preview(self, language: str) -> dict[str, dict[str, str]]:
        return {name: {"title": words.title, "text": words.text} for name, words in previews(language).items()}


async def _named(conn: Connection, person_id: str) -> Person:
    found = await people_by_id(conn, [person_id])
    if person_id not in found:
        raise DutyError(f"nobody on the list is called {person_id!r}")
    return found[person_id]
