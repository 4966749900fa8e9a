"""Links to police and education: how they stand, and what people there say of deliveries."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from dashboards.liaison import Liaison
from dashboards.people import IdempotencyKey, who
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import ReasonBody, SignBody
from dashboards.schemas.links import AnsweredReply, LinkStateReply, PauseBody, ResentReply
from dashboards.services import Services, json_reply
from domain.delivery import DeliveryState
from storage.links import link_proofs

LinkId = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,31}$", description="As in the settings.")]


def link_routes(services: Services, liaison: Liaison) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/links", tags=["links"])

    @routes.get(
        "",
        summary="The links and their proof",
        description="Since when each link is alive (null: silent, or not proved since we last began to watch), its last"
        " heartbeat that was answered, the last test alarm that it gave a receipt for, and what waits for it.",
        response_model=list[LinkStateReply],
        responses=problem_responses(503),
    )
    async def list_links() -> Response:
        return json_reply(await services.reader.read(lambda conn: link_proofs(conn, services.settings.link_ids)))

    async def standing(link_id: str) -> Response:
        (proof,) = await services.reader.read(lambda conn: link_proofs(conn, [link_id]))
        return json_reply(proof)

    @routes.post(
        "/{link_id}/test",
        summary="Test a link",
        description="Has the role alerting send a test alarm now, marked as a test in every format; its receipt shows"
        " in `test_receipted_at`. The daily test goes on from here.",
        response_model=LinkStateReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def test_link(request: Request, link_id: LinkId, body: SignBody) -> Response:
        await services.reader.within(liaison.links.test(link_id, by=await who(request, body.actor)))
        return await standing(link_id)

    @routes.post(
        "/{link_id}/pause",
        summary="Pause the supervision of a link",
        description="Neither heartbeats nor test alarms for up to 72 hours, because its far end is worked on; to the"
        " targets it is unknown. Alarms go out all the same. It ends by itself.",
        response_model=LinkStateReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def pause_link(request: Request, link_id: LinkId, body: PauseBody) -> Response:
        by = await who(request, body.actor)
        until = services.clock.now() + timedelta(hours=body.hours)
        await services.reader.within(liaison.links.pause(link_id, until, body.reason, by=by))
        return await standing(link_id)

    @routes.post(
        "/{link_id}/resume",
        summary="End a pause",
        description="Before its time.",
        response_model=LinkStateReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def resume_link(request: Request, link_id: LinkId, body: SignBody) -> Response:
        await services.reader.within(liaison.links.resume(link_id, by=await who(request, body.actor)))
        return await standing(link_id)

    @routes.post(
        "/{link_id}/answers",
        summary="A person at the link answers",
        description="Called by the other agency: `accepted` or `refused` for the `webhook_id` of a delivery, some time"
        " after its receipt. Signed as Standard Webhooks with the secret of the link. The same answer may come again.",
        response_model=AnsweredReply,
        responses=problem_responses(401, 404, 413, 422, 503),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AnswerBody"}}},
            }
        },
    )
    async def answer_delivery(link_id: LinkId, request: Request) -> Response:
        body = await request.body()
        news = await services.reader.within(liaison.links.answer(link_id, request.headers, body))
        return json_reply({"taken": True, "news": news})

    return routes


def resending_routes(services: Services, liaison: Liaison) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/deliveries", tags=["links"])

    @routes.post(
        "/{delivery_id}/resend",
        summary="Send again",
        description="What was given up goes out once more under the same id, by which a receiver knows a second copy."
        " The reason stands in the timeline and in the audit. A notice to a person is refused once somebody has taken"
        " the incident.",
        response_model=ResentReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def resend_delivery(
        request: Request,
        delivery_id: Annotated[UUID, Path(description="Delivery.")],
        body: ReasonBody,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        by = await who(request, body.actor, key=idempotency_key)
        await services.reader.within(liaison.links.resend(delivery_id, body.reason, by=by))
        return json_reply({"delivery_id": delivery_id, "state": DeliveryState.QUEUED})

    return routes
