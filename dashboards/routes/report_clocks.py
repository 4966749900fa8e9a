"""Reporting up the line (2小时内上报): clocks that run, and their reports."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from dashboards.liaison import Liaison
from dashboards.people import who
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import ReasonBody, SignBody
from dashboards.schemas.report_clocks import ClockBody, ClockDetailReply, ClockReply, DraftBody, EditBody
from dashboards.services import Services, json_reply
from domain.errors import UnknownReport
from domain.report import ClockState
from storage.pool import Connection
from storage.reports import clocks, events_of, reports_of

_CHANGES = problem_responses(403, 404, 409, 413, 422, 503)


def clock_routes(services: Services, liaison: Liaison) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/report-clocks", tags=["report clocks"])
    desk = liaison.reports

    async def detail(clock_id: UUID) -> Response:
        async def query(conn: Connection) -> Response:
            found = await clocks(conn, clock_id=clock_id)
            if not found:
                raise UnknownReport(f"no clock {clock_id}")
            return json_reply(
                {
                    **msgspec.structs.asdict(found[0]),
                    "reports": await reports_of(conn, clock_id),
                    "events": await events_of(conn, clock_id),
                }
            )

        return await services.reader.read(query)

    @routes.get(
        "",
        summary="Clocks",
        description="Those that run first, the most urgent of them first. `due_at` is what a countdown counts to.",
        response_model=list[ClockReply],
        responses=problem_responses(422, 503),
    )
    async def list_clocks(
        state: Annotated[Literal["all", "running", "met", "missed", "waived"], Query()] = "all",
        incident_id: Annotated[UUID | None, Query(description="Of one incident.")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 200,
    ) -> Response:
        only = None if state == "all" else ClockState(state)
        return json_reply(
            await services.reader.read(lambda conn: clocks(conn, state=only, limit=limit, incident_id=incident_id))
        )

    @routes.get(
        "/{clock_id}",
        summary="One clock with its reports",
        description="With what became of it. That is added to and never changed.",
        response_model=ClockDetailReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_clock(clock_id: UUID) -> Response:
        return await detail(clock_id)

    @routes.post(
        "",
        summary="Start a clock by hand",
        description="Of an incident, or of a matter that no device reported: then `subject` names it.",
        response_model=ClockDetailReply,
        responses=_CHANGES,
    )
    async def start_clock(body: ClockBody, request: Request) -> Response:
        by = await who(request, body.actor)
        clock_id = await services.reader.within(
            desk.start(
                incident_id=body.incident_id,
                site_id=body.site_id,
                subject=body.subject,
                began_at=body.began_at,
                reason=body.reason,
                by=by,
            )
        )
        return await detail(clock_id)

    @routes.post(
        "/{clock_id}/drafts",
        summary="Draft a report",
        description="`first` (初报), `follow_up` (续报) or `final` (终报), from the timeline, to be edited.",
        response_model=ClockDetailReply,
        responses=_CHANGES,
    )
    async def draft_report(clock_id: UUID, body: DraftBody, request: Request) -> Response:
        await services.reader.within(desk.draft(clock_id, body.kind, by=await who(request, body.actor)))
        return await detail(clock_id)

    @routes.put(
        "/{clock_id}/drafts/{report_id}",
        summary="Edit a draft",
        description="What it said before stays in the events.",
        response_model=ClockDetailReply,
        responses=_CHANGES,
    )
    async def edit_report(clock_id: UUID, report_id: UUID, body: EditBody, request: Request) -> Response:
        await services.reader.within(desk.edit(report_id, body.text, by=await who(request, body.actor)))
        return await detail(clock_id)

    @routes.post(
        "/{clock_id}/drafts/{report_id}/approve",
        summary="Approve and send",
        description="To the education link. Its receipt stops the clock, if it comes in time.",
        response_model=ClockDetailReply,
        responses=_CHANGES,
    )
    async def approve_report(clock_id: UUID, report_id: UUID, body: SignBody, request: Request) -> Response:
        await services.reader.within(desk.approve(report_id, by=await who(request, body.actor)))
        return await detail(clock_id)

    @routes.post(
        "/{clock_id}/waive",
        summary="Nothing has to be reported",
        description="A person answers for it with a reason. Not once the time is up.",
        response_model=ClockDetailReply,
        responses=_CHANGES,
    )
    async def waive_clock(clock_id: UUID, body: ReasonBody, request: Request) -> Response:
        await services.reader.within(desk.waive(clock_id, body.reason, by=await who(request, body.actor)))
        return await detail(clock_id)

    return routes
