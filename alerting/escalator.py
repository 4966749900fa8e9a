"""The escalator: has people told, step by step, until somebody takes an incident. The database is the state machine.

A step is claimed, its sends are queued and the next one is set in one transaction, with the incident locked. So each
step is done once, however many processes run, and whoever dies in the middle has done nothing. An acknowledgement locks
the same incident: it comes before the step, which then is not done, or after it, and cancels what is still queued.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from msgspec.structs import replace

from alerting.desk import SYSTEM, Desk
from alerting.escalation import (
    addressees,
    advanced,
    again_id,
    anew,
    reaches,
    send_id,
    step_key,
    taken_until,
    used_up,
    ways,
)
from alerting.place import Place
from alerting.rounds import ASIDE_FOR, OnFault, Rounds, unheard
from alerting.templates import call
from domain.clock import Clock
from domain.delivery import Delivery, DeliveryChannel, Notice
from domain.duty import Contact, Person
from domain.errors import ResponsePlanError
from domain.incident import OPEN_STATES, Incident, IncidentAction, IncidentState, next_state
from domain.response import USUAL, Grade, GradePlan, Step
from domain.roster import Roster
from storage import deliveries as outbox
from storage.duty import load_roster, people_by_id
from storage.incidents import add_entry, lock_incident, move_incident
from storage.pool import Connection, Pool, wrapped_errors
from storage.responses import (
    DueResponse,
    PlanVersion,
    Response,
    ResponseState,
    claim_responses,
    claim_upgrade,
    is_open,
    last_heard,
    load_plan,
    lock_response,
    newest_plan_version,
    next_response,
    open_at_site,
    put_off,
    queue_upgrades,
    take_upgrade,
    write_response,
)
from storage.safety_officers import reachable_officers

log = structlog.get_logger("alerting.escalator")

#: Incidents of one transaction, which also ends after so many seconds: whoever acknowledges one of them waits for it.
BATCH, BATCH_S = 50, 0.1
POLL_S = 2.0


class Escalator:
    """``wake`` is set by whoever learns that an incident wants an answer."""

    def __init__(
        self,
        *,
        pool: Pool,
        desk: Desk,
        clock: Clock,
        wake: asyncio.Event,
        on_step: Callable[[int], None] = lambda sends: None,
        poll_s: float = POLL_S,
        on_fault: OnFault = unheard,
    ) -> None:
        self._pool = pool
        self._desk = desk
        self._clock = clock
        self._on_step = on_step
        self._poll_s = poll_s
        self._rounds: Rounds[UUID | int] = Rounds("escalator", wake=wake, on_fault=on_fault)
        self._plans: dict[int, PlanVersion] = {}

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        await self._rounds.run(self._round)

    async def _round(self) -> float:
        upgraded = 0
        # A batch at a time: first calls do not wait behind thousands of upgrades.
        while upgraded < BATCH and await self._upgrade_one():
            upgraded += 1
        if await self.work_off() or upgraded == BATCH:
            return 0.0  # there may be more, and upgrades that followed
        async with wrapped_errors(), self._pool.connection() as conn:
            due = await next_response(conn)
        if due is None:
            return self._poll_s
        # Due already: another process has it in hand.
        left_s = (due - self._clock.now()).total_seconds()
        return min(self._poll_s, left_s if left_s > 0 else 0.05)

    async def work_off(self) -> int:
        """Do what is due, one batch; how many incidents that were."""
        now, done = self._clock.now(), 0
        began = asyncio.get_running_loop().time()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            claimed = await claim_responses(conn, at=now, limit=BATCH)
            if claimed:
                context = _Context(conn, now, self._desk.zone, {one.site_id for one in claimed})
                for one in claimed:
                    # Neither what the database refuses nor a slip of ours in one may keep others from being called.
                    if not await self._rounds.row(conn, one.incident_id, partial(self._one, context, one), now=now):
                        await put_off(conn, one.incident_id, until=now + ASIDE_FOR)
                    done += 1
                    if asyncio.get_running_loop().time() - began > BATCH_S:
                        break
        return done

    async def _one(self, context: _Context, due: DueResponse) -> None:
        await self._go_on(context, due.read(), await lock_incident(context.conn, due.incident_id))

    # -- one incident -------------------------------------------------------------------------------------------------

    async def _go_on(self, context: _Context, response: Response, incident: Incident) -> None:
        conn = context.conn
        main_id = None if incident.life_safety else incident.merged_into
        merged = main_id is not None and await is_open(conn, main_id)
        if incident.state not in OPEN_STATES or incident.shelved_until is not None or merged:
            # Shelved, it begins anew off the shelf, merged, once it is split or the other has ended.
            await write_response(conn, replace(response, state=ResponseState.OVER, next_at=None))
            return
        if response.grade is None:
            response = await self._graded(context, response, incident)
        plan = await self._grade_plan(conn, response)
        if response.state is ResponseState.TAKEN:
            await self._look_after_taken(context, response, incident, plan)
        elif response.state is not ResponseState.RUNNING:
            await write_response(conn, replace(response, next_at=None))
        elif incident.state is IncidentState.RETURNED and not incident.life_safety and response.round > 0:
            # It is over by itself and somebody was told: it waits in the queue, and wakes nobody again.
            await write_response(conn, replace(response, state=ResponseState.EXHAUSTED, next_at=None))
        else:
            await self._do_steps(context, response, incident, plan)

    async def _graded(self, context: _Context, response: Response, incident: Incident) -> Response:
        """Give the incident its grade, and others of its site too where together they are worse."""
        conn, now = context.conn, context.now
        version = await newest_plan_version(conn)
        plan = (await self._plan(conn, version)).plan
        grade = plan.grade_of(
            rule=incident.rule,
            category=incident.category,
            severity=incident.severity,
            life_safety=incident.life_safety,
            site_id=incident.site_id,
        )
        detail: dict[str, object] = {"plan": version}
        for upgrade in plan.upgrades:
            if incident.rule not in upgrade.rules or upgrade.grade >= grade or not incident.site_id:
                continue
            together = await open_at_site(
                conn,
                site_no=incident.site_no,
                rules=upgrade.rules,
                since=incident.raised_at - timedelta(seconds=upgrade.within_s),
                until=incident.raised_at + timedelta(seconds=upgrade.within_s),
                test=incident.test,
                drill=incident.drill,
            )
            if len(together) >= upgrade.count:
                grade, detail["together"] = upgrade.grade, len(together)
                others = [other for other in together if other != incident.incident_id]
                await queue_upgrades(conn, others, grade, together=len(together))
        detail["grade"] = grade.name
        links = await self._desk.tell_further_links(conn, incident, plan.grades[grade].links, now=now)
        if links:
            detail["links"] = links
        await add_entry(conn, incident.incident_id, at=now, kind="graded", actor=SYSTEM, detail=dict(detail))
        return replace(response, grade=grade, plan_version=version)

    async def _upgrade_one(self) -> bool:
        """Raise the grade of an incident that others made graver. Whoever has taken it is not disturbed."""
        now = self._clock.now()
        aside = [key for key in self._rounds.aside(now) if isinstance(key, int)]
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            upgrade_no = await claim_upgrade(conn, but=aside)
            if upgrade_no is None:
                return False
            await self._rounds.row(conn, upgrade_no, partial(self._upgrade, conn, upgrade_no, now), now=now)
        return True

    async def _upgrade(self, conn: Connection, upgrade_no: int, now: datetime) -> None:
        upgrade = await take_upgrade(conn, upgrade_no)
        incident = await lock_incident(conn, upgrade.incident_id)
        response = await lock_response(conn, upgrade.incident_id)
        if (
            response is None
            or response.grade is None  # it sees the others itself, when it is graded
            or response.grade <= upgrade.grade
            or incident.state not in OPEN_STATES
        ):
            return
        before = response.grade
        response = replace(response, grade=upgrade.grade)
        if response.state in (ResponseState.RUNNING, ResponseState.EXHAUSTED):
            response = anew(response, now=now)
        await write_response(conn, response)
        detail = {"from": before.name, "grade": upgrade.grade.name, "together": upgrade.together}
        await add_entry(conn, incident.incident_id, at=now, kind="regraded", actor=SYSTEM, detail=detail)

    async def _look_after_taken(
        self, context: _Context, response: Response, incident: Incident, plan: GradePlan
    ) -> None:
        """Somebody has taken it: unless anything follows in time, it is as if he had not."""
        conn, now = context.conn, context.now
        until = taken_until(response, plan, heard=await last_heard(conn, incident.incident_id))
        if until is None or incident.state is not IncidentState.ACKNOWLEDGED:
            await write_response(conn, replace(response, next_at=None))
            return
        if until > now:
            await write_response(conn, replace(response, next_at=until))
            return
        after = next_state(incident.state, IncidentAction.EXPIRE, life_safety=incident.life_safety)
        await move_incident(conn, incident.incident_id, IncidentAction.EXPIRE, after, at=now, actor=SYSTEM)
        detail = {"taken_by": response.taken_by, "after_s": plan.taken_for_s}
        await add_entry(conn, incident.incident_id, at=now, kind="acknowledgement_expired", actor=SYSTEM, detail=detail)
        await self._do_steps(context, anew(response, now=now), incident, plan)

    async def _do_steps(self, context: _Context, response: Response, incident: Incident, plan: GradePlan) -> None:
        """The step that is due, and those behind it for which nobody has to be waited."""
        conn, now = context.conn, context.now
        while response.next_at is not None and response.next_at <= now:
            if used_up(response, plan):
                if plan.steps:
                    detail = {"rounds": response.round}
                    await add_entry(
                        conn, incident.incident_id, at=now, kind="nobody_answered", actor=SYSTEM, detail=detail
                    )
                response = replace(response, state=ResponseState.EXHAUSTED, next_at=None)
                break
            reached = await self._do_step(context, response, incident, plan.steps[response.step])
            response = advanced(response, plan, now=now, reached=reached)
        await write_response(conn, response)

    async def _do_step(self, context: _Context, response: Response, incident: Incident, step: Step) -> bool:
        """Queue what one step sends; whether anybody is reached by it."""
        conn, now, key = context.conn, context.now, step_key(response)
        roster, sites = await context.roster(step)
        named = await people_by_id(conn, [whom.person_id for whom in step.whom if whom.person_id])
        people = addressees(
            step,
            roster=roster,
            named=named,
            site_id=incident.site_id,
            sites=sites,
            at=now,
            category=incident.category,
            officers=await context.officers(step, incident.site_id),
        )
        sends = [
            self._notice(response, incident, key, person, contact, now=now)
            for person in people
            for contact in ways(person, step)
        ]
        first = response.step == 0 and response.round == 0
        if first and response.taken_before and response.taken_before not in {one.name for one in people}:
            sends += await self._again(conn, response, incident, key, response.taken_before, now=now)
        await outbox.queue_deliveries(conn, sends, life_safety=incident.life_safety)
        self._on_step(len(sends))
        if not sends:
            if response.round == 0:
                kind = "nobody_on_duty" if first and not people else "step_skipped"
                why = "unreachable" if people else "nobody_on_duty"
                detail = (
                    {} if kind == "nobody_on_duty" else {"step": response.step + 1, "why": why, "of": _names(people)}
                )
                await add_entry(conn, incident.incident_id, at=now, kind=kind, actor=SYSTEM, detail=detail)
            return False
        if not first:
            detail = {"step": response.step + 1, "round": response.round + 1, "told": _names(people)}
            await add_entry(conn, incident.incident_id, at=now, kind="escalated", actor=SYSTEM, detail=detail)
        return any(reaches(person, step) for person in people)

    async def _again(
        self, conn: Connection, response: Response, incident: Incident, key: str, taker: str, *, now: datetime
    ) -> list[Delivery]:
        """What whoever had taken it is told: it calls again. He may not be on duty, or not in this step."""
        return [
            Delivery(
                delivery_id=again_id(incident.incident_id, key, f"{channel.value}|{sorted(way.items())}"),
                incident_id=incident.incident_id,
                channel=channel,
                recipient=taker,
                notice=Notice.RAISED,
                body=self._words(response, incident, str(way.get("language", "zh"))) | way,
                created_at=now,
                next_attempt_at=now,
                step_key=key,
            )
            for channel, way in await outbox.ways_told(conn, incident.incident_id, taker)
        ]

    def _words(self, response: Response, incident: Incident, language: str) -> dict[str, object]:
        """What people are told in the step that is due."""
        place = self._desk.gazetteer.place(incident.site_id, incident.device_id)
        words = call(
            language,
            rule=incident.rule,
            severity=incident.severity,
            drill=incident.drill,
            test=incident.test,
            number=incident.number,
            grade=response.grade or Grade.IV,
            place=place,
            raised_at=incident.raised_at,
            zone=self._desk.zone,
            round_no=response.round + 1,
            topic=_beside(incident, place, language),
            found=incident.detail,
            anew=response.step == 0 and response.taken_before is not None,
        )
        return {"title": words.title, "text": words.text, "language": language}

    def _notice(
        self,
        response: Response,
        incident: Incident,
        key: str,
        person: Person,
        contact: Contact | None,
        *,
        now: datetime,
    ) -> Delivery:
        body = self._words(response, incident, person.language)
        if person.officer_no is not None:
            body["officer_no"] = person.officer_no
        elif contact is None:
            body["shift_no"] = person.shift_no
        else:
            body |= {"contact_no": contact.contact_no, "person_id": person.person_id}
        return Delivery(
            delivery_id=send_id(incident.incident_id, key, person, contact),
            incident_id=incident.incident_id,
            channel=DeliveryChannel.APPRISE if contact is None else contact.channel,
            recipient=person.name,
            notice=Notice.RAISED,
            body=body,
            created_at=now,
            next_attempt_at=now,
            step_key=key,
        )

    # -- plans --------------------------------------------------------------------------------------------------------

    async def _grade_plan(self, conn: Connection, response: Response) -> GradePlan:
        assert response.grade is not None
        version = response.plan_version if response.plan_version is not None else await newest_plan_version(conn)
        return (await self._plan(conn, version)).plan.grades.get(response.grade) or USUAL.grades[response.grade]

    async def _plan(self, conn: Connection, version: int) -> PlanVersion:
        if version not in self._plans:
            try:
                self._plans[version] = await load_plan(conn, version)
            except ResponsePlanError as error:
                # Another version of the program wrote it. People are called by the usual one, and not by none.
                log.error("plan not understood; the usual one holds", version=version, error=str(error))
                self._plans[version] = PlanVersion(version=version, plan=USUAL)
        return self._plans[version]


class _Context:
    """One transaction: what several incidents in it ask of the roster is asked once."""

    def __init__(self, conn: Connection, now: datetime, zone: ZoneInfo, site_ids: set[str]) -> None:
        self.conn = conn
        self.now = now
        self._zone = zone
        self._site_ids = site_ids
        self._near: Roster | None = None
        self._far: Roster | None = None
        self._officers: Mapping[str, Sequence[Person]] | None = None

    async def officers(self, step: Step, site_id: str) -> Sequence[Person]:
        """The safety officers of the site, where the step is for them."""
        if not any(whom.safety_officers for whom in step.whom):
            return ()
        if self._officers is None:
            self._officers = await reachable_officers(self.conn, self._site_ids)
        return self._officers.get(site_id, ())

    async def roster(self, step: Step) -> tuple[Roster, Sequence[str]]:
        """That of the incidents' sites, or of all where the step is for all; and which sites keep one."""
        if any(whom.where == "all_sites" for whom in step.whom):
            if self._far is None:
                self._far = await load_roster(self.conn, self.now, self.now, zone=self._zone)
            return self._far, self._far.sites
        if self._near is None:
            self._near = await load_roster(self.conn, self.now, self.now, zone=self._zone, site_ids=self._site_ids)
        return self._near, ()


def _beside(incident: Incident, place: Place, language: str) -> str:
    """What has to be said beside time and place: why a site is off target; who spoke, where he cannot be placed."""
    cause = incident.detail.get("cause_en" if language == "en" else "cause_zh")
    if cause:
        return str(cause)
    return str(incident.detail.get("topic", "")) if place.device is None else ""


def _names(people: Sequence[Person]) -> list[str]:
    return [person.name for person in people[:20]]
