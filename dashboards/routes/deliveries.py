"""Deliveries of all incidents: what waits, what is tried again, what was given up."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response

from dashboards.paging import Cursor, Limit, decode_cursor, page_of
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas.deliveries import DeliveriesReply
from dashboards.services import Services, json_reply
from storage.delivery_list import DeliveryPlace, Which, delivery_counts, delivery_lines
from storage.pool import Connection

_FAILED_OF = timedelta(days=7)


def delivery_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["links"])

    @routes.get(
        "/deliveries",
        summary="Deliveries",
        description="Of all incidents, reports and early warnings, the newest first. `waiting`: not sent yet;"
        " `retried`: of those, the ones that were tried in vain; `failed`: given up.",
        response_model=DeliveriesReply,
        responses=problem_responses(422, 503),
    )
    async def list_deliveries(
        which: Annotated[Which, Query(description="How they stand.")] = "all",
        recipient: Annotated[
            str | None, Query(pattern=r"^[a-z][a-z0-9_-]{0,31}$", description="To one link, as in the settings.")
        ] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        after = decode_cursor(cursor, DeliveryPlace)

        async def query(conn: Connection) -> dict[str, Any]:
            found = await delivery_lines(conn, which, limit=limit + 1, recipient=recipient, after=after)
            page = page_of(found, limit, lambda last: DeliveryPlace(last.created_at, last.delivery_id))
            since = services.clock.now() - _FAILED_OF
            return {**msgspec.structs.asdict(page), "counts": await delivery_counts(conn, since=since)}

        return json_reply(await services.reader.read(query))

    return routes
