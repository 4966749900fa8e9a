"""Links to police and education: how they stand, and what people there say of deliveries."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from dashboards.liaison import Liaison
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas.links import AnsweredReply, LinkStateReply
from dashboards.services import Services, json_reply
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
