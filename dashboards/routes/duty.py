"""Duty: people without their addresses, who is on duty, changes of the roster, and its audit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from dashboards.moments import Moment
from dashboards.people import check_site
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import Actor, Incoming, Text
from dashboards.schemas.duty import (
    ContactTestReply,
    HandoverReply,
    OnDutyListReply,
    OverrideReply,
    PeopleReply,
    RosterFaultsReply,
    ShiftsReply,
    SwapReply,
)
from dashboards.services import Services, json_reply
from domain.duty import DutyRole, Person
from domain.roster import Roster
from storage.duty import all_people, load_roster, shifts_between
from storage.pool import Connection

_SITE = r"^[a-z0-9-]{0,32}$"
_LONGEST = timedelta(days=62)
Site = Annotated[str, Query(pattern=_SITE, description="A site; empty = the bureau.")]
PersonId = Annotated[str, Field(min_length=1, max_length=64, description="What lists call somebody.")]


class StandInBody(Incoming):
    """Somebody stands in, instead of one person or (empty) of everybody who would be on duty."""

    actor: Actor
    person_id: PersonId
    instead_of: str = Field(default="", max_length=64)
    site_id: str = Field(default="", pattern=_SITE)
    role: DutyRole = DutyRole.LEADER
    starts_at: Moment
    ends_at: Moment
    note: Text = Field(default="", max_length=2000)


class SwapBody(Incoming):
    """Two shifts change hands."""

    actor: Actor
    shift_no: int = Field(ge=1, le=2**31 - 1)
    other_no: int = Field(ge=1, le=2**31 - 1)
    note: Text = Field(default="", max_length=2000)


class HandoverBody(Incoming):
    """Who hands over to whom (交接班)."""

    actor: Actor
    from_id: PersonId
    to_id: PersonId
    site_id: str = Field(default="", pattern=_SITE)
    role: DutyRole = DutyRole.LEADER
    note: Text = Field(default="", max_length=2000)


class ActorBody(Incoming):
    actor: Actor


def shown_person(person: Person) -> dict[str, Any]:
    """Somebody without his addresses: those are secrets."""
    return {
        "person_id": person.person_id,
        "name": person.name,
        "site_id": person.site_id,
        "language": person.language,
        "reachable": person.reachable,
        "contacts": [msgspec.to_builtins(contact) for contact in person.contacts],
    }


def duty_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/duty", tags=["duty"])
    zone = services.settings.zone

    @routes.get(
        "/people",
        summary="The list of people",
        description="With the ways to them and how their tests went; addresses are shown nowhere.",
        response_model=PeopleReply,
        responses=problem_responses(422, 503),
    )
    async def list_people(
        site_id: Annotated[str | None, Query(pattern=_SITE, description="Of one site; empty = the bureau.")] = None,
    ) -> Response:
        found = await services.reader.read(lambda conn: all_people(conn, site_id=site_id))
        return json_reply({"items": [shown_person(person) for person in found]})

    @routes.get(
        "/who",
        summary="Who is on duty",
        description="At a moment (now), for a site and for the bureau, after swaps and overrides.",
        response_model=OnDutyListReply,
        responses=problem_responses(422, 503),
    )
    async def who(
        at: Annotated[Moment | None, Query(description="The moment; now without it.")] = None, site_id: Site = ""
    ) -> Response:
        moment = at or services.clock.now()
        if site_id:
            check_site(site_id)

        async def query(conn: Connection) -> Roster:
            return await load_roster(conn, moment, moment, zone=zone, site_ids=[site_id])

        roster = await services.reader.read(query)
        found = [
            {**shown_person(one.person), "role": one.role, "on_duty_for": one.site_id, "source": one.source}
            for place in dict.fromkeys((site_id, ""))
            for role in DutyRole
            for one in roster.who(moment, place, role)
        ]
        return json_reply({"items": found})

    @routes.get(
        "/shifts",
        summary="Shifts as they are written",
        description="Of two weeks from now, or of the time that is asked for (62 days at most); without swaps.",
        response_model=ShiftsReply,
        responses=problem_responses(422, 503),
    )
    async def list_shifts(
        since: Annotated[Moment | None, Query(description="From when on.")] = None,
        until: Annotated[Moment | None, Query(description="Until when.")] = None,
    ) -> Response:
        begin = since or services.clock.now()
        end = min(until or begin + timedelta(days=14), begin + _LONGEST)
        found = await services.reader.read(lambda conn: shifts_between(conn, begin, end, limit=5000))
        shown = [
            {
                "shift_no": shift.shift_no,
                "name": shift.leader,
                "site_id": shift.site_id,
                "role": shift.role,
                "starts_at": shift.starts_at,
                "ends_at": shift.ends_at,
            }
            for shift in found
        ]
        return json_reply({"items": shown})

    @routes.get(
        "/audit",
        summary="What is wrong with the roster",
        description="In the coming seven days: gaps, people without a contact, contacts that failed their test.",
        response_model=RosterFaultsReply,
        responses=problem_responses(503),
    )
    async def audit() -> Response:
        return json_reply({"items": await services.reader.within(services.responder.audit())})

    @routes.post(
        "/overrides",
        summary="Somebody stands in",
        description="Instead of one person, or of everybody who would be on duty.",
        response_model=OverrideReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def add_override(body: StandInBody) -> Response:
        number = await services.reader.within(
            services.responder.stand_in(
                body.person_id,
                instead_of=body.instead_of,
                site_id=body.site_id,
                role=body.role,
                starts_at=body.starts_at,
                ends_at=body.ends_at,
                actor=body.actor,
                note=body.note,
            )
        )
        return json_reply({"override_no": number})

    @routes.post(
        "/swaps",
        summary="Two shifts change hands",
        description="Each of two people of the list gets the other's shift.",
        response_model=SwapReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def add_swap(body: SwapBody) -> Response:
        number = await services.reader.within(
            services.responder.swap(body.shift_no, body.other_no, actor=body.actor, note=body.note)
        )
        return json_reply({"swap_no": number})

    @routes.post(
        "/handovers",
        summary="Hand over",
        description="Is written down; who takes over before his own duty begins stands in for the rest of it.",
        response_model=HandoverReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def add_handover(body: HandoverBody) -> Response:
        until: datetime | None = await services.reader.within(
            services.responder.hand_over(
                body.from_id, body.to_id, site_id=body.site_id, role=body.role, actor=body.actor, note=body.note
            )
        )
        return json_reply({"stands_in_until": until})

    @routes.post(
        "/contacts/{contact_no}/test",
        summary="Test a contact",
        description="Sends a test message and keeps with the contact whether it was taken.",
        response_model=ContactTestReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def test_contact(
        contact_no: Annotated[int, Path(ge=1, le=2**31 - 1, description="Contact.")], body: ActorBody
    ) -> Response:
        error = await services.reader.within(
            services.responder.test_contact(contact_no, actor=body.actor), timeout_s=30.0
        )
        return json_reply({"ok": not error, "error": error})

    return routes
