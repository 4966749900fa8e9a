"""Maintenance windows, and what they hold back."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from dashboards.paging import Cursor, Limit, RowNumber, decode_cursor, page_of
from dashboards.people import IdempotencyKey, sites, who
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import ActionBody, PageReply
from dashboards.schemas.windows import HeldReply, WindowBody, WindowReply
from dashboards.services import Services, json_reply
from domain.maintenance import HeldState, Scope
from storage.windows import held_findings, windows

WindowNo = Annotated[int, Path(ge=1, le=2**63 - 1, description="Window.")]


class _Before(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Place in a list: the number of a row."""

    number: RowNumber


def window_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["maintenance"])

    @routes.get(
        "/windows",
        summary="Maintenance windows",
        description="The newest first.",
        response_model=PageReply[WindowReply],
        responses=problem_responses(422, 503),
    )
    async def list_windows(
        state: Annotated[
            Literal["active", "planned", "over", "all"], Query(description="How they stand at this moment.")
        ] = "active",
        site_id: Annotated[
            str | None, Query(pattern=r"^[a-z0-9-]{1,32}$", description="Of one site, and those of no site.")
        ] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        before, now = decode_cursor(cursor, _Before), services.clock.now()
        found = await services.reader.read(
            lambda conn: windows(
                conn,
                which=state,
                now=now,
                site_id=site_id,
                sites=sites(),
                before=before.number if before else None,
                limit=limit + 1,
            )
        )
        return json_reply(page_of(found, limit, lambda one: _Before(one.window_no)))

    @routes.post(
        "/windows",
        summary="Open a maintenance window",
        description="What it covers opens no incident and is listed instead; what still stands at its end is raised"
        " then. It has an end, a reason and an author. Life safety goes through every window.",
        response_model=WindowReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def open_window(request: Request, body: WindowBody, idempotency_key: IdempotencyKey = None) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        scope = Scope(site_id=body.site_id, device_id=body.device_id, rule=body.rule, device_kind=body.device_kind)
        work = services.desk.open_window(
            scope, starts_at=body.starts_at, ends_at=body.ends_at, reason=body.reason, by=by
        )
        return json_reply(await services.reader.within(work))

    @routes.post(
        "/windows/{window_no}/end",
        summary="End a maintenance window",
        description="Before its time. What it holds and what still stands is raised at once.",
        response_model=WindowReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def end_window(
        request: Request, window_no: WindowNo, body: ActionBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        return json_reply(await services.reader.within(services.desk.end_window(window_no, by=by)))

    @routes.get(
        "/held",
        summary="What windows hold back",
        description="Findings that opened no incident because a window covers them. The newest first.",
        response_model=PageReply[HeldReply],
        responses=problem_responses(422, 503),
    )
    async def list_held(
        window_no: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Of one window.")] = None,
        state: Annotated[HeldState | None, Query(description="`standing`: held at this moment.")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        before = decode_cursor(cursor, _Before)
        found = await services.reader.read(
            lambda conn: held_findings(
                conn,
                window_no=window_no,
                state=None if state is None else state.value,
                sites=sites(),
                before=before.number if before else None,
                limit=limit + 1,
            )
        )
        return json_reply(page_of(found, limit, lambda one: _Before(one.held_no)))

    return routes
