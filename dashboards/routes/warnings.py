"""Early warnings: issued to groups of sites, read by each of them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from dashboards.liaison import Liaison
from dashboards.people import check_site, sites, who
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import ReasonBody
from dashboards.schemas.warnings import ReadBody, ReadReply, WarningBody, WarningDetailReply, WarningReply
from dashboards.services import Services, json_reply
from domain.early_warning import Audience, EarlyWarning, Tally
from domain.errors import UnknownWarning
from storage.early_warnings import early_warnings, receipts, tallies
from storage.pool import Connection


def _shown(one: EarlyWarning) -> dict[str, Any]:
    """Whoever is bound to sites is not told which others it is for."""
    told, only = msgspec.structs.asdict(one), sites()
    if only is not None:
        named = tuple(site_id for site_id in one.audience.sites if site_id in only)
        told["audience"] = msgspec.structs.replace(one.audience, sites=named)
    return told


_NOBODY = Tally(sites=0, read=0, unread=0, unreachable=0, median_s=None)
_CHANGES = problem_responses(403, 404, 409, 413, 422, 503)


def warning_routes(services: Services, liaison: Liaison) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/warnings", tags=["warnings"])
    desk = liaison.warnings

    async def detail(warning_id: UUID) -> Response:
        async def query(conn: Connection) -> Response:
            found = await early_warnings(conn, warning_id=warning_id, sites=sites())
            if not found:
                raise UnknownWarning(f"no early warning {warning_id}")
            tally = (await tallies(conn, [warning_id], sites=sites())).get(warning_id, _NOBODY)
            return json_reply(
                {
                    **_shown(found[0]),
                    "tally": tally,
                    "receipts": await receipts(conn, warning_id, sites=sites()),
                }
            )

        return await services.reader.read(query)

    @routes.get(
        "",
        summary="Early warnings",
        description="The newest first, each with how many sites have read it.",
        response_model=list[WarningReply],
        responses=problem_responses(422, 503),
    )
    async def list_warnings(
        in_force: Annotated[bool, Query(description="Only those in force now.")] = False,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Response:
        async def query(conn: Connection) -> Response:
            found = await early_warnings(
                conn, at=services.clock.now() if in_force else None, sites=sites(), limit=limit
            )
            counted = await tallies(conn, [one.warning_id for one in found], sites=sites())
            return json_reply([{**_shown(one), "tally": counted.get(one.warning_id, _NOBODY)} for one in found])

        return await services.reader.read(query)

    @routes.get(
        "/{warning_id}",
        summary="One early warning",
        description="With each site: who has not read it first.",
        response_model=WarningDetailReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_warning(warning_id: UUID) -> Response:
        return await detail(warning_id)

    @routes.post(
        "",
        summary="Issue an early warning",
        description="To all sites, or to those that are named, of a township or of a kind. Whoever leads there is told,"
        " and reminded until the site has read it.",
        response_model=WarningDetailReply,
        responses=_CHANGES,
    )
    async def issue_warning(body: WarningBody, request: Request) -> Response:
        warning_id = await services.reader.within(
            desk.issue(
                kind=body.kind,
                level=body.level,
                title_zh=body.title_zh,
                title_en=body.title_en,
                text_zh=body.text_zh,
                text_en=body.text_en,
                audience=Audience(townships=tuple(body.townships), kinds=tuple(body.kinds), sites=tuple(body.sites)),
                valid_from=body.valid_from,
                valid_until=body.valid_until,
                by=await who(request, body.actor),
            )
        )
        return await detail(warning_id)

    @routes.post(
        "/{warning_id}/read",
        summary="A site has read it",
        description="It is reminded no more. The first who says so is kept.",
        response_model=ReadReply,
        responses=_CHANGES,
    )
    async def read_warning(warning_id: UUID, body: ReadBody, request: Request) -> Response:
        check_site(body.site_id)
        by = await who(request, body.actor)
        return json_reply({"news": await services.reader.within(desk.read(warning_id, body.site_id, by=by))})

    @routes.post(
        "/{warning_id}/cancel",
        summary="Lift an early warning",
        description="Nobody is reminded of it any more.",
        response_model=WarningDetailReply,
        responses=_CHANGES,
    )
    async def cancel_warning(warning_id: UUID, body: ReasonBody, request: Request) -> Response:
        await services.reader.within(desk.cancel(warning_id, body.reason, by=await who(request, body.actor)))
        return await detail(warning_id)

    return routes
