"""Rosters: what holds over a time as a calendar, and the parts it is made of, edited one by one."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from dashboards.moments import Moment
from dashboards.people import who
from dashboards.problems import InvalidField, problem_responses
from dashboards.rosters import Roster
from dashboards.routes import API_PREFIX
from dashboards.schemas import ReasonBody
from dashboards.schemas.rosters import (
    DoneReply,
    DutyCalendarReply,
    PatternBody,
    PatternNoReply,
    RequirementsBody,
    ShiftBody,
    ShiftNoReply,
)
from dashboards.services import Services, json_reply
from domain.duty import DutyPattern, DutyRequirement

_LONGEST = timedelta(days=62)
_REFUSALS = problem_responses(403, 404, 409, 413, 422, 503)
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Its number.")]


def roster_routes(services: Services, roster: Roster) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/duty", tags=["duty"])

    @routes.get(
        "/calendar",
        summary="A roster over a time",
        description="Of a site or the bureau, 62 days at most: who is on duty from when to when, when nobody is who"
        " should be, and the shifts, patterns, swaps, overrides and requirements that it follows from.",
        response_model=DutyCalendarReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_duty_calendar(
        since: Annotated[Moment, Query(description="From when on.")],
        until: Annotated[Moment, Query(description="Until when.")],
        site_id: Annotated[str, Query(pattern=r"^[a-z0-9-]{0,32}$", description="Empty = the bureau.")] = "",
    ) -> Response:
        if not since < until <= since + _LONGEST:
            raise InvalidField("until", f"expected a time after `since`, and within {_LONGEST.days} days")
        return json_reply(await services.reader.within(roster.calendar(site_id, since, until)))

    @routes.post(
        "/shifts",
        summary="Write a shift",
        description="The same person, place, role and beginning once more changes its end.",
        response_model=ShiftNoReply,
        responses=_REFUSALS,
    )
    async def add_duty_shift(request: Request, body: ShiftBody) -> Response:
        work = roster.add_shift(
            body.person_id,
            site_id=body.site_id,
            role=body.role,
            starts_at=body.starts_at,
            ends_at=body.ends_at,
            by=await who(request, body.actor),
        )
        return json_reply({"shift_no": await services.reader.within(work)})

    @routes.post(
        "/shifts/{number}/remove",
        summary="Take a shift off",
        description="One that has not begun. Of what has begun somebody else takes over, or stands in.",
        response_model=DoneReply,
        responses=_REFUSALS,
    )
    async def remove_duty_shift(request: Request, number: Number, body: ReasonBody) -> Response:
        by = await who(request, body.actor)
        await services.reader.within(roster.remove_shift(number, reason=body.reason, by=by))
        return json_reply({"done": True})

    @routes.post(
        "/patterns",
        summary="Write a pattern",
        description="Who is on duty on such days where no shift is written.",
        response_model=PatternNoReply,
        responses=_REFUSALS,
    )
    async def add_duty_pattern(request: Request, body: PatternBody) -> Response:
        pattern = DutyPattern(
            pattern_no=0,
            site_id=body.site_id,
            role=body.role,
            person_no=0,
            day_kinds=frozenset(body.day_kinds),
            weekdays=frozenset(body.weekdays),
            starts=body.starts,
            ends=body.ends,
            first_day=body.first_day,
            last_day=body.last_day,
        )
        work = roster.add_pattern(body.person_id, pattern, by=await who(request, body.actor))
        return json_reply({"pattern_no": await services.reader.within(work)})

    @routes.post(
        "/patterns/{number}/remove",
        summary="End a pattern",
        description="From today on; what it said of the days before stays.",
        response_model=DoneReply,
        responses=_REFUSALS,
    )
    async def remove_duty_pattern(request: Request, number: Number, body: ReasonBody) -> Response:
        by = await who(request, body.actor)
        await services.reader.within(roster.remove_pattern(number, reason=body.reason, by=by))
        return json_reply({"done": True})

    @routes.post(
        "/overrides/{number}/void",
        summary="Void an override",
        description="Nobody stands in any more, from now on for everybody who asks; it stays readable with the reason.",
        response_model=DoneReply,
        responses=_REFUSALS,
    )
    async def void_override(request: Request, number: Number, body: ReasonBody) -> Response:
        by = await who(request, body.actor)
        await services.reader.within(roster.void_override(number, reason=body.reason, by=by))
        return json_reply({"done": True})

    @routes.put(
        "/requirements",
        summary="When somebody has to be on duty",
        description="Of one role at a site or the bureau, in place of what was required; it decides what is a gap.",
        response_model=DoneReply,
        responses=_REFUSALS,
    )
    async def put_duty_requirements(request: Request, body: RequirementsBody) -> Response:
        wanted = [
            DutyRequirement(
                site_id=body.site_id,
                role=body.role,
                day_kinds=frozenset(one.day_kinds),
                starts=one.starts,
                ends=one.ends,
            )
            for one in body.required
        ]
        by = await who(request, body.actor)
        await services.reader.within(roster.require(body.site_id, body.role, wanted, by=by))
        return json_reply({"done": True})

    return routes
