"""Files of an incident, and the codes of what people found out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response

from dashboards.people import ByWhom, IdempotencyKey, who
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import IncidentId, Text
from dashboards.schemas.actions import VerificationReasonsReply
from dashboards.schemas.incidents import AttachmentReply
from dashboards.services import Services, json_reply
from domain.attachment import MEDIA_TYPES, MOST_BYTES
from domain.verification import REASONS
from storage.attachments import attachment_content

#: A file that is opened instead of saved runs nothing and loads nothing.
_SANDBOX = "sandbox; default-src 'none'"


def attachment_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["incidents"])

    @routes.post(
        "/incidents/{incident_id}/attachments",
        summary="Attach a file",
        description=f"The body is the file: a JPEG, PNG or WebP picture, an MP4 video, a PDF or UTF-8 text of at most"
        f" {MOST_BYTES // 1024 // 1024} MiB, told by its content and not by its name; at most 20 an incident.",
        response_model=AttachmentReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def attach_file(
        request: Request,
        incident_id: IncidentId,
        actor: ByWhom,
        name: Annotated[Text, Query(min_length=1, max_length=200, description="Name of the file.")],
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        by = await who(request, actor, key=idempotency_key)
        content = await request.body()
        return json_reply(await services.reader.within(services.desk.attach(incident_id, name, content, by=by)))

    @routes.get(
        "/incidents/{incident_id}/attachments/{attachment_no}",
        summary="An attached file",
        description="To be saved: a browser shows none of it as a page.",
        response_class=Response,
        responses={200: {"content": {kind: {} for kind in MEDIA_TYPES}}, **problem_responses(404, 422, 503)},
    )
    async def get_attachment(
        incident_id: IncidentId, attachment_no: Annotated[int, Path(ge=1, le=2**63 - 1, description="Number.")]
    ) -> Response:
        name, media_type, content = await services.reader.read(
            lambda conn: attachment_content(conn, incident_id, attachment_no)
        )
        return Response(
            content,
            media_type=media_type,
            headers={
                "Content-Disposition": f"attachment; filename=\"attachment\"; filename*=UTF-8''{quote(name, safe='')}",
                "Content-Security-Policy": _SANDBOX,
            },
        )

    @routes.get(
        "/verification-reasons",
        summary="Reasons of a verification",
        description="Codes, which verifications each may be the reason of, and their words.",
        response_model=VerificationReasonsReply,
    )
    async def list_verification_reasons() -> Response:
        return json_reply(
            {
                "reasons": [
                    {"code": code, "of": sorted(reason.of), "zh": reason.zh, "en": reason.en}
                    for code, reason in REASONS.items()
                ]
            }
        )

    return routes
