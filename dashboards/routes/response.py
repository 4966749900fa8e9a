"""The response to incidents: its grade and steps, what people answer, check-lists, plans and templates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from dashboards.people import IdempotencyKey, who
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import ActionBody, Actor, IncidentId, Incoming, Text, Workstation
from dashboards.schemas.duty import PlanReply, ResponseReply, TemplatesReply, VersionReply
from dashboards.services import Services, json_reply
from domain.errors import UnknownIncident
from domain.response import Answer, Grade
from storage.pool import Connection
from storage.responses import PlanVersion, load_plan, newest_plan_version, response_of, ticks
from storage.responses import Response as IncidentResponse


class GradeBody(Incoming):
    """Another grade by hand: 1 (I, the gravest) to 4 (IV)."""

    actor: Actor
    workstation: Workstation = ""
    grade: int = Field(ge=1, le=4)
    note: Text = Field(default="", max_length=2000)


class CheckBody(Incoming):
    """An item of the check-list is done."""

    actor: Actor
    workstation: Workstation = ""
    item: str = Field(min_length=1, max_length=64)
    note: Text = Field(default="", max_length=2000)


class PlanBody(Incoming):
    """A plan of the graded response, as `GET /response/plan` shows it."""

    actor: Actor
    plan: dict[str, Any]
    note: Text = Field(default="", max_length=2000)


def response_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["response"])

    @routes.get(
        "/incidents/{incident_id}/response",
        summary="How an incident is answered",
        description="Grade, state of the escalation, and the check-list with what is ticked off.",
        response_model=ResponseReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_response(incident_id: IncidentId) -> Response:
        async def query(conn: Connection) -> dict[str, Any]:
            response: IncidentResponse | None = await response_of(conn, incident_id)
            if response is None:
                raise UnknownIncident(f"nobody is called for incident {incident_id}")
            shown = {**msgspec.structs.asdict(response), "checklist": [], "steps": 0, "rounds": 0}
            if response.grade is not None:
                plan = (await load_plan(conn, response.plan_version or 0)).plan.grades[response.grade]
                done = {tick.item: tick for tick in await ticks(conn, incident_id)}
                shown["checklist"] = [
                    {**msgspec.structs.asdict(item), "done": done.get(item.item)} for item in plan.checklist
                ]
                shown["steps"] = len(plan.steps)
                shown["rounds"] = plan.rounds
            return shown

        return json_reply(await services.reader.read(query))

    @routes.post(
        "/incidents/{incident_id}/take",
        summary="I take it (我来处理)",
        description="As an acknowledgement: nobody further is called.",
        response_model=ResponseReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def take_incident(
        request: Request, incident_id: IncidentId, body: ActionBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        await services.reader.within(services.responder.answer(incident_id, Answer.TAKE, by=by, note=body.note))
        return await get_response(incident_id)

    @routes.post(
        "/incidents/{incident_id}/decline",
        summary="I can't (无法处理)",
        description="The next step of the escalation comes at once.",
        response_model=ResponseReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def decline_incident(
        request: Request, incident_id: IncidentId, body: ActionBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        await services.reader.within(services.responder.answer(incident_id, Answer.DECLINE, by=by, note=body.note))
        return await get_response(incident_id)

    @routes.post(
        "/incidents/{incident_id}/grade",
        summary="Another grade by hand",
        description="A graver one calls its people anew.",
        response_model=ResponseReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def grade_incident(
        request: Request, incident_id: IncidentId, body: GradeBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        await services.reader.within(services.responder.regrade(incident_id, Grade(body.grade), by=by, note=body.note))
        return await get_response(incident_id)

    @routes.post(
        "/incidents/{incident_id}/checklist",
        summary="Tick an item off",
        description="With who and when. Once.",
        response_model=ResponseReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def tick_item(
        request: Request, incident_id: IncidentId, body: CheckBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        await services.reader.within(services.responder.check(incident_id, body.item, by=by, note=body.note))
        return await get_response(incident_id)

    @routes.get(
        "/response/plan",
        summary="The plan that holds",
        description="Which incidents get which grade, and what each grade asks for.",
        response_model=PlanReply,
        responses=problem_responses(503),
    )
    async def get_plan() -> Response:
        async def query(conn: Connection) -> PlanVersion:
            return await load_plan(conn, await newest_plan_version(conn))

        plan = await services.reader.read(query)
        return json_reply(msgspec.to_builtins(plan, str_keys=True))

    @routes.post(
        "/response/plan",
        summary="A new version of the plan",
        description="Incidents that are under way keep the version by which they began.",
        response_model=VersionReply,
        responses=problem_responses(403, 409, 413, 422, 503),
    )
    async def put_plan(body: PlanBody) -> Response:
        version = await services.reader.within(services.responder.add_plan(body.plan, actor=body.actor, note=body.note))
        return json_reply({"version": version})

    @routes.get(
        "/response/templates",
        summary="What people are told",
        description="Every template of a message, filled in with an example.",
        response_model=TemplatesReply,
        responses=problem_responses(422, 503),
    )
    async def get_templates(lang: Annotated[Literal["zh", "en"], Query(description="Language.")] = "zh") -> Response:
        return json_reply(services.responder.preview(lang))

    return routes
