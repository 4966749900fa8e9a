"""The registry from files: a dry run first, then for good."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from dashboards.imports import Importer
from dashboards.people import ByWhom, who
from dashboards.problems import InvalidField, problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import Text
from dashboards.schemas.imports import ImportedReply
from dashboards.services import Services, json_reply

#: Of a file over HTTP; `campuswatch registry import` takes larger ones.
MOST_BYTES = 16 * 1024 * 1024
TIMEOUT_S = 150.0
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def import_routes(services: Services, importer: Importer) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/registry", tags=["sites"])

    @routes.get(
        "/template",
        summary="An empty workbook",
        description="Every sheet of the register with its headings, to be filled in.",
        response_class=Response,
        responses={200: {"content": {_XLSX: {}}}, **problem_responses(422)},
    )
    async def get_registry_template(
        language: Annotated[Literal["zh", "en"], Query(description="Of the headings.")] = "zh",
    ) -> Response:
        from devices.register.exporter import register_workbook  # openpyxl, which the web role needs for nothing else

        made = await asyncio.to_thread(
            register_workbook, [], {}, zone=services.settings.zone, language=language, secrets=True
        )
        return Response(
            made,
            media_type=_XLSX,
            headers={"Content-Disposition": 'attachment; filename="registry.xlsx"'},
        )

    @routes.post(
        "/import",
        summary="Import the registry from a file",
        description="The body is an XLSX workbook (sites, devices, guards, shifts, posts, gates, barriers, officers,"
        f" calendar, bells) or a CSV of sites or devices, of at most {MOST_BYTES >> 20} MiB, told by its content. All"
        " or nothing: with any fault nothing is changed and each is named by line and column. What a file leaves out"
        " stays as it is; the same file again changes nothing.",
        response_model=ImportedReply,
        responses=problem_responses(403, 409, 413, 422, 503),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def import_registry(
        request: Request,
        actor: ByWhom,
        name: Annotated[Text, Query(min_length=1, max_length=200, description="Name of the file.")],
        dry_run: Annotated[bool, Query(description="Check everything and say what would change.")] = True,
    ) -> Response:
        by, content = await who(request, actor), await request.body()
        if not content:
            raise InvalidField("body", "expected a file")
        work = importer.take(name, content, dry_run=dry_run, by=by)
        return json_reply(await services.reader.within(work, timeout_s=TIMEOUT_S))

    return routes
